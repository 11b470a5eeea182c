"""A run whose job waits is nobody else's: it is not made anew, started, moved or given up."""

from __future__ import annotations

import json
import os
import time

import pytest
from little_slurm import A, LittleSlurm

from guild_sync.agent import leavings
from guild_sync.agent.catalog import trash
from guild_sync.agent.copies import survey
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import TO_START, Job
from guild_sync.agent.running import queues
from guild_sync.agent.scheduling import claims, records
from guild_sync.agent.staging import restage, stage
from guild_sync.agent.store import identity, locks, rundir

JOB: Job = {"op": "op", "argv": ["true"], "environment": {}}


def end(slurm: LittleSlurm) -> None:
    assert slurm.become("1").wait() == 0
    assert slurm.status == "completed"


def test_it_is_neither_made_anew_nor_discarded_nor_staged(slurm: LittleSlurm) -> None:
    slurm.submit()
    before = (slurm.guild / "JOB.record").stat()
    assert stage.stage(slurm.home, A, "package:x 1 '' op", {}, JOB)["missing"] == []
    stage.discard(slurm.home, A)
    stage.mark_staged(slurm.home, A)
    assert slurm.status == "pending"
    assert os.path.samestat(before, (slurm.guild / "JOB.record").stat())
    assert queues.staged_runs(slurm.home) == []


def test_it_is_not_started_again(slurm: LittleSlurm) -> None:
    stage.mark_staged(slurm.home, A)
    slurm.submit()
    with pytest.raises(AgentError, match="waits in the queue of its scheduler"):
        restage.restage(slurm.home, A, {}, JOB)
    assert slurm.record is not None


@pytest.mark.parametrize("permanent", [False, True])
def test_it_is_not_removed(slurm: LittleSlurm, permanent: bool) -> None:
    slurm.submit()
    assert trash.delete(slurm.home, [A], permanent)["refused"] == {A: f"{TO_START}its job to begin"}
    assert trash.withdraw(slurm.home, [A])["done"] == []
    assert slurm.status == "pending"
    assert trash.delete(slurm.home, [A], force=True)["done"] == [A]
    # Its job comes, and finds nothing.
    assert slurm.become("1").wait() == 0
    assert trash.purge(slurm.home, [A])["done"] == [A]


def test_it_may_wait_for_days(slurm: LittleSlurm) -> None:
    slurm.submit()
    long_ago = time.time() - survey.ABANDONED_SECONDS - 1
    os.utime(slurm.guild / "PENDING", (long_ago, long_ago))
    assert survey.survey(slurm.home, [A])["states"][A]["status"] == "pending"


def test_the_agent_that_it_will_start_stays(slurm: LittleSlurm) -> None:
    """For weeks, as long as nothing has written its end."""
    for name in ("waited", "another"):
        folder = os.path.join(slurm.home, "agent", name)
        os.makedirs(folder)
        main = os.path.join(folder, "__main__.py")
        with open(main, "w"):
            os.utime(main, (0, 0))
    slurm.submit()
    assert slurm.record is not None
    assert slurm.record.agent == "agent"  # the folder of the agent that runs here
    records.write(str(slurm.run), slurm.record._replace(agent="waited"))
    told = [each["path"] for each in leavings.leavings(slurm.home) if each["kind"] == "agent"]
    assert told == [os.path.join(slurm.home, "agent", "another")]
    leavings.clean_agents(slurm.home, "newest")
    assert os.listdir(os.path.join(slurm.home, "agent")) == ["waited"]
    records.forget(slurm.home, A)
    leavings.clean_agents(slurm.home, "newest")
    assert os.listdir(os.path.join(slurm.home, "agent")) == []


def test_started_again_after_its_end_it_has_nothing_of_its_job(slurm: LittleSlurm) -> None:
    slurm.submit()
    end(slurm)
    (slurm.guild / "job.out").write_text("")
    restage.restage(slurm.home, A, {}, JOB)
    assert not {*os.listdir(slurm.guild)} & {"JOB.record", "JOB.claim", "JOB.verdict", "job.out"}
    assert records.open_ids(slurm.home) == []
    assert slurm.submit() == "2"
    assert slurm.become("2").wait() == 0
    assert slurm.status == "completed"
    assert claims.read(str(slurm.run)) == claims.Claim("2")
    assert records.earlier(str(slurm.run)) == {"1": None}


def test_a_run_on_a_node_runs_whatever_flock_says_here(slurm: LittleSlurm) -> None:
    """Its flock may be the node's own, and a node may be a container on this machine."""
    slurm.submit()
    rundir.unmark(str(slurm.run), "PENDING")
    here = identity.of(os.getpid())
    node = here._replace(host="n1", namespace=1)
    guild = str(slurm.guild)
    (slurm.guild / "LOCK").write_text(f"{node.pid}\n")
    (slurm.guild / "LOCK").chmod(0o600)
    (slurm.guild / "LOCK.owner").write_text(json.dumps({**node._asdict(), "flock": True}))
    assert slurm.status == "running"
    assert locks.held_by(guild) == locks.Holder(0, "n1, in another container")
    assert locks.hold(guild) is None
    records.put_aside(slurm.home, str(slurm.run))
    assert slurm.status == "error"  # a container that has ended
