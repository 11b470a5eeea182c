"""Runs in jobs of a real Slurm: tried again, ended in time, begun again, with what they ask for."""

from __future__ import annotations

import pytest
from cluster import Cluster
from support import Guild, project, wait_until
from test_cluster_submitting import There, there, waiting_job

from guild_sync.agent.scheduling import claims
from guild_sync.agent.store import rundir

__all__ = ["there"]

GUILDFILE = """
second: {exec: "sh -c 'echo $SLURM_CPUS_PER_TASK; [ -e first ] || { touch first; exit 4; }'"}
long: {exec: sleep 600}
steps: {steps: [long, long]}
begun: {exec: "sh -c 'echo begun $SLURM_RESTART_COUNT; while [ ! -e go-on ]; do sleep 0.05; done'"}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


def started(guild: Guild, *words: str) -> tuple[str, str]:
    return waiting_job(guild.ok("run", *words, "-r", "hpc", "--no-wait", "-y").out)


def test_a_run_is_tried_again_and_has_its_time_limit_within_its_job(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    tried, _ = started(guild, "second", "--retry", "1", "--cpus", "2")
    late, _ = started(guild, "long", "--time-limit", "1s")
    none = guild("run", "long", "--gpus", "1", "-r", "hpc", "--no-wait", "-y").err
    assert none.startswith("guild: remote 'hpc': sbatch: Invalid generic resource")
    there.wait_for(tried, "completed")
    assert there.output(tried) == "2\n"
    assert there.attempts(tried) == 1
    there.wait_for(late, "terminated")
    assert rundir.read_attr(str(there.run(late)), "ended_by") == "time limit 1s"
    assert len(cluster.jobs()) == 2


def test_a_job_that_slurm_starts_again_begins_its_run_again(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    run_id, job = started(guild, "begun", "--job", "requeue=yes")
    there.wait_for(run_id, "running")
    cluster.admin("scontrol", "requeue", job)
    there.wait_for(run_id, "pending")
    node = begin_again(cluster, job)
    there.wait_for(run_id, "running")
    shown = guild.ok("info", run_id, "-r", "hpc").lines
    assert f"job: {job} RUNNING on {node}, restarts: 1" in shown
    # Of a node that dies nobody says that it waits again.
    cluster.fail(node)
    assert begin_again(cluster, job) != node
    wait_until(lambda: there.output(run_id) == "begun 2\n", "it has begun for the third time")
    assert claims.read(str(there.run(run_id))) == claims.Claim(job, 2)
    (there.run(run_id) / "go-on").touch()
    there.wait_for(run_id, "completed")
    assert there.attempts(run_id) == 2


def test_what_a_pipeline_runs_ends_with_its_job(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    """Of a node that dies nobody else tells that its step runs no more."""
    whole, job = started(guild, "steps")
    wait_until(lambda: len(there.runs()) == 2, "the first step")
    (step,) = {*there.runs()} - {whole}
    there.wait_for(step, "running")
    cluster.fail(cluster.job(job).nodes)
    cluster.wait_for(job, "NODE_FAIL")
    guild("sync")
    assert guild.status(step) == "running (hpc)"
    for run_id in (whole, step):
        there.age(run_id)
    guild("sync")
    assert (guild.status(whole), guild.status(step)) == ("error", "error")
    assert f"ended_by: node {cluster.job(job).nodes} failed" in guild.ok("info", step).lines


def begin_again(cluster: Cluster, job: str) -> str:
    """The node on which a job runs that waits to begin again, for two minutes as Slurm has it."""
    cluster.wait_for(job, "PENDING")
    # A node that was told to end a job begins nothing of it within the same second.
    cluster.admin("scontrol", "update", f"jobid={job}", "starttime=now+2")
    return cluster.wait_for(job, "RUNNING").nodes
