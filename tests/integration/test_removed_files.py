"""Files that a remote has removed since they were copied: they go here on demand, no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Guild, Server

from guild_sync.agent.copies import copied


@pytest.fixture
def run_id(guild: Guild, remote: str, there: Path) -> str:
    """A run that runs on the remote, with checkpoints, and was pulled."""
    run_id = guild.started("sleep=600", remote=remote)
    folder = there / "runs" / run_id
    for name in ("ckpt-1", "ckpt-2", "deep/er/ckpt-1", "mixed/ckpt", "odd [1]*\n#é\\#012"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    os.symlink("ckpt-1", folder / "latest")
    guild.ok("pull", remote, "-y")
    return run_id


def rotate(folder: Path) -> None:
    """Remove all of the checkpoints but one, and make another."""
    for name in ("ckpt-1", "deep/er/ckpt-1", "mixed/ckpt", "odd [1]*\n#é\\#012", "latest"):
        (folder / name).unlink()
    for name in ("deep/er", "deep", "mixed"):
        (folder / name).rmdir()
    (folder / "ckpt-3").write_text("3")


def files(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return {name for name in found if not name.startswith(".guild/")}


def test_what_came_from_there_and_is_there_no_more_goes_on_demand(
    guild: Guild, run_id: str, there: Path
) -> None:
    run, copy = there / "runs" / run_id, guild.home / "runs" / run_id
    rotate(run)
    before = files(copy)
    guild.ok("sync")
    assert files(copy) == {*before, "ckpt-3"}, "without --delete nothing goes"
    guild.ok("sync", "--delete")
    assert files(copy) == files(run)
    assert not (copy / "deep").exists()


def test_what_was_made_or_changed_here_is_never_removed(
    guild: Guild, run_id: str, there: Path
) -> None:
    run, copy = there / "runs" / run_id, guild.home / "runs" / run_id
    (copy / "notes.txt").write_text("mine")
    (copy / "mixed/mine").write_text("mine")
    (copy / "ckpt-1").write_text("changed here")
    rotate(run)
    guild.ok("sync", "--delete")
    mine = {"notes.txt", "mixed/mine", "ckpt-1"}
    assert files(copy) == files(run) | mine
    (run / "ckpt-2").unlink()
    guild.ok("sync", "--delete")
    assert files(copy) == files(run) | mine


def test_a_file_made_here_where_one_was_removed_stays(
    guild: Guild, run_id: str, there: Path
) -> None:
    run, copy = there / "runs" / run_id, guild.home / "runs" / run_id
    (run / "ckpt-1").unlink()
    guild.ok("sync", "--delete")
    assert not (copy / "ckpt-1").exists()
    (copy / "ckpt-1").write_text("mine")
    (run / "ckpt-2").unlink()
    guild.ok("sync", "--delete")
    assert (copy / "ckpt-1").read_text() == "mine"
    assert not (copy / "ckpt-2").exists()


def test_the_config_asks_for_it_of_pulls_and_syncs(
    guild: Guild, remote: str, sshd: Server, run_id: str, there: Path
) -> None:
    guild.configure(guild_uat=sshd.keys(there, pull={"delete": True, "exclude": "ckpt-2"}))
    run, copy = there / "runs" / run_id, guild.home / "runs" / run_id
    other = copy.parent / ("f" * 32)
    other.mkdir()
    (other / "file").write_text("of another run")
    (run / "ckpt-1").unlink()
    guild.ok("sync", "--all-files")
    assert not (copy / "ckpt-1").exists()
    (run / "ckpt-2").unlink()
    (run / "mixed/ckpt").unlink()
    guild.ok("pull", remote, "-y", run_id)
    assert not (copy / "mixed/ckpt").exists()
    assert (other / "file").exists()
    assert (copy / ".guild/attrs/started").exists()


def test_files_that_came_with_nothing_written_down_stay(
    guild: Guild, run_id: str, there: Path
) -> None:
    run, copy = there / "runs" / run_id, guild.home / "runs" / run_id
    (copy / ".guild" / copied.COPIED).write_text("{")
    before = files(copy)
    rotate(run)
    guild.ok("sync", "--delete")
    assert files(copy) == {*before, "ckpt-3"}


def test_a_config_that_says_something_else_is_refused(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(far=sshd.keys(there, pull={"delete": "sometimes"}))
    done = guild("sync")
    assert guild("pull", "far", "-y").code == 1
    assert "pull: delete: must be yes or no, not 'sometimes'" in guild("pull", "far", "-y").err
    assert done.code == 0
