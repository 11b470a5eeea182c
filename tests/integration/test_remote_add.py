"""`guild remote add`: a host becomes a remote, once its key was accepted; then it is checked."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from support import Done, Guild, Server, wait_until
from test_check import program
from test_login import CODE, PROMPT, answer, asking, typing, without_terminal
from test_unreachable import another_sshd, own_connections

# Fixtures of other modules, for here too.
__all__ = ["asking", "own_connections"]

BEFORE = """\
# My machines.
remotes:
  old: {type: ssh, host: old.example.com}   # in the cellar

keep-free: 0   # of the disk here
"""
QUESTION = "(yes/no/[fingerprint])?"


@pytest.fixture
def known(guild: Guild, sshd: Server, tmp_path: Path) -> Path:
    """The file of the host keys that are known here: none yet. ssh has the user's key."""
    known, ssh = tmp_path / "known", shutil.which("ssh", path=guild.env["PATH"])
    options = ["-i", str(sshd.remote.private_key), f"-oUserKnownHostsFile={known}"]
    options += ["-oGlobalKnownHostsFile=/dev/null", "-oIdentitiesOnly=yes"]
    argv = shlex.join([str(ssh), *options])
    program(tmp_path / "own-bin" / "ssh", f'#!/bin/sh\nexec {argv} "$@"\n')
    guild.env["PATH"] = f"{tmp_path}/own-bin{os.pathsep}{guild.env['PATH']}"
    guild.config.write_text(BEFORE)
    return known


@pytest.fixture
def host(
    guild: Guild, sshd: Server, tmp_path: Path, known: Path, own_connections: None
) -> Iterator[str]:
    """A host that ssh has not seen before."""
    with another_sshd(sshd, tmp_path / "other") as server:
        yield f"127.0.0.1:{server.state.port}"


def remotes_of(guild: Guild) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load(guild.config.read_text())["remotes"]
    return found


def is_as_before(guild: Guild, done: Done) -> bool:
    return guild.config.read_text() == BEFORE and "Wrote" not in done.out


def test_a_person_sees_the_key_and_takes_it_and_the_remote_is_written_and_checked(
    guild: Guild, host: str, known: Path
) -> None:
    with typing(guild, "remote", "add", "new", host) as terminal:
        answer(terminal, QUESTION, "yes")
        assert terminal.end() == 0, terminal.shown
    shown = terminal.shown
    assert "127.0.0.1 shows a host key that is not known here: ssh-ed25519 SHA256:" in shown
    assert f"Wrote remote new to {guild.config}" in shown
    assert "  host key " in shown and "to do" not in shown and "ssh-copy-id" not in shown
    assert shown.rstrip().endswith("To run there: guild run OPERATION -r new")
    port = int(host.split(":")[1])
    own = f"  new:\n    type: ssh\n    host: 127.0.0.1\n    port: {port}\n"
    assert guild.config.read_text() == BEFORE.replace("\n\nkeep", f"\n{own}\nkeep")
    assert "ssh-ed25519" in known.read_text()
    guild.ok("run", "op", "sleep=0", "-r", "new", "-y")


def test_who_has_to_type_something_is_told_how_that_need_not_be(
    guild: Guild, asking: Server, known: Path, own_connections: None
) -> None:
    port = asking.state.port
    for name, questions in (("new", {QUESTION: "yes", PROMPT: CODE}), ("again", {PROMPT: CODE})):
        with typing(guild, "remote", "add", name, f"127.0.0.1:{port}") as terminal:
            for question, typed in questions.items():
                answer(terminal, question, typed)
            assert terminal.end() == 0, terminal.shown
        *_, asks, command, last = terminal.shown.splitlines()
        assert asks.startswith("It asks you again once that connection is closed."), terminal.shown
        assert command == f"  ssh-copy-id -p {port} 127.0.0.1"
        assert last == f"To run there: guild run OPERATION -r {name}"


def test_a_key_that_a_person_refuses_leaves_nothing(guild: Guild, host: str, known: Path) -> None:
    with typing(guild, "remote", "add", "new", host) as terminal:
        answer(terminal, QUESTION, "no")
        assert terminal.end() == 3, terminal.shown
    assert "Wrote" not in terminal.shown
    assert guild.config.read_text() == BEFORE
    assert not known.exists()


