"""Runs on a real Slurm are submitted once, whatever is cut off, and each has one runner."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster
from cut_off import PARTS, cut_off, jobs_of_runs, seconds_of, wait_for_rest
from support import Guild, project, wait_until

from guild_sync.agent.store import rundir

# How often each part is killed; 50 for a long look (docs/reliability.md).
KILLS = int(os.environ.get("FAULT_KILLS", "1"))
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1, 1 << 32)

GUILDFILE = """
quick: {exec: "sh -c 'echo $GUILD_JOB; echo x >>count'"}
until: {exec: "sh -c 'echo begun; while [ ! -e go-on ]; do sleep 0.05; done'"}
secret: {exec: "sh -c 'echo $TOKEN'", env-secrets: [TOKEN]}
pipe: {steps: [quick, quick]}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


class There:
    """The guild home of the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def run(self, run_id: str) -> Path:
        return self.cluster.guild_home / "runs" / run_id

    def status(self, run_id: str) -> str:
        return rundir.status(str(self.run(run_id))).text

    def wait_for(self, run_id: str, status: str) -> None:
        wait_until(lambda: self.status(run_id) == status, f"{status}, not {self.status(run_id)}")

    def output(self, run_id: str) -> str:
        """What the run's operation has said; empty where none has begun."""
        try:
            return (self.run(run_id) / ".guild/output").read_text()
        except FileNotFoundError:
            return ""

    def attempts(self, run_id: str) -> int:
        """How many attempts of a run there were before the last one."""
        return len([*(self.run(run_id) / ".guild").glob("attempts/*/output")])

    def age(self, run_id: str) -> None:
        """Have a minute have passed since its job was first seen to be over."""
        path = self.run(run_id) / ".guild/JOB"
        found = json.loads(path.read_text())
        found["over"]["time"] -= 60
        found["over"]["up"] -= 60
        path.write_text(json.dumps(found))

    def runs(self) -> list[str]:
        top = self.cluster.guild_home / "runs"
        return [path.name for path in top.iterdir() if len(path.name) == 32]

    def counts(self) -> Iterator[int]:
        """How often each run that has begun was run."""
        for run_id in self.runs():
            if (self.run(run_id) / "count").exists():
                yield len((self.run(run_id) / "count").read_text().split())


@pytest.fixture
def there(cluster: Cluster) -> There:
    return There(cluster)


def waiting_job(said: str) -> tuple[str, str]:
    """The run and the job of which `guild run` tells that it waits."""
    match = re.search(r"^([0-9a-f]{32}) waits in the queue of hpc as job ([0-9]+)$", said, re.M)
    assert match, said
    return match[1], match[2]


def test_a_run_is_a_job_that_comes_home(cluster: Cluster, guild: Guild, there: There) -> None:
    said = guild.ok("run", "until", "-r", "hpc", "--no-wait", "-y").out
    run_id, job = waiting_job(said)
    assert [call.name for call in cluster.calls()] == ["sbatch"]
    assert cluster.job(job).name == f"guild-{run_id}"
    there.wait_for(run_id, "running")
    assert cluster.wait_for(job, "RUNNING").nodes == rundir.read_attr(
        str(there.run(run_id)), "host"
    )
    # Whoever asks for it again, or for its folder, is refused.
    assert "is running" in guild("rm", run_id, "-r", "hpc", "-y").err
    assert "is running" in guild("run", "--restart", run_id, "-r", "hpc", "-y").err
    guild("sync")
    assert guild.status(run_id) == "running (hpc)"
    (there.run(run_id) / "go-on").touch()
    there.wait_for(run_id, "completed")
    cluster.wait_for(job, "COMPLETED")
    guild("sync")
    assert guild.status(run_id) == "completed"
    assert (guild.home / "runs" / run_id / ".guild/output").read_text() == "begun\n"


