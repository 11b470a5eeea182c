"""A run that is made, or given up, is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from support import at_every_line

from guild_sync.agent.catalog import find
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import STARTED_BY, ContentForm, Value
from guild_sync.agent.staging import install, stage
from guild_sync.agent.store import locks, rundir
from guild_sync.agent.store.job import read_job

A = "a" * 32


def test_a_run_that_is_discarded_never_looks_as_if_it_had_ended(tmp_path: Path) -> None:
    home = str(tmp_path)
    seen = set()

    def check() -> None:
        if A in find.run_ids(home):
            seen.add(rundir.status(rundir.run_dir(home, A)))

    with at_every_line(check):
        stage.stage(home, A, "package:gpkg.demo 1.0 '' op", {"flags": {}}, {"argv": ["true"]})
        stage.discard(home, A)
    assert seen == {rundir.Status("pending")}
    assert not [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]


def test_what_a_cut_off_discard_left_is_in_nobodys_way(tmp_path: Path) -> None:
    home = str(tmp_path)
    (tmp_path / "runs" / f"{rundir.DELETING}{A}" / "x").mkdir(parents=True)
    stage.stage(home, A, "package:gpkg.demo 1.0 '' op", {"flags": {}}, {"argv": ["true"]})
    stage.discard(home, A)
    assert find.run_ids(home) == []
    assert not [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]


def test_a_run_that_somebody_looks_at_is_discarded_all_the_same(tmp_path: Path) -> None:
    """A look holds the lock for a moment; the run must not stay pending for that."""
    home = str(tmp_path)
    run_id = "d" * 32
    made = stage.stage(home, run_id, "package:x 1 '' op", {}, {})["run_dir"]
    lock = Path(made, ".guild/LOCK")
    lock.touch(mode=0o600)
    tries = []
    whole = locks._flock

    def flock(fd: int, how: int) -> bool | None:
        tries.append(how)
        return False if len(tries) == 1 else whole(fd, how)

    with mock.patch.object(locks, "_flock", flock):
        stage.discard(home, run_id)
    assert not os.path.exists(made)


def test_a_run_that_went_on_where_the_answer_was_lost_is_there_and_stays_as_it_is(
    tmp_path: Path,
) -> None:
    """What was told behind `stage` is done, be the connection dead by then: it is asked again."""
    home = str(tmp_path)
    made = stage.stage(home, A, "package:x 1 '' op", {}, {})
    directory = made["run_dir"]
    stage.mark_staged(home, A)
    assert stage.stage(home, A, "package:x 1 '' op", {}, {}, contents={"f" * 64: 3}) == made
    assert rundir.status(directory) == rundir.Status("staged")

    rundir.unmark(directory, rundir.STAGED)
    rundir.write_attrs(directory, {"started": 1, "exit_status": 0})
    assert stage.stage(home, A, "package:x 1 '' op", {}, {}) == made
    lost: ContentForm = {"digest": "f" * 64, "size": 3, "is_program": False}
    assert install.install(home, A, "x.whl", "x", {"x.whl": lost}) == {"missing": []}
    assert rundir.status(directory) == rundir.Status("completed")


def test_what_is_no_run_or_another_machines_is_in_the_way(tmp_path: Path) -> None:
    home = str(tmp_path)
    for mark in (None, rundir.LOCK_REMOTE):
        (tmp_path / "runs" / A / ".guild" / "attrs").mkdir(parents=True, exist_ok=True)
        if mark:
            rundir.mark(rundir.run_dir(home, A), mark)
        with pytest.raises(AgentError, match="there already"):
            stage.stage(home, A, "package:x 1 '' op", {}, {})


# Two guild homes that make a run of one id.


def by(home: str) -> dict[str, Value]:
    return {STARTED_BY: {"user": "u", "client": "c", "home": home}}


@pytest.mark.parametrize("status", ["pending", "staged"])
def test_a_run_that_another_guild_home_has_made_is_neither_made_anew_nor_discarded(
    tmp_path: Path, status: str
) -> None:
    home = str(tmp_path)
    directory = stage.stage(home, A, "package:x 1 '' op", by("a"), {"argv": ["a"]})["run_dir"]
    if status == "staged":
        stage.mark_staged(home, A)
    before = sorted(Path(directory).rglob("*"))
    with pytest.raises(AgentError, match=r"another guild home has made a run a{32} there"):
        stage.stage(home, A, "package:x 1 '' op", by("b"), {"argv": ["b"]})
    stage.discard(home, A, "b")
    assert sorted(Path(directory).rglob("*")) == before
    assert rundir.status(directory) == rundir.Status(status)
    assert stage.stage(home, A, "package:x 1 '' op", by("a"), {"argv": ["a"]})


def test_a_run_that_another_makes_at_the_same_moment_has_nothing_of_this_one(
    tmp_path: Path,
) -> None:
    """At many a line of what makes the second run the first one may come to be."""
    home, tried = str(tmp_path), []
    for line in count(0, 31):
        lines, run_id = iter(range(line + 1)), f"{line:032x}"

        def other(lines: Iterator[int] = lines, run_id: str = run_id, line: int = line) -> None:
            if next(lines, None) == line:
                tried.append(run_id)
                with suppress(AgentError):
                    stage.stage(home, run_id, "package:x 1 '' op", by("a"), {"argv": ["a"]})

        with suppress(AgentError), at_every_line(other):
            stage.stage(home, run_id, "package:x 1 '' op", by("b"), {"argv": ["b"]})
        directory = rundir.run_dir(home, run_id)
        whose = rundir.starter(rundir.read_attr(directory, STARTED_BY))
        assert whose and read_job(directory)["argv"] == [whose["home"]]
        if run_id not in tried:
            break
    assert len(tried) > 7
    assert not [*(tmp_path / "runs").glob(".stage-*")]