def test_with_y_the_key_is_shown_and_taken(guild: Guild, host: str, known: Path) -> None:
    done = guild.ok("remote", "add", "-y", "new", f"root@{host}" if os.getuid() == 0 else host)
    assert done.lines[0].startswith("127.0.0.1 shows a host key that is not known here: ssh-")
    assert remotes_of(guild)["new"]["type"] == "ssh"
    assert "ssh-ed25519" in known.read_text()


def test_where_nobody_can_be_asked_the_key_is_told_and_nothing_is_written(
    guild: Guild, host: str, known: Path
) -> None:
    done = without_terminal(guild, "remote", "add", "new", host)
    assert done.code == 3
    first, second = done.err.splitlines()
    assert first == ("guild: the host key of 127.0.0.1 is not known here, and nobody can be asked")
    assert second.startswith("It shows ssh-ed25519 SHA256:") and second.endswith("with -y.")
    assert is_as_before(guild, done)
    assert not known.exists()


def test_another_key_than_before_is_never_taken(guild: Guild, host: str, known: Path) -> None:
    port = host.split(":")[1]
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl"
    known.write_text(f"[127.0.0.1]:{port} ssh-ed25519 {key}\n")
    before = known.read_text()
    done = guild("remote", "add", "-y", "new", host)
    assert done.code == 3
    assert "host key" in done.err.splitlines()[0]
    assert is_as_before(guild, done) and known.read_text() == before


def test_a_host_that_does_not_answer_is_not_written_unless_that_is_asked_for(
    guild: Guild, known: Path, own_connections: None
) -> None:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        done = guild("remote", "add", "-y", "new", host)
        assert done.code == 3
        assert "refused the connection" in done.err
        assert is_as_before(guild, done)
        said = guild.ok("remote", "add", "--no-check", "new", host).lines
    assert said[0] == f"Wrote remote new to {guild.config}"
    assert remotes_of(guild)["new"]["host"] == "127.0.0.1"


def test_what_is_missing_there_is_told_and_the_remote_is_written(
    guild: Guild, sshd: Server, tmp_path: Path, known: Path, own_connections: None
) -> None:
    nothing = tmp_path / "few"
    nothing.mkdir()
    for name in ("sh", "ls", "cat", "mkdir", "uname", "id", "head", "rm", "mv", "chmod"):
        (nothing / name).symlink_to(str(shutil.which(name)))
    with another_sshd(sshd, tmp_path / "other", path=str(nothing)) as server:
        done = guild("remote", "add", "-y", "new", f"127.0.0.1:{server.state.port}")
    assert done.code == 1
    assert "to do" in done.out
    assert "Install it there, for example: apt install rsync" in done.out.partition("to do")[2]
    assert "new" in remotes_of(guild)


def test_who_is_not_let_in_is_told_what_to_do_and_the_remote_is_written(
    guild: Guild, sshd: Server, tmp_path: Path, known: Path, own_connections: None
) -> None:
    none = f"AuthorizedKeysFile {tmp_path}/none"
    with another_sshd(sshd, tmp_path / "other", none) as server:
        done = guild("remote", "add", "-y", "new", f"127.0.0.1:{server.state.port}")
    assert done.code == 3
    assert "to do" in done.out
    assert "new" in remotes_of(guild)


# Names and hosts.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("old", "x"), "there is a remote 'old' already"),
        (("sandbox", "x"), "there is a remote 'sandbox' already"),
        (("all", "x"), "'all' means all remotes"),
        (("a,b", "x"), "a remote's name has neither comma nor colon"),
        (("new", "a b"), "'a b' is no host"),
        (("new", "-oProxyCommand=x"), "unrecognized option"),
        (("new", "x:0"), "'x:0' is no host"),
        (("new", "x:22:path"), "'x:22:path' is no host"),
        (("new", "x\x1b[2J"), "is no host"),
        (("new",), "HOST is missing"),
    ],
)
def test_what_cannot_be_added_is_told_in_a_line(
    guild: Guild, known: Path, words: tuple[str, ...], said: str
) -> None:
    done = guild("remote", "add", "--no-check", *words)
    assert done.code == 1
    assert said in done.err.splitlines()[0]
    assert "\x1b" not in done.err
    assert is_as_before(guild, done)


