"""A pull of a remote whose runs are partly here: what is new comes, what was deleted stays so."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from faults import write_run
from filelock import FileLock
from support import Guild, Server
from terminal import on_terminal
from test_plan import snapshot

from guild_sync.config.home import file_name

RUNS = [f"{number:032x}" for number in range(1, 4)]
MINE = "f" * 32
STAYS = "1 run was deleted here: 'guild pull far --deleted' copies it"


@pytest.fixture
def far(guild: Guild, sshd: Server, there: Path) -> str:
    for run_id in RUNS:
        write_run(there, run_id, sizes=(100,))
    guild.configure(far=sshd.keys(there))
    return "far"


def here(guild: Guild) -> list[str]:
    return sorted(run["id"] for run in json.loads(guild.ok("runs", "-a", "--json").out))


def told_on_a_terminal(guild: Guild, *words: str) -> str:
    return on_terminal(guild.argv(*words), guild.env, guild.folder)[1].splitlines()[-1]


def test_a_person_is_told_what_was_here_already(guild: Guild, there: Path, far: str) -> None:
    guild.ok("pull", far, RUNS[0], "-y")
    assert told_on_a_terminal(guild, "pull", far, "-y") == "2 copied, 1 is here already"
    assert told_on_a_terminal(guild, "pull", far, "-y") == "0 copied, 3 are here already"
    (there / "runs" / RUNS[1] / "more").write_text("x")
    (guild.home / "runs" / RUNS[2] / "file-0").unlink()
    assert told_on_a_terminal(guild, "pull", far, "-y") == "2 copied, 1 is here already"
    assert "already" not in guild.ok("pull", far, "-y").out, "programs read what they have read"


def test_what_was_deleted_here_stays_so_unless_it_is_named(guild: Guild, far: str) -> None:
    guild.ok("pull", far, "-y")
    guild.ok("rm", RUNS[0], "-y")
    assert STAYS in guild.ok("pull", far, "-y").lines
    assert here(guild) == RUNS[1:]
    assert STAYS in guild.ok("pull", far, "-Sc", "-y").lines, "a filter names no run"
    assert here(guild) == RUNS[1:]
    guild.ok("pull", far, RUNS[0], "-y")
    assert here(guild) == RUNS
    guild.ok("rm", *RUNS, "-y")
    guild.ok("pull", far, "1:2", "-y")
    assert len(here(guild)) == 2, "a place in the list names one, too"


def test_deleted_brings_them_and_what_was_never_deleted_is_copied(guild: Guild, far: str) -> None:
    guild.ok("pull", far, "-y")
    guild.ok("rm", RUNS[0], "-y")
    guild.ok("runs", "purge", RUNS[0], "-y")
    shutil.rmtree(guild.home / "runs" / RUNS[1])
    guild.ok("rm", RUNS[2], "-y")
    guild.ok("pull", far, "-y")
    assert here(guild) == RUNS[:2], "nothing tells of a run that is purged, or simply gone"
    assert "deleted here" not in guild.ok("pull", far, "--deleted", "-y").out
    assert here(guild) == RUNS


def test_where_all_were_deleted_there_is_nothing_to_copy(guild: Guild, far: str) -> None:
    guild.ok("pull", far, "-y")
    guild.ok("rm", "-y")
    done = guild.ok("pull", far, "-y")
    assert done.lines[1:] == [
        "3 runs were deleted here: 'guild pull far --deleted' copies them",
        "Nothing to copy.",
    ]


def test_a_plan_tells_what_would_come_and_changes_nothing(
    guild: Guild, there: Path, far: str
) -> None:
    guild.ok("pull", far, RUNS[0], "-y")
    (there / "runs" / RUNS[0] / "more").write_bytes(b"x" * 1000)
    (there / "runs" / ".home-id").unlink()
    abandoned = write_run(there, MINE, ended=False) / ".guild/PENDING"
    abandoned.touch()
    os.utime(abandoned, (1, 1))
    write_run(guild.home, MINE)
    with FileLock(guild.home / "locks" / f"{file_name(far)}.lock"):  # a sync may last for hours
        before = snapshot(guild.home, there / "runs")
        done = guild("pull", far, "--plan", "--json")
        assert snapshot(guild.home, there / "runs") == before
    assert done.err.startswith(f"guild: run {MINE} is not from far, which has it too, and stays")
    for home in (guild.home, there):
        shutil.rmtree(home / "runs" / MINE)
    plan = json.loads(done.out)
    (of_far,) = plan["remotes"]
    assert {run["run"]: run["before"] for run in of_far["runs"]} == {
        **dict.fromkeys(RUNS, None),
        RUNS[0]: "completed",
    }
    by_run = {run["run"]: (run["files"], run["bytes"]) for run in of_far["runs"]}
    assert by_run[RUNS[0]] == (1, 1000)
    assert here(guild) == RUNS[:1]
    shown = guild.ok("pull", far, "--plan").out
    assert "far: " in shown
    assert f"{RUNS[1]}  new -> completed" in shown, "nobody here has started it"
    assert "There is room here" in shown
    guild.ok("pull", far, "-y")
    assert json.loads(guild.ok("pull", far, "--plan", "--json").out)["remotes"][0]["runs"] == []
    assert guild("pull", far, "--json", "-y").err.startswith("guild: --json belongs to --plan")
