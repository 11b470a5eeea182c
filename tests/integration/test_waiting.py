"""Runs that wait on a remote, and marks of waiting that nobody would ever remove."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Guild, Place
from test_fleet import pulled

from guild_sync.agent.store import attrs


def staged(guild: Guild, remote: str, there: Path) -> str:
    """A run that waits on the remote, and is here; its id."""
    run_id = Place(guild, there, remote).staged("sleep=0")
    guild.ok("pull", remote, run_id, "-y")
    return run_id


def test_a_staged_run_takes_part_until_it_has_ended(guild: Guild, remote: str, there: Path) -> None:
    run_id = staged(guild, remote, there)
    assert guild.status(run_id) == f"staged ({remote})"
    guild.ok("sync")
    assert guild.status(run_id) == f"staged ({remote})", "it waits still"
    guild.ok("run", "--start", run_id, "-r", remote, "-y")
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert guild.ok("sync").lines == []


def test_no_queue_here_starts_a_run_that_waits_on_a_remote(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = staged(guild, remote, there)
    (guild.home / "runs" / run_id / ".guild" / "LOCK.confirmed").unlink()  # as a kill leaves it
    guild.ok("run", "queue", "run-once=yes", "-y")
    assert guild.status(run_id) == f"staged ({remote})"


@pytest.mark.parametrize("mark", ["PENDING", "STAGED"])
def test_a_mark_that_a_copy_kept_from_an_earlier_version_is_mended(
    guild: Guild, remote: str, mark: str
) -> None:
    run_id = pulled(guild, remote)
    guild.ok("sync")
    (guild.home / "runs" / run_id / ".guild" / mark).touch()
    assert guild.status(run_id) == {"PENDING": "pending", "STAGED": "staged"}[mark]
    guild.ok("sync")
    assert guild.status(run_id) == "completed"


def made_elsewhere(guild: Guild, run_id: str) -> Path:
    """Have the copy be as Guild AI leaves it: nothing of ours in it; its .guild folder."""
    folder = guild.home / "runs" / run_id / ".guild"
    (folder / "LOCK.confirmed").unlink()
    (folder / "attrs" / "host").write_text(attrs.encode("elsewhere"))
    return folder


def test_a_mark_that_guild_ai_left_is_mended_where_the_run_has_ended(
    guild: Guild, remote: str
) -> None:
    run_id = pulled(guild, remote)
    guild.ok("sync")
    folder = made_elsewhere(guild, run_id)
    (folder / "PENDING").touch()
    os.utime(folder / "PENDING", (1, 1))
    assert guild.ok("sync").lines == [f"Mended {run_id}: it has ended, and waits no more"]
    assert guild.status(run_id) == "completed"


def test_a_run_that_waits_and_says_not_where_is_asked_for_where_others_are(
    guild: Guild, remote: str
) -> None:
    stray = pulled(guild, remote)
    guild.ok("sync")
    folder = made_elsewhere(guild, stray)
    (folder / "PENDING").touch()
    (folder / "attrs" / "exit_status").unlink()
    assert guild.ok("sync").lines == [], "no remote is asked for its sake alone"
    guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "1", "-y")
    guild.ok("sync")
    assert guild.status(stray) == "completed"


def test_a_stray_that_no_remote_knows_stays_as_it_is(guild: Guild, remote: str) -> None:
    stray = pulled(guild, remote)
    guild.ok("sync")
    folder = made_elsewhere(guild, stray)
    (folder / "PENDING").touch()
    (folder / "attrs" / "exit_status").unlink()
    guild.ok("runs", "rm", stray, "-r", remote, "-y")
    guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "1", "-y")
    guild.ok("sync")
    assert guild.status(stray) == "pending"
