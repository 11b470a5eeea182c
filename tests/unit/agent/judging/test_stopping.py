"""Runs that are jobs, told to end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.judging import stopping
from guild_sync.agent.protocol import KILL, KILL_RUNNER, TERM, now
from guild_sync.agent.running.stop import signal_runs, wait_runs
from guild_sync.agent.scheduling import claims, face, records
from guild_sync.agent.scheduling.face import JobState, SchedulerDown, Site
from guild_sync.agent.scheduling.records import Record
from guild_sync.agent.store import rundir

WAITS, RUNS, ENDED = ("a" * 32, "b" * 32, "c" * 32)


class Fake(face.Scheduler):
    """A scheduler that notes whom it was told to end."""

    def __init__(self) -> None:
        super().__init__(Site())
        self.told: list[tuple[str, list[str]]] = []
        self.down = ""
        self.gone: list[str] = []  # runs whose jobs it does not know
        self.begins: Path | None = None  # a run whose job begins before it hears of this

    def query(self) -> dict[face.JobName, list[face.JobState]]:
        if self.down:
            raise SchedulerDown(self.down)
        jobs = {
            WAITS: JobState("1", face.WAITS, "PENDING"),
            RUNS: JobState("2", face.RUNS, "RUNNING"),
        }
        return {(records.name_of(r), None): [job] for r, job in jobs.items() if r not in self.gone}

    def cancel(self, ids: Any, signal: str = "") -> None:
        if self.down:
            raise SchedulerDown(self.down)
        self.told.append((signal, list(ids)))
        if self.begins:
            claims.claim(str(self.begins), claims.Claim("1"))


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(records, "scheduler", lambda kind, site: fake)
    return fake


@pytest.fixture(autouse=True)
def runs(home: Path) -> dict[str, Path]:
    found = {}
    for number, run_id in enumerate((WAITS, RUNS, ENDED), start=1):
        run = found[run_id] = home / "runs" / run_id
        (run / ".guild" / "attrs").mkdir(parents=True)
        (run / ".guild" / "opref").write_text("guildfile:/x 1 '' train")
        record = Record("slurm", Site(), records.name_of(run_id), now(), str(number))
        records.write(str(run), record)
        records.expect(str(home), run_id)
    rundir.mark(str(found[WAITS]), rundir.PENDING)
    claims.claim(str(found[RUNS]), claims.Claim("2"))
    (found[RUNS] / ".guild" / "LOCK").write_text(f"{os.getpid()}\n")  # Guild AI's form of a lock
    rundir.write_attr(str(found[ENDED]), "exit_status", 0)
    return found


def end(run: Path) -> tuple[Any, ...]:
    found = rundir.read_attrs(str(run), ["exit_status", "ended_by"])
    return rundir.status(str(run)).text, found["exit_status"], found["ended_by"]


def test_what_waits_ends_and_what_runs_is_told_each_by_one_call(
    home: Path, runs: dict[str, Path], scheduler: Fake
) -> None:
    told = signal_runs(str(home), [WAITS, RUNS, ENDED])
    assert told["done"] == [WAITS, RUNS]
    assert told["refused"] == {ENDED: "it is not running: it has completed"}
    assert scheduler.told == [("", ["1"]), ("TERM", ["2"])]
    assert end(runs[WAITS]) == ("terminated", -15, "cancelled")
    assert end(runs[RUNS])[0] == "running"
    assert records.open_ids(str(home)) == [RUNS]
    waited = wait_runs(str(home), [WAITS, RUNS], 0)
    assert (waited["running"], waited["status"]) == ([RUNS], {WAITS: "terminated"})


@pytest.mark.parametrize(("how", "signal"), [(TERM, "TERM"), (KILL, ""), (KILL_RUNNER, "KILL")])
def test_how_what_runs_is_told(
    home: Path, runs: dict[str, Path], scheduler: Fake, how: str, signal: str
) -> None:
    signal_runs(str(home), [RUNS], how)
    assert scheduler.told == [(signal, ["2"])]
    assert (runs[RUNS] / ".guild" / "JOB.stop").read_text() == how
    assert stopping.is_killed(str(runs[RUNS])) is (how != TERM)


def test_a_runner_that_began_meanwhile_wins(
    home: Path, runs: dict[str, Path], scheduler: Fake
) -> None:
    scheduler.begins = runs[WAITS]
    assert signal_runs(str(home), [WAITS])["done"] == [WAITS]
    assert end(runs[WAITS])[0] == "pending", "its runner writes its end"


def test_nothing_is_left_where_the_scheduler_cannot_be_told(
    home: Path, runs: dict[str, Path], scheduler: Fake
) -> None:
    scheduler.down = "Unable to contact slurm controller"
    with pytest.raises(AgentError, match="Unable to contact slurm controller") as e:
        signal_runs(str(home), [WAITS, RUNS])
    assert e.value.kind == "scheduler"
    assert [(run / ".guild" / "JOB.stop").exists() for run in runs.values()] == [False] * 3
    assert end(runs[WAITS])[0] == "pending"
    # Who has stopped it before is remembered all the same.
    (runs[RUNS] / ".guild" / "JOB.stop").write_text(TERM)
    with pytest.raises(AgentError):
        signal_runs(str(home), [RUNS], KILL)
    assert (runs[RUNS] / ".guild" / "JOB.stop").read_text() == TERM


def test_what_is_being_submitted_is_left_alone(
    home: Path, runs: dict[str, Path], scheduler: Fake
) -> None:
    record = records.read(str(runs[WAITS]))
    assert record is not None
    records.write(str(runs[WAITS]), record._replace(id=""))
    scheduler.gone = [WAITS]
    assert signal_runs(str(home), [WAITS])["refused"] == {WAITS: "its job is just being submitted"}
    assert scheduler.told == []


def test_a_copy_is_refused_as_ever(home: Path, runs: dict[str, Path], scheduler: Fake) -> None:
    (runs[WAITS] / ".guild" / "LOCK.remote").write_text("hpc")
    assert signal_runs(str(home), [WAITS])["refused"] == {WAITS: "it is pending on hpc"}
    assert scheduler.told == []


def test_an_id_that_its_scheduler_has_given_again_is_not_told(
    home: Path, runs: dict[str, Path], scheduler: Fake
) -> None:
    """Jobs 1 and 2 are others' by now: none has the name of the run."""
    scheduler.gone = [WAITS, RUNS]
    assert signal_runs(str(home), [WAITS, RUNS])["done"] == [WAITS, RUNS]
    assert scheduler.told == []
    assert end(runs[WAITS]) == ("terminated", -15, "cancelled")
    assert end(runs[RUNS])[0] == "running", "one answer is no word of its end"


