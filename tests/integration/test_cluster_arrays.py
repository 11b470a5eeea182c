"""A batch on a real Slurm is one array: submitted once, home by one sync, ended as a series is."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from cluster import Cluster
from support import Guild, project, wait_until

from guild_sync.agent.store import rundir

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1, 1 << 32)

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


class There:
    """A batch on the cluster, and its trials."""

    def __init__(self, cluster: Cluster) -> None:
        self.runs = cluster.guild_home / "runs"

    def ids(self) -> list[str]:
        return [path.name for path in self.runs.iterdir() if len(path.name) == 32]

    def status(self, run_id: str) -> str:
        return rundir.status(str(self.runs / run_id)).text

    def attr(self, run_id: str, name: str) -> object:
        return rundir.read_attr(str(self.runs / run_id), name)

    def trials(self, batch: str) -> list[str]:
        return (self.runs / batch / ".guild/TRIALS").read_text().split()

    def wait_for(self, run_id: str, status: str) -> None:
        wait_until(lambda: self.status(run_id) == status, f"{status}, not {self.status(run_id)}")


@pytest.fixture
def there(cluster: Cluster) -> There:
    return There(cluster)


def started(guild: Guild, *words: str) -> str:
    """The batch that `guild run` starts."""
    said = guild.ok("run", *words, "-r", "hpc", "--no-wait", "-y").out
    line = next(line for line in said.splitlines() if " is running on hpc as job " in line)
    return line.split()[0]


def test_a_batch_is_one_array_that_comes_home(cluster: Cluster, guild: Guild, there: There) -> None:
    batch = started(guild, "trial", "n=[1,2,3,4,5]")
    assert [call.name for call in cluster.calls()] == ["sbatch"]
    there.wait_for(batch, "completed")
    trials = there.trials(batch)
    assert len(trials) == 5
    assert {(there.runs / trial / "count").read_text() for trial in trials} == {"x\n"}
    jobs = [(there.runs / trial / ".guild/output").read_text().strip() for trial in trials]
    array = jobs[0].partition("_")[0]
    assert jobs == [f"{array}_{task}" for task in range(5)]
    cluster.forget_calls()
    guild.ok("sync")
    assert len(cluster.calls()) <= 1
    assert {guild.status(run) for run in (batch, *trials)} == {"completed"}
