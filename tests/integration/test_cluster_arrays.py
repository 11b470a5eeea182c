"""A batch on a real Slurm is one array: submitted once, home by one sync, ended as a series is."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from cluster import USER, Cluster
from cut_off import PARTS, cut_off_again_and_again, jobs_of_runs
from on_cluster import SharedDisk
from support import Guild, project, wait_until

from guild_sync.agent.store import rundir

GUILDFILE = """
trial:
  exec: "sh -c 'echo $GUILD_JOB; hostname >node; echo x >>count; exit ${code}'"
  flags: {n: 0, code: 0}
until:
  exec: "sh -c 'echo begun; while [ ! -e go-on ]; do sleep 0.05; done'"
  flags: {n: 0}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


class There(SharedDisk):
    """The shared disk with batches on it."""

    def attr(self, run_id: str, name: str) -> object:
        return rundir.read_attr(str(self.run(run_id)), name)

    def trials(self, batch: str) -> list[str]:
        return (self.run(batch) / ".guild/LOCK.trials").read_text().split()


@pytest.fixture
def there(cluster: Cluster) -> There:
    return There(cluster)


def started(guild: Guild, *words: str) -> str:
    """The batch that `guild run` starts."""
    said = guild.ok("run", *words, "-r", "hpc", "--no-wait", "-y").out
    line = next(line for line in said.splitlines() if " is running on hpc as job " in line)
    return line.split()[0]


def test_a_batch_is_one_array_that_comes_home(cluster: Cluster, guild: Guild, there: There) -> None:
    whole_nodes = ("--job", "cpus=2")
    said = guild.ok("run", "trial", "n=[1,2,3,4,5]", *whole_nodes, "-r", "hpc", "-y").out
    # How it stands, which its watch tells first, may take a look.
    assert [call.name for call in cluster.calls()] in (["sbatch"], ["sbatch", "squeue"])
    (batch,) = (
        line.split()[0] for line in said.splitlines() if " is running on hpc as job" in line
    )
    trials = there.trials(batch)
    assert [f"Trial {n} of 5: {trial}" in said for n, trial in enumerate(trials, 1)] == [True] * 5
    assert {(there.run(trial) / "node").read_text().strip() for trial in trials} == {"n1", "n2"}
    assert {(there.run(trial) / "count").read_text() for trial in trials} == {"x\n"}
    jobs = [(there.run(trial) / ".guild/output").read_text().strip() for trial in trials]
    array = jobs[0].partition("_")[0]
    assert jobs == [f"{array}_{task}" for task in range(5)]
    cluster.forget_calls()
    guild.ok("sync")
    assert cluster.calls() == []  # nothing of it waits or runs
    assert {guild.status(run) for run in (batch, *trials)} == {"completed"}


