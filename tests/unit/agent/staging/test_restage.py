"""Tests of runs that are made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Job
from guild_sync.agent.staging import restage, stage
from guild_sync.agent.store import locks, rundir

A = "a" * 32
ENDED = {"started": 1, "stopped": 2, "exit_status": 0}
JOB: Job = {"argv": ["true"], "restart": "first"}


@pytest.fixture
def ended(tmp_path: Path) -> str:
    """The directory of a run that has ended."""
    made = stage.stage(str(tmp_path), A, "script: '' op", {}, {"argv": ["true"]})
    rundir.unmark(made["run_dir"], rundir.PENDING)
    rundir.write_attrs(made["run_dir"], ENDED)
    return made["run_dir"]


def test_a_run_that_went_on_where_the_answer_was_lost_is_not_made_again_a_second_time(
    tmp_path: Path, ended: str
) -> None:
    """What was told behind `restage` is done, be the connection dead by then: it is asked again."""
    home = str(tmp_path)
    made = restage.restage(home, A, {}, JOB)
    assert restage.restage(home, A, {"label": "again"}, JOB) == made  # it still waits for the rest
    assert rundir.read_attr(ended, "label") == "again"

    held = locks.hold(rundir.guild_dir(ended))
    assert held is not None
    rundir.write_waits(ended, "a GPU")
    assert restage.restage(home, A, {"label": ""}, JOB) == made
    rundir.unmark(ended, rundir.LOCK_WAITS)
    rundir.unmark(ended, rundir.PENDING)
    assert restage.restage(home, A, {"label": ""}, JOB) == made
    assert rundir.status(ended) == rundir.Status("running")
    locks.release(rundir.guild_dir(ended), held)

    rundir.write_attrs(ended, ENDED)
    assert restage.restage(home, A, {"label": ""}, JOB) == made
    assert rundir.status(ended) == rundir.Status("completed")
    assert rundir.read_attr(ended, "label") == "again"


@pytest.mark.parametrize("restart", ["", "second"])
def test_another_request_makes_it_again_and_none_where_it_runs(
    tmp_path: Path, ended: str, restart: str
) -> None:
    """A request of an earlier version does not say which it is."""
    home, other = str(tmp_path), Job(argv=["true"], restart=restart)
    restage.restage(home, A, {}, JOB)
    rundir.unmark(ended, rundir.PENDING)
    rundir.write_attrs(ended, ENDED)
    restage.restage(home, A, {}, other)
    assert rundir.status(ended) == rundir.Status("pending")

    rundir.unmark(ended, rundir.PENDING)
    held = locks.hold(rundir.guild_dir(ended))
    assert held is not None
    with pytest.raises(AgentError, match="is running"):
        restage.restage(home, A, {}, JOB)
    locks.release(rundir.guild_dir(ended), held)
