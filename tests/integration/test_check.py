"""`guild check`: a line for each thing that guild needs, here and on a remote."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support import Done, Guild, Server
from test_bad_input import complaint
from test_shells import SHELLS, Login, login
from test_unreachable import another_sshd, closed_port, key_pair, own_connections, small_disk

from guild_sync.agent.machine.abilities import has_aes

# Fixtures of other modules, for here too.
__all__ = ["closed_port", "login", "own_connections"]
pytestmark = pytest.mark.usefixtures("not_used_before")

HERE = [
    *("guild", "ssh", "Python", "rsync", "guild home", "file system", "space", "inodes"),
    *("for operations", "installers", "config file", "remotes"),
]
THERE = [
    *("address", "private key", "host key", "connection", "ssh server", "cipher"),
    *(
        "login shell",
        "agent",
        "clock",
        "round trip",
        "speed",
        "lanes",
        "compression",
        "Python",
        "rsync",
        "guild home",
        "file system",
        "space",
        "inodes",
    ),
    *("environment", "for operations", "installers"),
]

OLD_RSYNC = "#!/bin/sh\necho 'rsync  version 3.0.9  protocol version 30'\n"

Page = dict[str, dict[str, tuple[bool, str, Any]]]


def page(done: Done) -> Page:
    """What `guild check --json` says: host -> name -> whether it is ok, the text, the hint."""
    assert done.err == "", done
    return {
        section["host"] or "here": {
            line["name"]: (line["ok"], line["text"], line["hint"]) for line in section["checks"]
        }
        for section in json.loads(done.out)
    }


def checked(guild: Guild, *argv: str, code: int = 0) -> Page:
    done = guild("check", "--json", *argv)
    assert done.code == code, done
    return page(done)


def to_do(page: Page) -> list[tuple[str, str]]:
    """The lines that do not say ok, by host and name."""
    return [(host, name) for host, lines in page.items() for name in lines if not lines[name][0]]


def program(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


# ---- this machine


def test_all_is_well_here(guild: Guild, remote: str) -> None:
    done = guild.ok("check")
    assert done.lines[0] == "here"
    assert [line[2:].split("  ")[0] for line in done.lines[1:]] == HERE
    assert {line.split("  ok  ")[0] != line for line in done.lines[1:]} == {True}
    found = checked(guild)["here"]
    assert list(found) == HERE
    assert found["remotes"][1] == f"{remote}, sandbox"
    assert found["ssh"][1].startswith("OpenSSH_")
    assert found["for operations"][1].startswith(f"Python {sys.version.split()[0]} (")
    assert not guild.home.exists(), "a check makes nothing"
    assert found["guild home"][1] == f"{guild.home}, made when it is needed"


def test_a_line_that_is_not_ok_is_followed_by_what_to_do(guild: Guild) -> None:
    guild.config.write_text("remotes: {a: {type: ssh, host: h, prot: 22}, b: {type: ssh}}\n")
    done = guild("check")
    assert (done.code, done.err) == (1, "")
    (at,) = [number for number, line in enumerate(done.lines) if "to do" in line]
    told = ["config", "file", "to", "do", str(guild.config), "has", "2", "faults:"]
    assert done.lines[at].split() == told
    assert done.lines[at + 1 : at + 3] == [
        "        remotes: a: prot: is not a key of a remote (did you mean port?)",
        "        remotes: b: host: is missing",
    ]
    # The remote cannot be known then, and the page is shown all the same.
    assert list(checked(guild, "-r", "a", code=1)) == ["here"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OLD_RSYNC, "version 3.0.9"),
        ("#!/bin/sh\necho 'openrsync: protocol version 29'\n", "it tells no version"),
        (  # as macOS has it
            "#!/bin/sh\necho 'openrsync: protocol version 29'\n"
            "echo 'rsync version 2.6.9 compatible'\n",
            "version 2.6.9",
        ),
        ("#!/bin/sh\nexit 1\n", "it tells no version"),
    ],
)
def test_an_old_rsync_here(guild: Guild, tmp_path: Path, text: str, told: str) -> None:
    rsync = program(tmp_path / "bin/rsync", text)
    guild.env["PATH"] = f"{Path(rsync).parent}:{guild.env['PATH']}"
    found = checked(guild, code=1)
    assert to_do(found) == [("here", "rsync")]
    assert found["here"]["rsync"][1:] == (
        told,
        "guild needs rsync 3.1 or newer: install one, by apt install rsync, brew install rsync or "
        "pkg install rsync.",
    )


def test_no_ssh_and_no_rsync_here(guild: Guild, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    guild.env["PATH"] = str(tmp_path / "bin")
    found = checked(guild, code=1)
    assert to_do(found) == [("here", "ssh"), ("here", "rsync")]
    assert found["here"]["ssh"][1] == "ssh is not installed here"
    assert found["here"]["rsync"][1] == "it is not installed"
    guild.configure(x={"type": "ssh", "host": "127.0.0.1"})
    found = checked(guild, "-r", "x", code=1)
    assert found["x"]["connection"][:2] == (False, "ssh is not installed here")


def test_a_guild_home_that_cannot_be_written_to(guild: Guild) -> None:
    guild.env["GUILD_HOME"] = "/proc/guild"
    found = checked(guild, code=1)
    assert ("here", "guild home") in to_do(found)
    assert found["here"]["guild home"][1].startswith("cannot write to /proc: ")


def test_a_disk_that_is_almost_full(guild: Guild) -> None:
    with small_disk(guild.home, "10M"):
        found = checked(guild, "--space", code=1)
    assert found["here"]["space"] == (False, f"10.0M left for {guild.home}", "Make room.")


def test_a_disk_with_less_room_than_is_to_stay_free(guild: Guild) -> None:
    guild.config.write_text("keep-free: 900000G\n")
    ok, text, hint = checked(guild, "--space", code=1)["here"]["space"]
    assert (ok, text.partition(", ")[2]) == (False, "and 878.9T are to stay free")
    assert "keep-free in the config file" in hint


def test_a_disk_without_room_for_more_files(guild: Guild) -> None:
    with small_disk(guild.home, "10M,nr_inodes=100"):
        found = checked(guild, "--space", code=1)
    assert found["here"]["inodes"][0] is False


def test_an_argument_that_check_does_not_take(guild: Guild) -> None:
    assert complaint(guild("check", "x")) == [
        *("guild: 'x' is an argument too many", "Try 'guild check --help'.")
    ]
    assert complaint(guild("check", "-r", "x"))[0] == "guild: remote 'x' is not defined"
    guild.configure(gpu1={"type": "ssh", "host": "h"})
    for command in ("check", "clean"):
        hint = f"A remote is named so: -r gpu1. Try 'guild {command} --help'."
        assert complaint(guild(command, "gpu1"))[1] == hint


def test_a_name_of_no_remote_is_told_whatever_faults_other_remotes_have(guild: Guild) -> None:
    guild.configure(good={"type": "ssh", "host": "h"}, bad={"type": "ssh"}, s={"type": "s3"})
    assert complaint(guild("check", "-r", "x"))[0] == "guild: remote 'x' is not defined"
    assert complaint(guild("check", "-r", "s"))[0].startswith("guild: remote 's' is of type 's3'")
    assert ("here", "config file") in to_do(checked(guild, "-r", "bad", code=1))


# ---- a remote


def test_all_is_well_there(guild: Guild, remote: str, sshd: Server, there: Path) -> None:
    found = checked(guild, "-r", remote)
    assert list(found) == ["here", remote]
    assert list(found["here"]) == HERE
    lines = found[remote]
    assert list(lines) == THERE
    assert lines["host key"][1].startswith("known: ssh-ed25519 SHA256:")
    assert lines["address"][1].endswith(f"@127.0.0.1, port {sshd.state.port}")
    assert lines["ssh server"][1].startswith("OpenSSH_")
    assert lines["guild home"][1] == str(there)
    assert lines["login shell"][1] == "prints nothing by itself"


def test_the_connection_is_new_and_then_reused(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    with another_sshd(sshd, tmp_path / "other") as fresh:
        guild.configure(x=fresh.keys(there))
        first = checked(guild, "-r", "x")["x"]
        found = checked(guild, "-r", "x")["x"]
        guild.configure(x=fresh.keys(there, ssh_options=["ControlPersist=no"]))
        alone = checked(guild, "-r", "x")["x"]
    assert alone["round trip"] == alone["speed"], "no login is taken for what a byte takes"
    assert alone["speed"][1] == "not measured: no connection is kept open"
    assert alone["lanes"][1] == "one rsync"
    assert found["connection"][1] == "reused: one was open"
    assert found["host key"][1].startswith("known: "), "seen on a connection made for that"
    assert first["connection"][1] == "new"
    if has_aes():  # of this end; nobody has asked the other one yet
        assert first["cipher"][1].split(",")[0] == "aes128-gcm@openssh.com"
        assert found["cipher"][1] == "aes128-gcm@openssh.com, of a new connection"


def test_a_remote_that_is_down_shows_what_is_known(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, closed_port: int
) -> None:
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{closed_port} {public_key(sshd)}\n")
    guild.configure(x=sshd.keys(there, port=closed_port, known_hosts=str(known)))
    found = checked(guild, "-r", "x", code=3)["x"]
    assert list(found) == ["address", "private key", "host key", "connection"]
    assert found["host key"] == (True, "not seen; on file: ssh-ed25519", None)
    told = f"cannot reach remote 'x': 127.0.0.1:{closed_port} refused the connection"
    assert found["connection"][:2] == (False, told)
    assert found["connection"][2].startswith("Check that its ssh server runs")


def public_key(sshd: Server) -> str:
    path = Path(sshd.remote.private_key or "").parent / "host_key.pub"
    return " ".join(path.read_text().split()[:2])


def test_offline_nothing_is_connected_to(guild: Guild, sshd: Server, there: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        guild.configure(x=sshd.keys(there, port=listening.getsockname()[1]))
        found = checked(guild, "-r", "x", "--offline")
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert list(found["here"]) == HERE
    assert list(found["x"]) == ["address", "private key", "host key"]
    assert found["x"]["host key"][1] == "none is on file"


def test_a_host_key_that_is_not_known(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    (tmp_path / "known").write_text("")
    guild.configure(x=sshd.keys(there, known_hosts=str(tmp_path / "known")))
    found = checked(guild, "-r", "x", code=3)
    assert to_do(found) == [("x", "host key"), ("x", "connection")]
    _, text, hint = found["x"]["host key"]
    assert text.startswith("it is not known: ssh-ed25519 SHA256:")
    assert hint.startswith("Connect once by hand to check and accept it:\n  ssh ")
    assert (tmp_path / "known").read_text() == "", "a check accepts nothing"


def test_a_host_key_that_has_changed(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    other = key_pair(tmp_path / "key").with_suffix(".pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{sshd.state.port} {other}")
    guild.configure(x=sshd.keys(there, known_hosts=str(tmp_path / "known")))
    ok, text, hint = checked(guild, "-r", "x", code=3)["x"]["host key"]
    assert (ok, text.split(": ")[0]) == (False, "it has changed")
    assert "ssh-keygen -R" in hint


def test_a_key_that_is_refused(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    guild.configure(x=sshd.keys(there, private_key=str(key_pair(tmp_path / "key"))))
    found = checked(guild, "-r", "x", code=3)
    assert to_do(found) == [("x", "connection")]
    assert found["x"]["host key"][1].startswith("known: ")
    assert "Permission denied (publickey)" in found["x"]["connection"][1]


@pytest.mark.parametrize("mode", [0o644, None])
def test_a_private_key_that_ssh_does_not_take(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, mode: int | None
) -> None:
    key = tmp_path / "key"
    if mode is not None:
        shutil.copyfile(sshd.remote.private_key or "", key)
        key.chmod(mode)
    guild.configure(x=sshd.keys(there, private_key=str(key)))
    found = checked(guild, "-r", "x", "--offline", code=1)
    assert to_do(found) == [("x", "private key")]


def test_a_login_shell_that_prints(guild: Guild, login: Login, sshd: Server, there: Path) -> None:
    guild.configure(
        x=login("bash", "echo Welcome\necho Have a nice day\n").keys(there),
        guild_uat=sshd.keys(there),
    )
    found = checked(guild, "-r", "x", code=1)
    assert to_do(found) == [("x", "login shell"), ("x", "agent")]
    assert found["x"]["login shell"][1].endswith("watching: Welcome")
    assert "[ -t 1 ]" in found["x"]["login shell"][2]
    guild.ok("remote", "status", "guild-uat")  # the agent is there
    assert to_do(checked(guild, "-r", "x", code=1)) == [("x", "login shell")]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_is_asked_in_words_that_it_knows(
    guild: Guild, login: Login, there: Path, shell: str
) -> None:
    guild.configure(x=login(shell).keys(there))
    assert list(checked(guild, "-r", "x")["x"]) == THERE


def test_an_account_without_a_shell(guild: Guild, login: Login, there: Path) -> None:
    guild.configure(x=login("/usr/sbin/nologin").keys(there))
    assert to_do(checked(guild, "-r", "x", code=1)) == [("x", "login shell"), ("x", "agent")]


def test_an_old_rsync_there(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    program(tmp_path / "bin/rsync", OLD_RSYNC)
    with another_sshd(sshd, tmp_path / "other", path=f"{tmp_path}/bin:/usr/bin:/bin") as old:
        guild.configure(x=old.keys(there), guild_uat=sshd.keys(there))
        guild.ok("remote", "status", "guild-uat")  # the agent is there
        found = checked(guild, "-r", "x", code=1)
    assert to_do(found) == [("x", "rsync")]
    assert found["x"]["rsync"][1] == "version 3.0.9"


def test_an_old_python_there(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    answer = 'printf \'\\nGUILD-ANSWER {"old_python": "3.6"}\\n\''
    python = program(tmp_path / "bin/python3", f"#!/bin/sh\n{answer}\n")
    guild.configure(x=sshd.keys(there, python=python))
    found = checked(guild, "-r", "x", code=1)
    assert to_do(found) == [("x", "agent")]
    assert found["x"]["agent"][1] == "Python on remote 'x' is 3.6, and guild needs 3.8 or newer"


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_wrong(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, seconds: int
) -> None:
    fake = program(
        tmp_path / "bin/python3",
        "#!/bin/sh\nfor folder; do :; done\n"
        f"exec {os.path.realpath(sys.executable)} -I -c '"
        f"import runpy, sys, time; right = time.time; time.time = lambda: right() + {seconds}; "
        'sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$folder"\n',
    )
    guild.configure(x=sshd.keys(there, python=fake, venv_path=sys.prefix))
    found = checked(guild, "-r", "x", code=1)
    assert to_do(found) == [("x", "clock")]
    way = "ahead of" if seconds > 0 else "behind"
    number, text = found["x"]["clock"][1].split(" s ")
    assert text == f"{way} the one here"
    assert abs(float(number) - 3600) < 60


def test_the_environment_is_tried(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    guild.configure(
        good=sshd.keys(there, venv_path=sys.prefix),
        gone=sshd.keys(there, conda_env="nobody-has-it"),
        bad=sshd.keys(there, venv_activate=program(tmp_path / "activate", "echo no >&2; false\n")),
    )
    found = checked(guild, "-r", "good", "--env")
    assert list(found["here"]) == ["for operations", "installers"]
    assert list(found["good"]) == ["environment", "for operations", "installers"]
    assert found["good"]["environment"][1] == f"venv-path {sys.prefix}"
    assert found["good"]["for operations"][1] == (
        f"Python {sys.version.split()[0]} ({sys.prefix}/bin/python)"
    )
    assert "pip " in found["good"]["installers"][1]
    gone = checked(guild, "-r", "gone", "--env", code=1)
    assert to_do(gone) == [("gone", "for operations")]
    assert "conda environment 'nobody-has-it'" in gone["gone"]["for operations"][1]
    bad = checked(guild, "-r", "bad", "--env", code=1)["bad"]["for operations"]
    assert bad[1].endswith("failed: no")


def test_only_the_room_there(guild: Guild, remote: str, there: Path) -> None:
    found = checked(guild, "-r", remote, "--space")
    assert [list(lines) for lines in found.values()] == [["space", "inodes"]] * 2
    assert found[remote]["space"][1].endswith(f" left for {there}")


def test_a_remote_with_a_fault_is_told_of_where_only_a_part_is_asked_for(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(x=sshd.keys(there, venv_path="a\tb"), good=sshd.keys(there))
    fault = f"guild: {guild.config} has a fault:\n  remotes: x: venv-path: must be text on one "
    for words in (["x", "--env"], ["x,good", "--space"], ["x", "--env", "--json"]):
        done = guild("check", "-r", *words)
        assert done.code == 1 and done.err.startswith(fault), done
        assert ("good" in done.out) == ("x,good" in words)
    whole = guild("check", "-r", "x")
    assert (whole.code, whole.err) == (1, "")
    assert "remotes: x: venv-path" in whole.out, "the page has it"


def test_room_and_environment_of_a_remote_are_not_known_offline(guild: Guild, remote: str) -> None:
    said = complaint(guild("check", "-r", remote, "--offline", "--space"))
    assert said[0].startswith("guild: --env and --space of a remote need a connection")


def test_what_a_remote_says_cannot_move_the_cursor(guild: Guild, login: Login, there: Path) -> None:
    guild.configure(x=login("bash", "printf '\\033[31mred\\n'\n").keys(there))
    done = guild("check", "-r", "x")
    assert "\x1b" not in done.out
    assert "watching: ?[31mred" in done.out
