"""Copies of pipelines and batches: the runs that they consist of come home with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Guild, Place, project

# Each trial ends when it is told to, and fails where that is what it is told.
GUILDFILE = """
trial:
  exec: sh -c 'read end < "${folder}/${n}"; exit $end'
  flags: {n: 1, folder: ''}
pipe:
  flags: {folder: ''}
  steps:
    - trial n=1 folder=${folder}
    - trial n=[2,3] folder=${folder}
"""


@pytest.fixture
def end(guild: Guild, tmp_path: Path) -> Callable[[int, int], None]:
    """Ends the trial of a number with an exit status."""
    project(guild.folder, GUILDFILE)
    for n in (1, 2, 3):
        os.mkfifo(tmp_path / str(n))

    def told(n: int, status: int) -> None:
        (tmp_path / str(n)).write_text(f"{status}\n")

    return told


def here(guild: Guild, *filters: str) -> dict[object, str]:
    """The status of each run here, by its operation and the number that it has."""
    place = Place(guild, guild.home)
    found = guild("select", "--all", *filters).lines
    ops = {
        run: place.run_dir(run).joinpath(".guild/opref").read_text().split()[-1] for run in found
    }
    return {
        (ops[run], place.attr(run, "flags").get("n")): place.status(run)
        for run in found
        if ops[run] == "trial"
    }


def started(guild: Guild, remote: str, there: Path, op: str, *flags: str) -> tuple[Place, str]:
    """Start it on the remote, and bring it home with the first run that it consists of."""
    place = Place(guild, there, remote)
    run = place.started(*flags, op=op)
    place.wait_for_output(run, "starting")
    guild.ok("pull", remote, run, "-y")
    assert os.listdir(guild.home / "runs").count(run) == 1
    assert here(guild) == {("trial", 1): f"running ({remote})"}
    return place, run


def bring_home_alone(guild: Guild, remote: str, batch: str) -> None:
    """Pull a batch that is over to a home that has nothing: all its trials come with it."""
    shutil.rmtree(guild.home / "runs")
    said = guild.ok("pull", remote, batch, stdin="n\n").out
    assert "With 4 runs that these consist of." in said
    guild.ok("pull", remote, batch, "-y")
    assert here(guild) == {("trial", n): "completed" for n in (1, 2, 3)}
    guild.ok("rm", "-y", "-Fo", "trial")
    guild.ok("pull", remote, batch, "-y")
    assert here(guild) == {}, "what was deleted here stays so"
    guild.ok("restore", "-y")


def test_trials_that_start_after_a_pull_of_their_batch_come_home(
    guild: Guild, remote: str, there: Path, tmp_path: Path, end: Callable[[int, int], None]
) -> None:
    place, batch = started(guild, remote, there, "trial", "n=[1:3]", f"folder={tmp_path}")
    end(1, 0)
    place.wait_for_output(batch, "Trial 2 of 3: starting")
    guild.ok("sync")
    assert here(guild) == {("trial", 1): "completed", ("trial", 2): f"running ({remote})"}
    end(2, 3)
    end(3, 0)
    place.wait_for_end(batch)
    place.wait_until_dead(batch)
    guild.ok("sync")
    assert here(guild) == {
        ("trial", 1): "completed",
        ("trial", 2): "error",
        ("trial", 3): "completed",
    }
    assert guild.status(batch) == "error"
    assert guild.ok("sync").lines == []


def test_a_batch_that_is_over_brings_all_its_trials(
    guild: Guild, remote: str, there: Path, tmp_path: Path, end: Callable[[int, int], None]
) -> None:
    place, batch = started(guild, remote, there, "pipe", f"folder={tmp_path}")
    for n in (1, 2, 3):
        end(n, 0)
    place.wait_until_dead(batch)
    plan = guild.ok("sync", "--plan").out
    guild.ok("sync")
    assert here(guild) == {("trial", n): "completed" for n in (1, 2, 3)}
    bring_home_alone(guild, remote, batch)
    trials = guild.ok("select", "--all", "-Fo", "trial").lines
    assert all(run[:8] in plan for run in trials)


def test_a_trial_that_was_deleted_here_does_not_come_back(
    guild: Guild, remote: str, there: Path, tmp_path: Path, end: Callable[[int, int], None]
) -> None:
    place, batch = started(guild, remote, there, "trial", "n=[1,2]", f"folder={tmp_path}")
    end(1, 0)
    place.wait_for_output(batch, "Trial 2 of 2: starting")
    guild.ok("sync")
    first = guild.ok("select", "-Sc").lines[0]
    guild.ok("rm", first, "-y")
    end(2, 0)
    place.wait_until_dead(batch)
    guild.ok("sync")
    assert here(guild) == {("trial", 2): "completed"}


def test_no_run_of_this_machine_is_replaced_by_what_a_remote_calls_a_trial(
    guild: Guild, remote: str, there: Path, tmp_path: Path, end: Callable[[int, int], None]
) -> None:
    place, batch = started(guild, remote, there, "trial", "n=[1,2]", f"folder={tmp_path}")
    own = Place(guild, guild.home).staged("n=3", f"folder={tmp_path}", op="trial")
    for name in (own, "f" * 32):  # the second is nowhere
        os.symlink(f"../{name}", place.run_dir(batch) / name)
    attrs = there / "runs" / own / ".guild" / "attrs"
    attrs.mkdir(parents=True)
    attrs.joinpath("exit_status").write_text("0")
    attrs.parent.joinpath("opref").write_text("package:evil 1 '' evil")
    end(1, 0)
    end(2, 0)
    place.wait_until_dead(batch)
    guild.ok("sync")
    assert guild.status(own) == "staged"
    assert sorted(here(guild).values()) == ["completed", "completed", "staged"]
    assert not (guild.home / "runs" / ("f" * 32)).exists()


def test_links_of_a_run_that_lead_elsewhere_are_no_trials(
    guild: Guild, remote: str, there: Path, tmp_path: Path, end: Callable[[int, int], None]
) -> None:
    place, batch = started(guild, remote, there, "trial", "n=[1,2]", f"folder={tmp_path}")
    os.symlink(f"../../{batch}", place.run_dir(batch) / "outside")
    os.symlink(f"/{'a' * 32}", place.run_dir(batch) / "top")
    end(1, 0)
    end(2, 0)
    place.wait_until_dead(batch)
    guild.ok("sync")
    assert here(guild) == {("trial", 1): "completed", ("trial", 2): "completed"}