def test_a_trial_that_fails_makes_its_batch_fail(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    batch = started(
        guild, "trial", "n=[1,2]", "code=[0,7]", "--fail-on-trial-error", "--job", "array-limit=1"
    )
    there.wait_for(batch, "error")
    ended = [there.status(trial) for trial in there.trials(batch)]
    assert ended == ["completed", "error", "terminated", "terminated"]
    assert there.attr(there.trials(batch)[2], "ended_by") == "an earlier trial failed"
    assert there.attr(batch, "exit_status") == 7
    assert (there.run(batch) / ".guild/output").read_text().endswith("\n3 of 4 trials failed\n")
    # Again it runs what has not completed.
    before = there.trials(batch)
    guild.ok("run", "--restart", batch, "-r", "hpc", "--no-wait", "-y")
    wait_until(lambda: there.trials(batch) != before and there.status(batch) == "error", "ended")
    assert len(there.trials(batch)) == 3


def test_a_batch_is_stopped_at_one_go(cluster: Cluster, guild: Guild, there: There) -> None:
    batch = started(guild, "until", "n=[1,2,3,4,5]", "--job", "array-limit=2")
    first, second, *waiting = there.trials(batch)
    for trial in (first, second):
        there.wait_for(trial, "running")
    assert guild.ok("runs", "-r", "hpc").out.count("running") == 3
    cluster.forget_calls()
    guild.ok("sync")
    assert [call.name for call in cluster.calls()] == ["squeue"]
    here = [guild.status(run) for run in (batch, first, waiting[0])]
    assert here == ["running (hpc)", "running (hpc)", "pending (hpc)"]
    assert "is running" in guild("rm", batch, "-r", "hpc", "-y").err
    assert "is running" in guild("run", "--restart", batch, "-r", "hpc", "-y").err
    cluster.forget_calls()
    guild.ok("stop", batch, "-r", "hpc", "-y")
    assert [call.name for call in cluster.calls() if call.name == "scancel"] == ["scancel"] * 2
    assert len([call for call in cluster.calls() if call.name == "squeue"]) <= 1
    assert {there.status(run) for run in (batch, *there.trials(batch))} == {"terminated"}
    assert {there.attr(trial, "ended_by") for trial in waiting} == {"cancelled"}
    guild.ok("sync")
    assert guild.status(batch) == "terminated"


def test_a_batch_that_slurm_refuses_leaves_nothing(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    done = guild(
        "run", "trial", "n=[1,2,3]", "-r", "hpc", "--job", "partition=nowhere", "--no-wait", "-y"
    )
    assert "sbatch: Invalid partition name specified" in done.err
    assert (cluster.jobs(), there.runs(), os.listdir(cluster.guild_home / "jobs")) == ([], [], [])


def test_more_trials_than_an_array_may_have_are_several(
    cluster_with: Callable[..., Cluster], guild: Guild
) -> None:
    cluster = cluster_with(max_array=3)
    there = There(cluster)
    batch = started(guild, "trial", "n=[1,2,3,4,5]")
    assert [call.name for call in cluster.calls()] == ["sbatch", "scontrol", "sbatch", "sbatch"]
    there.wait_for(batch, "completed")
    trials = there.trials(batch)
    assert {(there.run(trial) / "count").read_text() for trial in trials} == {"x\n"}
    jobs = [(there.run(trial) / ".guild/output").read_text().strip() for trial in trials]
    first, second = (job.partition("_")[0] for job in (jobs[0], jobs[4]))
    assert jobs == [f"{first}_0", f"{first}_1", f"{first}_2", f"{second}_0", f"{second}_1"]


@pytest.mark.parametrize("part", PARTS)
def test_no_trial_is_run_twice_whatever_is_killed(
    cluster: Cluster, guild: Guild, there: There, part: str
) -> None:
    """At any moment of the start of their batch."""
    argv = ("run", "trial", "n=[1,2,3]", "-r", "hpc", "--no-wait", "-y")
    cut_off_again_and_again(cluster, guild, part, *argv)
    wait_until(lambda: all(job.state == "COMPLETED" for job in cluster.jobs()), "the jobs' end")
    counts = {
        run_id: (there.run(run_id) / "count").read_text()
        for run_id in there.runs()
        if (there.run(run_id) / "count").exists()
    }
    assert {*counts.values()} == {"x\n"}
    names = jobs_of_runs(cluster)
    assert {*names.values()} == {3}, "each array has the tasks of one"
    assert len(counts) == 3 * len(names)
    # Whatever has not run is no job's.
    for run_id in {*there.runs()} - counts.keys():
        assert f"guild-{run_id}" not in names


def test_a_batch_of_more_jobs_than_its_user_may_have_leaves_nothing(
    cluster_with: Callable[..., Cluster], guild: Guild
) -> None:
    limits = "AccountingStorageEnforce=limits"
    cluster = cluster_with(accounting="dbd", max_array=3, more=(limits,))
    there = There(cluster)
    cluster.admin("sacctmgr", "-i", "modify", "user", USER, "set", "MaxSubmitJobs=4")
    cluster.kill("slurmctld")  # it asks for limits when it starts
    cluster.start("slurmctld")
    done = guild("run", "until", "n=[1,2,3,4,5]", "-r", "hpc", "--no-wait", "-y")
    assert "sbatch: Job violates accounting/QOS policy" in done.err
    assert there.runs() == []
    wait_until(lambda: all(job.state == "CANCELLED" for job in cluster.jobs()), "the jobs' end")
    assert os.listdir(cluster.guild_home / "jobs") == []
