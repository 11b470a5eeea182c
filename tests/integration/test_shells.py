"""Login shells: whichever it is, runs start, are watched, pulled and synced through it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import Guild, Server, project
from test_bad_input import complaint, runs_in
from test_hostile_names import HOSTILE, no_canary
from test_unreachable import another_sshd, own_connections

# Fixtures of other modules, for here too.
__all__ = ["no_canary", "own_connections"]
pytestmark = pytest.mark.usefixtures("not_used_before")

SHELLS = ["bash", "dash", "fish", "rbash", "tcsh", "zsh"]
# The file, below the home, that a shell reads before a command that ssh gives it.
START_FILES = {
    "bash": ".bashrc",
    "fish": ".config/fish/config.fish",
    "tcsh": ".tcshrc",
    "zsh": ".zshenv",
}
BANNER = "echo Welcome to this machine\necho Have a nice day\n"
NOISE = "prints text where no person is watching"
# Waits until the test lets it end.
MODULE = """\
import os, time

go = ""

print("waiting", flush=True)
while not os.path.exists(go):
    time.sleep(0.02)
print("gone", flush=True)
"""

Login = Callable[..., Server]


@pytest.fixture
def login(sshd: Server, tmp_path: Path, own_connections: None) -> Iterator[Login]:
    """Starts an sshd whose users have another login shell, with a start-up file.

    sshd takes the shell from /etc/passwd. There it says `SHELL -c COMMAND`, and so does
    the program that is forced on each session here.
    """
    with ExitStack() as stack:

        def start(shell: str, start_up: str = "") -> Server:
            found = shutil.which(shell)
            if found is None:
                pytest.skip(f"{shell} is not installed here")
            program = tmp_path / "login"
            # SHLVL: bash reads .bashrc only where it is the first shell of a session.
            program.write_text(
                f'#!/bin/sh\nSHELL={found} SHLVL=0 exec {found} -c "$SSH_ORIGINAL_COMMAND"\n'
            )
            program.chmod(0o755)
            folder = tmp_path / "other"
            server = stack.enter_context(another_sshd(sshd, folder, f"ForceCommand {program}"))
            if start_up:
                path = folder / "home" / START_FILES[shell]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(start_up)
            return server

        yield start


@pytest.mark.parametrize("shell", SHELLS)
def test_a_run_is_started_pulled_watched_and_synced(
    guild: Guild, login: Login, tmp_path: Path, shell: str
) -> None:
    project(guild.folder, "op: {main: wait}\n", wait=MODULE)
    # A start-up file may go elsewhere, and say so where it does no harm.
    server = login(shell, "sh -c 'echo welcome >&2'\ncd /\n" if shell in START_FILES else "")
    guild.configure(x=server.keys(tmp_path / HOSTILE))
    run_id = guild.started(f"go={tmp_path}/go", remote="x")
    assert guild.ok("pull", "x", "-y").lines[-1] == f"Copying {run_id}"
    assert guild.status(run_id) == "running (x)"
    (tmp_path / "go").touch()
    watched = guild.ok("watch", "-r", "x").lines
    end = f"Run {run_id} stopped with a status of 'completed'"
    assert watched == ["waiting", "gone", end]
    assert guild.ok("sync").lines[-1] == f"Copying {run_id}"
    assert guild.status(run_id) == "completed"


@pytest.mark.parametrize("reads", ["read answer\n", "read -n 5 answer\n"])
def test_a_start_up_file_that_reads_what_is_meant_for_guild_is_said(
    guild: Guild, login: Login, there: Path, reads: str
) -> None:
    """All of it, or the beginning."""
    guild.configure(x=login("bash", reads).keys(there))
    for _ in range(2):  # without the agent, then with it
        said = complaint(guild("runs", "-r", "x"))
        assert said == [
            "guild: remote 'x' did not get whole what guild sent: a start-up file of the login "
            "shell reads it",
            "Have the login shell's start-up files (.bashrc and the like) read their input only "
            "where [ -t 0 ].",
        ]


@pytest.mark.parametrize("shell", START_FILES)
def test_a_start_up_file_that_prints_is_in_the_way_of_rsync_alone(
    guild: Guild, sshd: Server, login: Login, there: Path, shell: str
) -> None:
    guild.configure(x=login(shell, BANNER).keys(there), guild_uat=sshd.keys(there))
    # A package that is too large to be sent with a request.
    (guild.folder / "large.py").write_text(f"# {os.urandom(400_000).hex()}\n")
    for _ in range(2):  # without the agent, then with it
        said = complaint(guild("run", "op", "sleep=0", "-r", "x", "-y"))
        assert said[0] == f"guild: the login shell on remote 'x' {NOISE}"
        assert "start-up files" in said[1]
        assert guild.ok("runs", "-r", "guild-uat").out == ""
        assert runs_in(there) == []
    assert guild.ok("runs", "-r", "x").out == ""


def test_a_start_up_file_that_prints_is_not_in_what_is_shown(
    guild: Guild, sshd: Server, login: Login, there: Path
) -> None:
    guild.configure(x=login("bash", BANNER).keys(there), guild_uat=sshd.keys(there))
    run_id = guild.started("sleep=0", remote="guild-uat")
    assert guild.ok("watch", run_id, "-r", "x").lines[:2] == ["Sleeping for 0 second(s)", "Done"]
    assert guild.ok("cat", "-O", "-r", "x").out == "Sleeping for 0 second(s)\nDone\n"
    assert complaint(guild("pull", "x", run_id, "-y"))[0].endswith(NOISE)


def test_a_start_up_file_that_hides_all_programs(guild: Guild, login: Login, there: Path) -> None:
    guild.configure(x=login("bash", "PATH=/nonexistent\n").keys(there))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: remote 'x' gave no answer that guild understands"
    assert "sh: " in said[1]
    assert "not found" in said[1] or "No such file" in said[1]


def test_a_start_up_file_that_hides_rsync(
    guild: Guild, login: Login, there: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "mkdir", "mv", "python3"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    guild.configure(x=login("bash", f"PATH={tmp_path}/bin\n").keys(there))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: there is no rsync on remote 'x'"
    assert runs_in(there) == []


@pytest.mark.parametrize("shell", ["/bin/false", "/usr/sbin/nologin", "/bin/cat"])
def test_an_account_without_a_shell(guild: Guild, login: Login, there: Path, shell: str) -> None:
    guild.configure(x=login(shell).keys(there))
    said = complaint(guild("run", "op", "-r", "x", "-y"))
    assert said[0] == "guild: remote 'x' gave no answer that guild understands"
    assert not there.exists()
