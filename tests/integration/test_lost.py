"""Runs that their remote has no more, and guild homes that are not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support import Guild
from test_fleet import bind, pulled

from guild_sync.agent.store import rundir

IS_GONE = "guild: run {} is not on {} any more"
IS_LOST = "guild: run {} is lost: {} has it no more"


def copied(guild: Guild, remote: str) -> str:
    """A run that has ended on `remote` since it was copied here; its id."""
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    return run_id


def a_minute_later(guild: Guild) -> None:
    """Have what guild noted of its remotes be a minute old."""
    for path in (guild.home / "remotes").iterdir():
        entry = json.loads(path.read_text())
        entry["missing"] = {run_id: at - 60 for run_id, at in entry["missing"].items()}
        path.write_text(json.dumps(entry))


def complaints(guild: Guild) -> list[str]:
    """What a sync complains of that ends with 1: each a line, and what to do."""
    done = guild("sync")
    assert done.code == 1, done
    return [line for line in done.err.splitlines() if line.startswith("guild: ")]


def test_a_run_is_lost_on_its_remotes_word_twice_a_minute_apart(
    guild: Guild, remote: str, there: Path
) -> None:
    gone, stays = copied(guild, remote), copied(guild, remote)
    shutil.rmtree(there / "runs" / gone)
    assert complaints(guild) == [IS_GONE.format(gone, remote)]
    assert guild.status(stays) == "completed", "the other run goes on"
    assert complaints(guild) == [IS_GONE.format(gone, remote)], "so soon, it says nothing new"
    assert guild.status(gone) == f"running ({remote})"
    a_minute_later(guild)
    assert complaints(guild) == [IS_LOST.format(gone, remote)]
    assert guild.status(gone) == f"lost ({remote})"
    assert guild.ok("runs", "--lost").lines == guild.ok("runs", gone).lines
    assert guild.ok("sync").lines == [], "it is asked for no more"


def test_a_lost_run_that_is_there_again_is_restored(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    gone = copied(guild, remote)
    shutil.move(there / "runs" / gone, tmp_path / gone)
    complaints(guild)
    a_minute_later(guild)
    complaints(guild)
    assert guild.status(gone) == f"lost ({remote})"
    shutil.move(tmp_path / gone, there / "runs" / gone)
    assert guild.ok("sync", "--restore", gone).lines == [
        f"Restored {gone}: the next sync asks {remote}"
    ]
    guild.ok("sync")
    assert guild.status(gone) == "completed"


def test_a_pull_takes_lost_back_too(guild: Guild, remote: str, there: Path, tmp_path: Path) -> None:
    gone = copied(guild, remote)
    shutil.move(there / "runs" / gone, tmp_path / gone)
    complaints(guild)
    a_minute_later(guild)
    complaints(guild)
    shutil.move(tmp_path / gone, there / "runs" / gone)
    guild.ok("pull", remote, gone, "-y")
    assert guild.status(gone) == "completed"
    assert not (guild.home / "runs" / gone / ".guild" / "LOCK.lost").exists()


def test_only_a_lost_run_can_be_restored(guild: Guild, remote: str) -> None:
    run_id = copied(guild, remote)
    said = guild("sync", "--restore", run_id)
    assert (said.code, said.err.splitlines()) == (
        1,
        [
            f"guild: run {run_id} is not lost: it is running",
            "Show lost runs with 'guild runs --lost'.",
        ],
    )
    assert guild("sync", "--restore").err.startswith("guild: --restore takes the lost runs")


@pytest.mark.parametrize("left", ["nothing", "empty home", "empty runs"])
def test_a_guild_home_that_is_not_there_changes_nothing_and_is_said(
    guild: Guild, remote: str, there: Path, tmp_path: Path, left: str
) -> None:
    run_id = copied(guild, remote)
    disk = tmp_path / "disk"
    if left == "empty runs":
        shutil.move(there / "runs", disk)
        (there / "runs").mkdir()
    else:
        shutil.move(there, disk)
        if left == "empty home":
            there.mkdir()
    for _ in range(2):
        (said,) = complaints(guild)
        assert "guild home" in said
        assert guild.status(run_id) == f"running ({remote})"
        a_minute_later(guild)
    if left == "nothing":
        assert not there.exists(), "guild makes none where the disk should be"
        shutil.move(disk, there)
    elif left == "empty home":
        assert list(there.iterdir()) == []
        there.rmdir()
        shutil.move(disk, there)
    else:
        shutil.rmtree(there / "runs")
        shutil.move(disk, there / "runs")
    guild.ok("sync")
    assert guild.status(run_id) == "completed"


def test_another_guild_home_in_its_place_loses_no_run(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    run_id = copied(guild, remote)
    guild.ok("sync")  # it was found there, and with it the home's id
    bind(guild, run_id, remote)
    shutil.move(there / "runs", tmp_path / "disk")
    guild.started("sleep=0", remote=remote)  # a home with a run, and an id of its own
    for _ in range(2):
        (said,) = complaints(guild)
        assert "is another than before" in said
        a_minute_later(guild)
    assert guild.status(run_id) == f"running ({remote})"


def test_a_kill_between_the_marks_of_a_lost_run_shows_it_as_running(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = copied(guild, remote)
    directory = guild.home / "runs" / run_id
    (directory / ".guild" / "LOCK.lost").write_text(f"{remote}\n")
    assert rundir.status(str(directory)) == ("running", remote)
    guild.ok("sync")
    assert guild.status(run_id) == "completed"


# A hub: a remote whose runs are copies themselves.


def copy_of_a_copy(guild: Guild, remote: str, there: Path) -> str:
    """A run here that `remote` has from another machine, where it runs."""
    run_id = pulled(guild, remote)
    (there / "runs" / run_id / ".guild/LOCK.remote").write_text("gpu9\n")
    bind(guild, run_id, remote)
    guild.ok("sync")
    assert guild.status(run_id) == f"running ({remote})"
    return run_id


def lose_there(there: Path, run_id: str) -> None:
    folder = there / "runs" / run_id / ".guild"
    (folder / "LOCK.remote").rename(folder / "LOCK.lost")


def test_what_a_hub_has_lost_is_lost_here_and_said_once(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    run_id = copy_of_a_copy(guild, remote, there)
    hook = {"on": ["lost"], "command": f'echo "$GUILD_EVENT $GUILD_RUN" >> {tmp_path}/told'}
    config = yaml.safe_load(guild.config.read_text())
    guild.config.write_text(yaml.safe_dump({**config, "hooks": [hook]}))
    lose_there(there, run_id)
    done = guild("guild-sync")
    assert (done.code, done.out) == (1, f"{run_id} on {remote}: running -> lost\n")
    assert done.err.splitlines()[0] == (
        f"guild: run {run_id} is lost: on {remote} it is a copy, of a run that is lost"
    )
    assert guild.status(run_id) == f"lost ({remote})"
    for command in (["sync"], ["guild-sync"]):
        again = guild.ok(*command)
        assert (again.out, again.err) == ("", "")
    assert guild.ok("pull", remote, "-y").err == "", "it was lost before"
    assert guild.status(run_id) == f"lost ({remote})"
    assert (tmp_path / "told").read_text().count("\n") == 1


def test_what_a_hub_has_found_again_is_restored_here(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = copy_of_a_copy(guild, remote, there)
    lose_there(there, run_id)
    assert guild("sync").code == 1
    (there / "runs" / run_id / ".guild/LOCK.lost").unlink()
    guild.ok("sync", "--restore", run_id)
    guild.ok("sync")
    assert guild.status(run_id) == "completed"


def test_what_a_hub_has_pulled_is_shown_and_the_model_of_new_runs(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = copied(guild, remote)
    (there / "runs" / run_id / ".guild/LOCK.confirmed").write_text("1795698395280999 gpu9\n\n")
    assert "confirmed: 2026-11-26" in guild.ok("info", run_id, "-r", remote).out
    assert guild.ok("runs", "-v", "--json", "-r", remote).err == ""
    guild.ok("run", "--proto", run_id, "-r", remote, "-y")
    done = guild("run", "--restart", run_id, "-r", remote, "-y")
    assert done.err.splitlines()[0] == f"guild: run {run_id} is a copy of one on gpu9"
