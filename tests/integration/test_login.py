"""`guild remote login`: a connection that a person opens, for all that asks nobody."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support import Done, Guild, Server, wait_until
from terminal import Terminal
from test_bad_input import complaint
from test_check import checked, program
from test_unreachable import another_sshd, key_pair, master_pid, own_connections, ssh_argv

# Fixtures of other modules, for here too.
__all__ = ["own_connections"]

CODE = "123456"
# Whoever comes with the key is asked for the code too; PAM has a file of its own for that, there.
KEY_AND_CODE = (
    "UsePAM yes",
    "PermitRootLogin yes",  # else sshd asks, and takes no answer for the right one
    "KbdInteractiveAuthentication yes",
    "AuthenticationMethods publickey,keyboard-interactive",
    "MaxSessions 2",
    "AllowTcpForwarding yes",  # it is a jump host too
)
PAM = """\
auth requisite pam_exec.so quiet expose_authtok {program}
auth required pam_permit.so
account required pam_permit.so
session required pam_permit.so
"""
BIND = 'mount --bind "$1" /etc/pam.d/sshd || exit 97; shift; exec "$@"'
PROMPT = "Password: "
SINCE = r"logged in since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, until nothing has used it for "


@pytest.fixture
def asking(sshd: Server, tmp_path: Path) -> Iterator[Server]:
    """An sshd that asks for a code besides the key."""
    if os.getuid() != 0:
        pytest.skip("only root can give an sshd a PAM of its own")
    code = program(tmp_path / "bin/code", f'#!/bin/sh\nread -r code\n[ "$code" = {CODE} ]\n')
    (tmp_path / "pam").write_text(PAM.format(program=code))
    within = ("unshare", "-m", "sh", "-c", BIND, "sh", str(tmp_path / "pam"))
    if subprocess.run([*within, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here, or no PAM")
    with another_sshd(sshd, tmp_path / "asking", *KEY_AND_CODE, within=within) as server:
        yield server


@contextmanager
def typing(guild: Guild, *argv: str) -> Iterator[Terminal]:
    env = {**guild.env, "NO_COLOR": "1"}
    with Terminal(guild.argv(*argv), env, guild.folder, 200) as terminal:
        yield terminal


def answer(terminal: Terminal, question: str, *texts: str) -> None:
    """Type each text once the question is asked for it, from the first time on."""
    for number, text in enumerate(texts, 1):
        wait_until(partial(_is_asked, terminal, question, number), question)
        terminal.type(f"{text}\n")


def _is_asked(terminal: Terminal, question: str, times: int) -> bool:
    return terminal.shown.count(question) >= times


def logged_in(guild: Guild, *argv: str, code: str = CODE) -> str:
    """What is shown where the code is typed, which is good."""
    with typing(guild, "remote", "login", *argv) as terminal:
        answer(terminal, PROMPT, code)
        assert terminal.end() == 0, terminal.shown
        return terminal.shown


@contextmanager
def session(name: str) -> Iterator[None]:
    """A session that is held for so long, and works, over the connection that is open."""
    argv = [*ssh_argv(name), "127.0.0.1", "echo; cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"\n"
        yield
        assert held.communicate(b"still here\n")[0] == b"still here\n"


def without_terminal(guild: Guild, *argv: str, **env: str) -> Done:
    done = subprocess.run(
        guild.argv(*argv),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=guild.folder,
        env={**guild.env, **env},
        start_new_session=True,
        timeout=60,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_after_a_login_no_command_needs_anybody_until_the_logout(
    guild: Guild, asking: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there, keep_open="10h"))
    run = guild("run", "op", "-r", "x", "--no-wait", "-y")
    assert complaint(run, 3)[-2:] == [
        "Log in, and guild uses that connection from then on:",
        "  guild remote login x",
    ]
    with typing(guild, "remote", "login", "x") as terminal:
        answer(terminal, PROMPT, "wrong", CODE)
        assert terminal.end() == 0, terminal.shown
        assert re.search(rf"^x: {SINCE}10h$", terminal.shown, re.M), terminal.shown
    assert CODE not in terminal.shown
    kept = [path for path in guild.home.rglob("*") if path.is_file()]
    typed = rf"\b(wrong|{CODE})\b".encode()
    assert not [path for path in kept if re.search(typed, path.read_bytes())], "what was typed"
    log = (tmp_path / "asking/log").read_text()

    run_id = guild.started("sleep=0", remote="x")
    guild.ok("watch", run_id, "-r", "x")
    guild.ok("pull", "x", "-y")
    assert guild.status(run_id) == "completed"
    found = checked(guild, "-r", "x")["x"]
    assert re.fullmatch(f"{SINCE}10h", found["connection"][1])
    assert "ssh server" not in found
    status = guild.ok("remote", "status", "x").lines
    assert re.fullmatch(f"x: {SINCE}10h", status[1])
    assert re.search(f"; {SINCE}10h$", guild.ok("remotes", "--status").lines[1])
    asked = json.loads(guild.ok("remotes", "--status", "--json").out)[1]
    assert (asked["keep_open"], asked["logged_in"] > 0) == (36000, True)
    again = guild.ok("remote", "login", "x").lines
    assert re.fullmatch(rf"x: {SINCE}10h \(--force logs in anew\)", again[0])
    assert (tmp_path / "asking/log").read_text() == log, "nobody has knocked there again"

    assert guild.ok("remote", "logout", "x").out == "x: the connection is closed\n"
    assert guild.ok("remote", "logout", "x").out == "x: no connection is open\n"
    assert guild("runs", "-r", "x").code == 3


def test_guild_closes_no_connection_that_it_cannot_open_again(
    guild: Guild, asking: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there))
    assert re.search(rf"^x: {SINCE}10m$", logged_in(guild, "x"), re.M)
    master = master_pid("x")
    # Other keys of the remote, of which ssh knows nothing, and the time that it is kept for.
    os.mkfifo(tmp_path / "fifo")
    slow = program(tmp_path / "bin/slow", f"#!/bin/sh\nread -r end <{tmp_path}/fifo\n")
    guild.configure(x=asking.keys(there, keep_open="1h", timeout=1, python=slow))
    assert complaint(guild("runs", "-r", "x"), 3)[0].endswith("did not answer in time")
    assert master_pid("x") == master
    (tmp_path / "fifo").write_text("\n")
    guild.configure(x=asking.keys(there))
    with session("x"), session("x"):
        said = complaint(guild("runs", "-r", "x"), 3)
        assert said[0].endswith("takes no more sessions at once on the connection that is open")
    wait_until(lambda: guild("runs", "-r", "x").code == 0, "a session that is free")
    assert master_pid("x") == master
    with session("x"):
        logged_in(guild, "--force", "x")
    assert master_pid("x") != master
    # Where it has died, the message says what there is to do.
    os.kill(master_pid("x"), 9)
    assert complaint(guild("runs", "-r", "x"), 3)[-1] == "  guild remote login x"


def test_a_login_has_cron_try_again_at_once(
    guild: Guild, asking: Server, there: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there))
    logged_in(guild, "x")
    run_id = guild.started("sleep=60", remote="x")
    guild.ok("pull", "x", "-y")
    guild.ok("stop", run_id, "-r", "x", "-y")
    guild.ok("remote", "logout", "x")
    assert guild("sync", "--cron").code == 3
    assert guild("sync", "--cron").code == 0, "it is left alone for a while"
    assert guild.status(run_id) == "running (x)"
    logged_in(guild, "x")
    assert guild("sync", "--cron").code == 0
    assert guild.status(run_id) == "terminated"


def test_three_wrong_codes_are_one_line_and_the_next_remote_is_logged_in_to(
    guild: Guild, asking: Server, remote: str, there: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there), y=asking.keys(there, connect_timeout=9))
    with typing(guild, "remote", "login", "x", "y", "x") as terminal:
        answer(terminal, PROMPT, "a", "b", "c", CODE)
        assert terminal.end() == 3
        ours = [line for line in terminal.shown.splitlines() if "remote 'x'" in line]
        assert ours == ["guild: the login to remote 'x' failed; ssh has said why"]
        assert re.search(f"^y: {SINCE}10m$", terminal.shown, re.M), terminal.shown
    assert guild.ok("runs", "-r", "y").out == ""


def test_ctrl_c_at_the_question_ends_the_login(
    guild: Guild, asking: Server, there: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there))
    with typing(guild, "remote", "login", "x") as terminal:
        wait_until(lambda: PROMPT in terminal.shown, "the question")
        terminal.type("\x03")
        assert terminal.end() == 130, terminal.shown
        assert terminal.shown.endswith("guild: interrupted\n")
    assert "no connection is open" in guild.ok("remote", "logout", "x").out


def test_where_nobody_can_be_asked_there_is_one_line(
    guild: Guild, asking: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    guild.configure(x=asking.keys(there), y=asking.keys(there))
    said = complaint(without_terminal(guild, "remote", "login", "x", "y"), 1)
    assert said[0] == "guild: there is no terminal to log in on"
    askpass = program(tmp_path / "bin/askpass", f"#!/bin/sh\necho {CODE}\n")
    env = {"SSH_ASKPASS": askpass, "SSH_ASKPASS_REQUIRE": "force"}
    done = without_terminal(guild, "remote", "login", "x", "y", **env)
    assert (done.code, done.err) == (0, "")
    # These two differ in nothing that ssh knows of: one connection serves both.
    assert re.fullmatch(rf"x: {SINCE}10m\ny: {SINCE}10m \(.*\)\n", done.out)
    assert without_terminal(guild, "remote", "login", "y").code == 0, "it is open"


def test_a_jump_host_on_the_way_may_ask_too(
    guild: Guild, asking: Server, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host gate\n  HostName 127.0.0.1\n  Port {asking.state.port}\n"
        f"  IdentityFile {asking.remote.private_key}\n"
        f"  UserKnownHostsFile {asking.remote.known_hosts}\n"
    )
    guild.configure(x=sshd.keys(there, ssh_config=str(config), proxy_jump="gate"))
    assert complaint(guild("runs", "-r", "x"), 3)[-1] == "  guild remote login x"
    logged_in(guild, "x")
    assert guild.ok("runs", "-r", "x").out == ""


# ---- what needs no root


def test_a_host_key_and_a_passphrase_are_asked_for_as_ssh_does(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    key = key_pair(tmp_path / "key")
    change = ["ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", str(key)]
    subprocess.run(change, check=True)
    lines = (f"AuthorizedKeysFile {key}.pub",)
    with another_sshd(sshd, tmp_path / "other", *lines) as server:
        known = tmp_path / "known"
        known.touch()
        given = server.keys(there, private_key=str(key), known_hosts=str(known))
        guild.configure(x={**given, "keep-open": 90})
        with typing(guild, "remote", "login", "x") as terminal:
            answer(terminal, "(yes/no/[fingerprint])?", "yes")
            answer(terminal, "passphrase", "correct horse")
            assert terminal.end() == 0, terminal.shown
            assert re.search(rf"^x: {SINCE}1m30s$", terminal.shown, re.M), terminal.shown
        assert known.read_text().startswith("[127.0.0.1]:")
        assert guild.ok("runs", "-r", "x").out == ""
        assert checked(guild, "-r", "x")["x"]["connection"][0]
        guild.ok("remote", "logout", "x")
        said = complaint(guild("runs", "-r", "x"), 3)
        assert said[-2:] == [
            "Where a key's passphrase, or a password, is to be typed:",
            "  guild remote login x",
        ]


def test_a_login_to_a_spec_is_closed_by_the_logout_from_all(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    guild.env["PATH"] = sshd.path_with_ssh(tmp_path / "bin", guild.env["PATH"])
    spec = f"ssh:127.0.0.1:{sshd.state.port}:{there}"
    with typing(guild, "remote", "login", spec) as terminal:
        assert terminal.end() == 0, terminal.shown
    assert guild.ok("remote", "status", spec).lines[1].startswith(f"{spec}: logged in since ")
    assert f"{spec}: the connection is closed\n" in guild.ok("remote", "logout").out
    assert len(guild.ok("remote", "status", spec).lines) == 1, "a connection, and no login"
    assert f"{spec}: the connection is closed\n" in guild.ok("remote", "logout", spec).out
    assert guild.ok("remote", "logout").out == "No connection is open.\n"


def test_a_connection_whose_remote_was_changed_since_is_closed_too(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(x=sshd.keys(there))
    guild.ok("remote", "logout", "x")  # other tests may have left one open to the same server
    with typing(guild, "remote", "login", "x") as terminal:
        assert terminal.end() == 0, terminal.shown
    master = master_pid("x")
    guild.configure(x=sshd.keys(there, connect_timeout=7))
    assert guild.ok("remote", "logout", "x").out == "x: the connection is closed\n"
    wait_until(lambda: not Path(f"/proc/{master}").exists(), "the end of the connection")
    guild.configure(z=sshd.keys(there))
    assert complaint(guild("remote", "logout", "x"), 1)[0] == "guild: remote 'x' is not defined"


def test_a_users_own_connection_is_taken_and_left(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(f"ControlMaster auto\nControlPath {tmp_path}/cm\nControlPersist 60\n")
    guild.configure(x=sshd.keys(there, ssh_config=str(config)))
    guild.ok("runs", "-r", "x")
    assert "x: a connection is open already (" in guild.ok("remote", "login", "x").out
    assert "one of your own ssh, and stays" in guild.ok("remote", "logout", "x").out
    with typing(guild, "remote", "login", "--force", "x") as terminal:
        assert terminal.end() == 0, terminal.shown
    assert guild.ok("remote", "logout", "x").out == "x: the connection is closed\n"


def test_a_connection_after_that_of_a_login_has_closed_is_no_login(
    guild: Guild, sshd: Server, there: Path, own_connections: None
) -> None:
    guild.configure(x=sshd.keys(there, connect_timeout=8))
    with typing(guild, "remote", "login", "x") as terminal:
        assert terminal.end() == 0, terminal.shown
    # As it does once nothing has used it for long.
    closing = [*ssh_argv("x"), "-O", "exit", "127.0.0.1"]
    subprocess.run(closing, check=True, stderr=subprocess.DEVNULL)
    assert len(guild.ok("remote", "status", "x").lines) == 1
    assert "x: a connection is open already (" in guild.ok("remote", "login", "x").out


@pytest.mark.parametrize("option", ["ControlPersist=no", "ControlPath=none"])
def test_a_connection_that_would_not_be_kept_is_not_asked_for(
    guild: Guild, sshd: Server, there: Path, option: str
) -> None:
    guild.configure(x=sshd.keys(there, ssh_options=[option]))
    with typing(guild, "remote", "login", "x") as terminal:
        assert terminal.end() == 1
        has = f"ssh has {option.replace('=', ' ')}"
        assert terminal.shown.startswith(f"guild: no connection to remote 'x' is kept: {has}\n")


def test_a_sandbox_needs_no_login_and_can_have_one(guild: Guild) -> None:
    with typing(guild, "remote", "login", "sandbox") as terminal:
        assert terminal.end() == 3
        assert "guild: sandbox 'sandbox' is not running\n" in terminal.shown
    guild.ok("remote", "start", "sandbox")
    try:
        with typing(guild, "remote", "login", "sandbox") as terminal:
            assert terminal.end() == 0, terminal.shown
        guild.ok("remote", "logout", "sandbox")
    finally:
        guild.ok("remote", "stop", "-y", "sandbox")


def test_names_that_are_none_are_said_before_anybody_is_asked(guild: Guild, remote: str) -> None:
    assert complaint(guild("remote", "login"), 1)[0] == "guild: NAME is missing"
    for command in ("login", "logout"):
        done = without_terminal(guild, "remote", command, remote, "nobody")
        assert complaint(done, 1)[0] == "guild: remote 'nobody' is not defined"