def test_what_a_copied_home_has_is_not_told(
    home: Path, runs: dict[str, Path], scheduler: Fake, tmp_path: Path
) -> None:
    for run in runs.values():
        record = records.read(str(run))
        assert record is not None
        records.write(str(run), record._replace(folder=str(run)))
    copy = tmp_path / "copied"
    shutil.copytree(home, copy, symlinks=True)
    told = signal_runs(str(copy), [WAITS, RUNS])
    assert (told["done"], scheduler.told) == ([], [])
    for run_id in (WAITS, RUNS):
        why = f"its job is that of {runs[run_id]}"
        assert end(copy / "runs" / run_id) == ("error", 1, why)
    assert [end(runs[run_id])[0] for run_id in (WAITS, RUNS)] == ["pending", "running"]
    assert signal_runs(str(home), [WAITS, RUNS])["done"] == [WAITS, RUNS]
    assert scheduler.told == [("", ["1"]), ("TERM", ["2"])]


def test_a_home_that_was_moved_has_its_jobs(
    home: Path, runs: dict[str, Path], scheduler: Fake, tmp_path: Path
) -> None:
    record = records.read(str(runs[WAITS]))
    assert record is not None
    records.write(str(runs[WAITS]), record._replace(folder=str(runs[WAITS])))
    home.rename(tmp_path / "moved")
    assert signal_runs(str(tmp_path / "moved"), [WAITS])["done"] == [WAITS]
    assert scheduler.told == [("", ["1"])]