def test_a_run_that_slurm_refuses_is_not_there(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    done = guild("run", "quick", "-r", "hpc", "--job", "partition=nowhere", "--no-wait", "-y")
    assert done.code == 1
    first = done.err.splitlines()[0]
    assert first == "guild: remote 'hpc': sbatch: Invalid partition name specified"
    assert (cluster.jobs(), there.runs(), guild.ok("runs").out) == ([], [], "")
    assert os.listdir(cluster.guild_home / "jobs") == []


def test_a_job_that_waits_is_nobody_elses(cluster: Cluster, guild: Guild, there: There) -> None:
    staged = guild.ok("run", "quick", "-r", "hpc", "--stage", "-y").lines[-2].split()[-1]
    assert cluster.jobs() == []
    hold = ("--job", "options=--hold")
    run_id, job = waiting_job(
        guild.ok("run", "--start", staged, *hold, "-r", "hpc", "--no-wait", "-y").out
    )
    assert run_id == staged
    kept = guild("rm", run_id, "-r", "hpc", "-y").err
    assert "not deleted: it is to start, and waits for its job to begin" in kept
    refused = guild("run", "--start", run_id, "-r", "hpc", "--no-wait", "-y").err
    assert f"run {run_id} is to start already: it waits for the queue" in refused
    assert there.status(run_id) == "pending"
    assert any(line.startswith("hpc (login node)  ") for line in guild("remotes", "--free").lines)
    # A second job of its name, by hand: it does nothing.
    script = cluster.run("scontrol", "write", "batch_script", job, "-")
    second = cluster.submit(f"--job-name=guild-{run_id}", script=script.partition("\n")[2])
    cluster.wait_for(second, "COMPLETED")
    assert there.status(run_id) == "pending"
    assert f"and run {run_id} is job {job}" in (cluster.home / f"slurm-{second}.out").read_text()
    cluster.run("scontrol", "release", job)
    there.wait_for(run_id, "completed")
    assert (there.run(run_id) / ".guild/output").read_text() == f"{job}\n"
    # Nor does one that comes when it is over.
    third = cluster.submit(script=script.partition("\n")[2])
    cluster.wait_for(third, "COMPLETED")
    assert list(there.counts()) == [1]
    free = ("--job", "options=")
    again = guild.ok("run", "--restart", run_id, *free, "-r", "hpc", "--no-wait", "-y").out
    assert waiting_job(again) != (run_id, job)
    there.wait_for(run_id, "completed")
    assert list(there.counts()) == [2]


@pytest.mark.parametrize(
    "after",
    ["kill -9 $$", "out=; rc=1; echo 'sbatch: error: Socket timed out on send/recv' >&2", "out=x"],
)
def test_a_job_whose_answer_does_not_come_is_found(
    cluster: Cluster, guild: Guild, there: There, after: str
) -> None:
    cluster.fault("sbatch", after=after)
    run_id, job = waiting_job(guild.ok("run", "quick", "-r", "hpc", "--no-wait", "-y").out)
    assert jobs_of_runs(cluster) == {f"guild-{run_id}": 1}
    assert [call.name for call in cluster.calls()] == ["sbatch", "squeue"]
    there.wait_for(run_id, "completed")
    assert (there.run(run_id) / ".guild/output").read_text() == f"{job}\n"


@pytest.mark.parametrize("part", PARTS)
def test_no_run_is_submitted_twice_whatever_is_killed(
    cluster: Cluster, guild: Guild, there: There, part: str
) -> None:
    """At any moment of its start. What a run was before, it is, or a job, which runs it once."""
    print(f"FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    guild.ok("run", "quick", "-r", "hpc", "--no-wait", "-y")
    argv = ("run", "quick", "-r", "hpc", "--no-wait", "-y")
    most = seconds_of(cluster, guild, *argv)
    for _ in range(KILLS):
        # In some of them there is time to hit sbatch itself.
        fault: dict[str, str] = chance.choice(({}, {"before": "sleep 0.3"}, {"after": "sleep 0.3"}))
        cluster.fault("sbatch", **fault)
        cut_off(cluster, guild, part, chance.uniform(0, most + 0.3), *argv)
        cluster.mend()
        wait_for_rest(cluster)
    jobs = jobs_of_runs(cluster)
    assert not [name for name, count in jobs.items() if count > 1]
    wait_until(lambda: all(job.state == "COMPLETED" for job in cluster.jobs()), "the jobs' end")
    assert set(there.counts()) <= {1}
    names = {f"guild-{run_id}" for run_id in there.runs()}
    assert {*jobs} <= names, "none has a job and no run"
    # Whatever is still pending is no job's, or never was one.
    for run_id in there.runs():
        assert (f"guild-{run_id}" in jobs) is (there.status(run_id) == "completed")


def test_a_queue_is_a_job_which_runs_what_is_staged(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    for _ in range(2):
        guild.ok("run", "quick", "-r", "hpc", "--stage", "-y")
    staged = {run_id for run_id in there.runs() if there.status(run_id) == "staged"}
    said = guild.ok("run", "queue", "run-once=yes", "-r", "hpc", "--no-wait", "-y").out
    queue, job = waiting_job(said)
    there.wait_for(queue, "completed")
    assert {there.status(run_id) for run_id in staged} == {"completed"}
    for run_id in staged:
        assert (there.run(run_id) / ".guild/output").read_text() == f"{job}\n"
        assert json.loads((there.run(run_id) / ".guild/JOB").read_text())["within"] == queue
    assert len(cluster.jobs()) == 1


def test_a_pipeline_is_one_job(cluster: Cluster, guild: Guild, there: There) -> None:
    run_id, _ = waiting_job(guild.ok("run", "pipe", "-r", "hpc", "--no-wait", "-y").out)
    there.wait_for(run_id, "completed")
    assert len(cluster.jobs()) == 1
    assert list(there.counts()) == [1, 1]


def test_a_secret_reaches_no_cluster(cluster: Cluster, guild: Guild, there: There) -> None:
    guild.env["TOKEN"] = "s3cret"
    done = guild("run", "secret", "-r", "hpc", "--no-wait", "-y")
    assert "values of env-secrets are not given to slurm" in done.err
    assert (cluster.jobs(), there.runs()) == ([], [])
    (cluster.home / "secrets").write_text("export TOKEN=theirs\n")
    setup = ("--job", f"setup=. {cluster.home}/secrets")
    said = guild.ok("run", "secret", *setup, "-r", "hpc", "--no-wait", "-y").out
    run_id, _ = waiting_job(said)
    there.wait_for(run_id, "completed")
    assert (there.run(run_id) / ".guild/output").read_text() == "theirs\n"


def test_a_run_on_a_node_is_seen_where_flocks_are_each_machines_own(
    cluster_with: object, guild: Guild
) -> None:
    cluster: Cluster = cluster_with(local_flock=True)  # type: ignore[operator]
    there = There(cluster)
    run_id, _ = waiting_job(guild.ok("run", "until", "-r", "hpc", "--no-wait", "-y").out)
    there.wait_for(run_id, "running")
    assert "is running" in guild("rm", run_id, "-r", "hpc", "-y").err
    guild("sync")
    assert guild.status(run_id) == "running (hpc)"
    (there.run(run_id) / "go-on").touch()
    there.wait_for(run_id, "completed")
