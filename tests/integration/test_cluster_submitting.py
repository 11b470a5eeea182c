"""Runs on a real Slurm are submitted once, whatever is cut off, and each has one runner."""

from __future__ import annotations

import json
import os

import pytest
from cluster import Cluster
from cut_off import PARTS, cut_off_again_and_again, jobs_of_runs
from on_cluster import SharedDisk, started
from support import Guild, project, wait_until

from guild_sync.agent.store import rundir

GUILDFILE = """
quick: {exec: "sh -c 'echo $GUILD_JOB; echo x >>count'"}
until: {exec: "sh -c 'echo begun; while [ ! -e go-on ]; do sleep 0.05; done'"}
secret: {exec: "sh -c 'echo $TOKEN'", env-secrets: [TOKEN]}
pipe: {steps: [quick, quick]}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


def test_a_run_is_a_job_that_comes_home(cluster: Cluster, guild: Guild, disk: SharedDisk) -> None:
    run_id, job = started(guild, "until")
    assert [call.name for call in cluster.calls()] == ["sbatch"]
    assert cluster.job(job).name == f"guild-{run_id}"
    disk.wait_for(run_id, "running")
    assert cluster.wait_for(job, "RUNNING").nodes == rundir.read_attr(str(disk.run(run_id)), "host")
    # Whoever asks for it again, or for its folder, is refused.
    assert "is running" in guild("rm", run_id, "-r", "hpc", "-y").err
    assert "is running" in guild("run", "--restart", run_id, "-r", "hpc", "-y").err
    guild("sync")
    assert guild.status(run_id) == "running (hpc)"
    (disk.run(run_id) / "go-on").touch()
    disk.wait_for(run_id, "completed")
    cluster.wait_for(job, "COMPLETED")
    guild("sync")
    assert guild.status(run_id) == "completed"
    assert (guild.home / "runs" / run_id / ".guild/output").read_text() == "begun\n"


def test_a_run_that_slurm_refuses_is_not_there(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    done = guild("run", "quick", "-r", "hpc", "--job", "partition=nowhere", "--no-wait", "-y")
    assert done.code == 1
    first = done.err.splitlines()[0]
    assert first == "guild: remote 'hpc': sbatch: Invalid partition name specified"
    assert (cluster.jobs(), disk.runs(), guild.ok("runs").out) == ([], [], "")
    assert os.listdir(cluster.guild_home / "jobs") == []


def test_a_job_that_waits_is_nobody_elses(cluster: Cluster, guild: Guild, disk: SharedDisk) -> None:
    staged = guild.ok("run", "quick", "-r", "hpc", "--stage", "-y").lines[-2].split()[-1]
    assert cluster.jobs() == []
    hold = ("--job", "options=--hold")
    run_id, job = started(guild, "--start", staged, *hold)
    assert run_id == staged
    kept = guild("rm", run_id, "-r", "hpc", "-y").err
    assert "not deleted: it is to start, and waits for its job to begin" in kept
    refused = guild("run", "--start", run_id, "-r", "hpc", "--no-wait", "-y").err
    assert f"run {run_id} is to start already: it waits for the queue" in refused
    assert disk.status(run_id) == "pending"
    assert any(line.startswith("hpc (login node)  ") for line in guild("remotes", "--free").lines)
    # A second job of its name, by hand: it does nothing.
    script = cluster.run("scontrol", "write", "batch_script", job, "-")
    second = cluster.submit(f"--job-name=guild-{run_id}", script=script.partition("\n")[2])
    cluster.wait_for(second, "COMPLETED")
    assert disk.status(run_id) == "pending"
    assert f"and run {run_id} is job {job}" in (cluster.home / f"slurm-{second}.out").read_text()
    cluster.run("scontrol", "release", job)
    disk.wait_for(run_id, "completed")
    assert (disk.run(run_id) / ".guild/output").read_text() == f"{job}\n"
    # Nor does one that comes when it is over.
    third = cluster.submit(script=script.partition("\n")[2])
    cluster.wait_for(third, "COMPLETED")
    assert list(disk.counts()) == [1]
    free = ("--job", "options=")
    again = started(guild, "--restart", run_id, *free)
    assert again != (run_id, job)
    disk.wait_for(run_id, "completed")
    assert list(disk.counts()) == [2]


@pytest.mark.parametrize(
    "after",
    ["kill -9 $$", "out=; rc=1; echo 'sbatch: error: Socket timed out on send/recv' >&2", "out=x"],
)
def test_a_job_whose_answer_does_not_come_is_found(
    cluster: Cluster, guild: Guild, disk: SharedDisk, after: str
) -> None:
    cluster.fault("sbatch", after=after)
    run_id, job = started(guild, "quick")
    assert jobs_of_runs(cluster) == {f"guild-{run_id}": 1}
    assert [call.name for call in cluster.calls()] == ["sbatch", "squeue"]
    disk.wait_for(run_id, "completed")
    assert (disk.run(run_id) / ".guild/output").read_text() == f"{job}\n"


@pytest.mark.parametrize("part", PARTS)
def test_no_run_is_submitted_twice_whatever_is_killed(
    cluster: Cluster, guild: Guild, disk: SharedDisk, part: str
) -> None:
    """At any moment of its start. What a run was before, it is, or a job, which runs it once."""
    guild.ok("run", "quick", "-r", "hpc", "--no-wait", "-y")
    argv = ("run", "quick", "-r", "hpc", "--no-wait", "-y")
    cut_off_again_and_again(cluster, guild, part, *argv)
    jobs = jobs_of_runs(cluster)
    assert not [name for name, count in jobs.items() if count > 1]
    wait_until(lambda: all(job.state == "COMPLETED" for job in cluster.jobs()), "the jobs' end")
    assert set(disk.counts()) <= {1}
    names = {f"guild-{run_id}" for run_id in disk.runs()}
    assert {*jobs} <= names, "none has a job and no run"
    # Whatever is still pending is no job's, or never was one.
    for run_id in disk.runs():
        assert (f"guild-{run_id}" in jobs) is (disk.status(run_id) == "completed")


def test_a_queue_is_a_job_which_runs_what_is_staged(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    for _ in range(2):
        guild.ok("run", "quick", "-r", "hpc", "--stage", "-y")
    staged = {run_id for run_id in disk.runs() if disk.status(run_id) == "staged"}
    queue, job = started(guild, "queue", "run-once=yes")
    disk.wait_for(queue, "completed")
    assert {disk.status(run_id) for run_id in staged} == {"completed"}
    for run_id in staged:
        assert (disk.run(run_id) / ".guild/output").read_text() == f"{job}\n"
        assert json.loads((disk.run(run_id) / ".guild/JOB.record").read_text())["within"] == queue
    assert len(cluster.jobs()) == 1


def test_a_pipeline_is_one_job(cluster: Cluster, guild: Guild, disk: SharedDisk) -> None:
    run_id, _ = started(guild, "pipe")
    disk.wait_for(run_id, "completed")
    assert len(cluster.jobs()) == 1
    assert list(disk.counts()) == [1, 1]


def test_a_secret_reaches_no_cluster(cluster: Cluster, guild: Guild, disk: SharedDisk) -> None:
    guild.env["TOKEN"] = "s3cret"
    done = guild("run", "secret", "-r", "hpc", "--no-wait", "-y")
    assert "values of env-secrets are not given to slurm" in done.err
    assert (cluster.jobs(), disk.runs()) == ([], [])
    (cluster.home / "secrets").write_text("export TOKEN=theirs\n")
    setup = ("--job", f"setup=. {cluster.home}/secrets")
    run_id, _ = started(guild, "secret", *setup)
    disk.wait_for(run_id, "completed")
    assert (disk.run(run_id) / ".guild/output").read_text() == "theirs\n"


def test_a_run_on_a_node_is_seen_where_flocks_are_each_machines_own(
    cluster_with: object, guild: Guild
) -> None:
    cluster: Cluster = cluster_with(local_flock=True)  # type: ignore[operator]
    disk = SharedDisk(cluster)
    run_id, _ = started(guild, "until")
    disk.wait_for(run_id, "running")
    assert "is running" in guild("rm", run_id, "-r", "hpc", "-y").err
    guild("sync")
    assert guild.status(run_id) == "running (hpc)"
    (disk.run(run_id) / "go-on").touch()
    disk.wait_for(run_id, "completed")
