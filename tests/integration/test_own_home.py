"""A remote whose guild home is this machine's own: a home on NFS, or ssh to this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults import mark, write_run
from support import Guild, Server

A = "a" * 32


def tree(home: Path) -> list[str]:
    return sorted(str(path) for path in (home / "runs" / A).rglob("*"))


@pytest.mark.parametrize(
    "words",
    [
        ("pull", "me", "-y"),
        ("pull", "me", A, "-y"),
        ("push", "me", "-y"),
        ("pull", "me", "-y", "--delete"),
    ],
)
@pytest.mark.parametrize("is_linked", [False, True])
def test_runs_are_not_copied_from_a_guild_home_to_itself(
    guild: Guild, sshd: Server, tmp_path: Path, words: tuple[str, ...], is_linked: bool
) -> None:
    write_run(guild.home, A)
    other_name = tmp_path / "other-name"
    other_name.symlink_to(guild.home)
    guild.configure(me=sshd.keys(other_name if is_linked else guild.home))
    before = tree(guild.home)
    done = guild(*words)
    assert done.code == 1
    first, _hint = done.err.splitlines()
    assert first.startswith("guild: the guild home of remote 'me' (")
    assert first.endswith(") is this machine's own")
    assert tree(guild.home) == before
    assert guild.status(A) == "completed"


@pytest.mark.parametrize("option", [(), ("--plan",)])
def test_a_run_that_was_marked_as_a_copy_of_itself_is_not_synced(
    guild: Guild, sshd: Server, option: tuple[str, ...]
) -> None:
    write_run(guild.home, A)
    guild.configure(me=sshd.keys(guild.home))
    mark(guild.home, A, "me")
    (guild.home / "runs/.home-id").write_text("c" * 32 + "\n")  # as of any home with a run
    done = guild("sync", *option)
    assert done.code == 1
    assert "is this machine's own" in done.err
    assert "internal error" not in done.err


def test_check_says_that_the_runs_there_are_here_already(guild: Guild, sshd: Server) -> None:
    guild.configure(me=sshd.keys(guild.home))
    write_run(guild.home, A)
    said = ", this machine's own: its runs are here already"
    assert said not in guild.ok("check", "-r", "me").out, "neither has a name yet"
    (guild.home / "runs/.home-id").write_text("c" * 32 + "\n")  # as of any home with a run
    assert f"{guild.home}{said}\n" in guild.ok("check", "-r", "me").out


def test_a_run_is_started_in_a_guild_home_that_is_this_machines_own(
    guild: Guild, sshd: Server
) -> None:
    guild.configure(me=sshd.keys(guild.home))
    guild.ok("run", "op", "-r", "me", "-y")
    assert len(os.listdir(guild.home / "runs")) == 2  # the run, and the name of the home
    assert guild.ok("runs").lines[0].split("  ")[3].strip() == "completed"
