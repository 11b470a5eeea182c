"""Jobs from their submission to their end, by programs that act as PBS's (pbs_programs.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pbs_programs import Pbs as Programs
from support import wait_until

from guild_sync.agent.scheduling import calling, face
from guild_sync.agent.scheduling.face import Site, Submission
from guild_sync.agent.scheduling.pbs import Pbs

NAME = "guild-" + "1" * 32
# Until it is told to end, whose last words it writes then.
WORKS = "trap 'echo ends; exit 3' TERM; echo works; while :; do sleep 0.05; done"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setattr(calling, "_found", {})
    return Programs(tmp_path / "pbs")


class Run:
    """A job's folder, as a run's is."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        folder.mkdir()
        self.output = folder / "job.out"
        self.folder = folder
        self.pbs = Pbs(Site(str(programs.folder)))

    def submit(self, text: str) -> str:
        script = f"#!/bin/bash -l\n:\nexec bash -c {text!r}\n"
        return self.pbs.submit(Submission(script, NAME, str(self.folder), str(self.output), {}))

    def state(self) -> face.JobState | None:
        states = self.pbs.query().get((NAME, None), [])
        return states[-1] if states else None


@pytest.fixture
def run(programs: Programs, tmp_path: Path) -> Run:
    return Run(programs, tmp_path / "a run's folder")


def test_a_job_that_ends_by_itself_is_in_the_history_alone(run: Run) -> None:
    run.output.write_text("before\n")

    job = run.submit("echo $PBS_JOBID; pwd; exit 2")
    wait_until(lambda: run.state() is None)

    over = run.pbs.history([job])[job]
    assert (over.id, over.phase, over.how, over.nodes) == (job, face.ENDED, face.FAILED, "n1")
    assert run.output.read_text() == f"before\n{job}\n{run.folder}\n"


def test_a_job_that_waits_is_ended_without_having_begun(run: Run, programs: Programs) -> None:
    programs.is_full(True)

    job = run.submit("echo began")
    waiting = run.state()
    run.pbs.cancel([job], "TERM")  # what waits is passed over
    run.pbs.cancel([job])

    assert waiting and (waiting.phase, waiting.reason) == (face.WAITS, "No node")
    assert run.state() is None
    over = run.pbs.history([job])[job]
    assert (over.how, over.nodes) == (face.CANCELLED, "")
    assert not run.output.exists()
    run.pbs.cancel([job])  # it is over


def test_a_job_that_runs_is_told_to_end_and_says_its_last_words(run: Run) -> None:
    job = run.submit(WORKS)
    wait_until(lambda: run.output.exists() and "works" in run.output.read_text())
    running = run.state()

    run.pbs.cancel([job], "TERM")
    wait_until(lambda: "ends" in run.output.read_text())
    wait_until(lambda: run.state() is None)

    assert running and (running.phase, running.nodes) == (face.RUNS, "n1")
    assert run.pbs.history([job])[job].how == face.FAILED  # it has ended by itself, with 3