@pytest.fixture
def ssh_config(guild: Guild) -> Path:
    path = Path(guild.env["HOME"]) / ".ssh" / "config"
    path.parent.mkdir()
    path.write_text("Host gpu1 gpu2\n  User me\nHost *\n  Port 22\n")
    return path


def test_a_host_that_ssh_knows_is_meant_by_its_name(
    guild: Guild, known: Path, ssh_config: Path
) -> None:
    guild.ok("remote", "add", "--no-check", "gpu2")
    assert remotes_of(guild)["gpu2"] == {"type": "ssh", "host": "gpu2"}
    done = guild("remote", "add", "--no-check", "other")
    assert done.err.splitlines() == [
        "guild: HOST is missing",
        "Your ssh configuration has: gpu1, gpu2",
    ]


@pytest.mark.parametrize(("typed", "host"), [("1", "gpu1"), ("gpu2", "gpu2"), ("me@x", "x")])
def test_on_a_terminal_the_hosts_of_ssh_are_offered(
    guild: Guild, known: Path, ssh_config: Path, typed: str, host: str
) -> None:
    with typing(guild, "remote", "add", "--no-check", "new") as terminal:
        answer(terminal, "Which is new?", typed)
        assert terminal.end() == 0, terminal.shown
    assert "    1  gpu1\n    2  gpu2\n" in terminal.shown
    assert remotes_of(guild)["new"]["host"] == host


def test_tab_offers_the_hosts_of_ssh(guild: Guild, known: Path, ssh_config: Path) -> None:
    offered = guild.ok("__complete", "zsh", "guild", "remote", "add", "new", "gpu").lines
    assert [*map(str.strip, offered)] == ["gpu1", "gpu2"]
    assert guild.ok("__complete", "zsh", "guild", "remote", "add", "o").lines == []


def test_the_first_remote_makes_the_config_file(guild: Guild, tmp_path: Path) -> None:
    del guild.env["GUILD_CONFIG"]
    guild.ok("remote", "add", "--no-check", "new", "me@gpu1.example.com")
    path = Path(guild.env["HOME"]) / ".guild" / "config.yml"
    assert path.read_text() == (
        "# Remotes of guild. 'guild help --man guild-config' tells of all keys.\n"
        "remotes:\n  new:\n    type: ssh\n    host: gpu1.example.com\n    user: me\n"
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert "new" in guild.ok("remotes").out


def test_of_several_that_are_added_at_once_all_are_there(guild: Guild, known: Path) -> None:
    names = [f"gpu{number}" for number in range(6)]
    adding = [guild.popen("remote", "add", "--no-check", name, "x") for name in names]
    for one in adding:
        out, _ = one.communicate()
        assert one.returncode == 0, out
    assert {*remotes_of(guild)} == {"old", *names}
    assert guild.config.read_text().startswith(BEFORE.partition("\n\n")[0])
    again = [guild.popen("remote", "add", "--no-check", "same", host) for host in ("a", "b")]
    said = sorted((one.communicate()[0].decode(), one.returncode) for one in again)
    assert [code for _, code in said] == [0, 1] or [code for _, code in said] == [1, 0], said
    assert any("there is a remote 'same' already" in text for text, _ in said)


def test_what_a_person_writes_while_the_key_is_asked_for_stays(
    guild: Guild, host: str, known: Path
) -> None:
    with typing(guild, "remote", "add", "new", host) as terminal:
        wait_until(lambda: QUESTION in terminal.shown)
        guild.config.write_text(f"# mine\n{BEFORE}")
        terminal.type("yes\n")
        assert terminal.end() == 0, terminal.shown
    assert guild.config.read_text().startswith("# mine\n# My machines.\n")
    assert {*remotes_of(guild)} == {"old", "new"}


def test_a_config_file_that_cannot_be_added_to_stays_and_the_lines_are_told(
    guild: Guild, known: Path
) -> None:
    guild.config.write_text("remotes: {old: {type: ssh, host: x}}\n")
    done = guild("remote", "add", "--no-check", "new", "x")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("by hand:\n  new:\n    type: ssh\n    host: x\n")
    assert guild.config.read_text() == "remotes: {old: {type: ssh, host: x}}\n"
