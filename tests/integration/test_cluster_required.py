"""Runs on a real Slurm that require others which are not over, and packages."""

from __future__ import annotations

import pytest
from cluster import Cluster
from support import Guild, project
from test_cluster_submitting import There, there, waiting_job

__all__ = ["there"]

GUILDFILE = """
prepare:
  exec: "sh -c 'while [ ! -e go-on ]; do sleep 0.05; done; echo data >data; exit ${code}'"
  flags: {code: 0}
train:
  exec: cat data
  requires: {operation: prepare, select: data}
"""


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


def started(guild: Guild, *words: str) -> tuple[str, str]:
    return waiting_job(guild.ok("run", *words, "-r", "hpc", "--no-wait", "-y").out)


def test_a_run_waits_for_the_one_that_it_requires(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    missing = guild("run", "train", "-r", "hpc", "-y").err
    assert "train cannot run on hpc: it requires a completed run of 'prepare'" in missing
    first, _ = started(guild, "prepare")
    there.wait_for(first, "running")
    second, job = started(guild, "train")
    assert cluster.job(job).reason == "Dependency"
    (there.run(first) / "go-on").touch()
    there.wait_for(second, "completed")
    guild("sync")
    assert (guild.home / "runs" / second / ".guild/output").read_text() == "data\n"
    # Whatever has completed is not waited for.
    third, job = started(guild, "train", f"prepare={first[:8]}")
    there.wait_for(third, "completed")
    assert not [
        word for call in cluster.calls("sbatch")[2:] for word in call.words if "dep" in word
    ]


def test_a_run_whose_required_one_fails_never_begins(
    cluster: Cluster, guild: Guild, there: There
) -> None:
    first, _ = started(guild, "prepare", "code=3")
    _second, job = started(guild, "train")
    (there.run(first) / "go-on").touch()
    there.wait_for(first, "error")
    assert cluster.wait_for(job, "CANCELLED").reason == "DependencyNeverSatisfied"
