"""Runs that are jobs of the tests' cluster, as the disk has them that its machines share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cluster import Cluster
from support import Guild, wait_until

from guild_sync.agent.store import rundir


class SharedDisk:
    """The guild home of the cluster, which the tests see, too."""

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
        path = self.run(run_id) / ".guild/JOB.record"
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


def started(guild: Guild, *words: str) -> tuple[str, str]:
    """A run that was submitted by `guild run`, and the job that it waits for."""
    said = guild.ok("run", *words, "-r", "hpc", "--no-wait", "-y").out
    match = re.search(r"^([0-9a-f]{32}) waits in the queue of hpc as job ([0-9]+)$", said, re.M)
    assert match, said
    return match[1], match[2]
