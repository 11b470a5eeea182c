"""Runs in jobs of a real Slurm: tried again, ended in time, begun again, with what they ask for."""

from __future__ import annotations

import pytest
from cluster import Cluster
from on_cluster import SharedDisk, started
from support import Guild, project, wait_until

from guild_sync.agent.scalars import kept
from guild_sync.agent.scheduling import claims
from guild_sync.agent.store import rundir

GUILDFILE = """
second: {exec: "sh -c 'echo cpus: $SLURM_CPUS_PER_TASK; [ -e first ] || { touch first; exit 4; }'"}
long: {exec: sleep 600}
steps: {steps: [long, long]}
begun: {exec: "sh -c 'echo begun $SLURM_RESTART_COUNT; while [ ! -e go-on ]; do sleep 0.05; done'"}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


def test_a_run_is_tried_again_and_has_its_time_limit_within_its_job(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    tried, _ = started(guild, "second", "--retry", "1", "--cpus", "2")
    late, _ = started(guild, "long", "--time-limit", "1s")
    none = guild("run", "long", "--gpus", "1", "-r", "hpc", "--no-wait", "-y").err
    assert none.startswith("guild: remote 'hpc': sbatch: Invalid generic resource")
    disk.wait_for(tried, "completed")
    assert disk.output(tried) == "cpus: 2\n"
    assert kept.summaries(str(disk.run(tried)))["cpus"]["last"] == 2
    assert (disk.run(tried) / ".guild/attempts/1/SCALARS").exists()
    assert disk.attempts(tried) == 1
    disk.wait_for(late, "terminated")
    assert rundir.read_attr(str(disk.run(late)), "ended_by") == "time limit 1s"
    assert len(cluster.jobs()) == 2


def test_a_job_that_slurm_starts_again_begins_its_run_again(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    run_id, job = started(guild, "begun", "--job", "requeue=yes")
    disk.wait_for(run_id, "running")
    cluster.admin("scontrol", "requeue", job)
    disk.wait_for(run_id, "pending")
    node = begin_again(cluster, job)
    disk.wait_for(run_id, "running")
    shown = guild.ok("info", run_id, "-r", "hpc").lines
    assert f"job: {job} RUNNING on {node}, restarts: 1" in shown
    # Of a node that dies nobody says that it waits again.
    cluster.fail(node)
    assert begin_again(cluster, job) != node
    wait_until(lambda: disk.output(run_id) == "begun 2\n", "it has begun for the third time")
    assert claims.read(str(disk.run(run_id))) == claims.Claim(job, 2)
    (disk.run(run_id) / "go-on").touch()
    disk.wait_for(run_id, "completed")
    assert disk.attempts(run_id) == 2


def test_what_a_pipeline_runs_ends_with_its_job(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    """Of a node that dies nobody else tells that its step runs no more."""
    whole, job = started(guild, "steps")
    wait_until(lambda: len(disk.runs()) == 2, "the first step")
    (step,) = {*disk.runs()} - {whole}
    disk.wait_for(step, "running")
    cluster.fail(cluster.job(job).nodes)
    cluster.wait_for(job, "NODE_FAIL")
    guild("sync")
    assert guild.status(step) == "running (hpc)"
    for run_id in (whole, step):
        disk.age(run_id)
    guild("sync")
    assert (guild.status(whole), guild.status(step)) == ("error", "error")
    assert f"ended_by: node {cluster.job(job).nodes} failed" in guild.ok("info", step).lines


def begin_again(cluster: Cluster, job: str) -> str:
    """The node on which a job runs that waits to begin again, for two minutes as Slurm has it."""
    cluster.wait_for(job, "PENDING")
    # A node that was told to end a job begins nothing of it within the same second.
    cluster.admin("scontrol", "update", f"jobid={job}", "starttime=now+2")
    return cluster.wait_for(job, "RUNNING").nodes
