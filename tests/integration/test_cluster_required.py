"""Runs on a real Slurm that require others which are not over, and packages."""

from __future__ import annotations

import os

import pytest
from cluster import Cluster
from on_cluster import SharedDisk, started
from small_wheels import write_wheel
from support import Guild, project

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


def test_a_run_waits_for_the_one_that_it_requires(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    missing = guild("run", "train", "-r", "hpc", "-y").err
    assert "train cannot run on hpc: it requires a completed run of 'prepare'" in missing
    second = guild.ok("run", "train", "-r", "hpc", "--stage", "-y").lines[-2].split()[-1]
    first, _ = started(guild, "prepare")
    disk.wait_for(first, "running")
    assert started(guild, "--start", second)[0] == second
    assert [job.reason for job in cluster.jobs() if job.state == "PENDING"] == ["Dependency"]
    (disk.run(first) / "go-on").touch()
    disk.wait_for(second, "completed")
    guild("sync")
    assert (guild.home / "runs" / second / ".guild/output").read_text() == "data\n"
    # Whatever has completed is not waited for.
    third, _ = started(guild, "train", f"prepare={first[:8]}")
    disk.wait_for(third, "completed")
    last = cluster.calls("sbatch")[-1].words
    assert not [word for word in last if "dep" in word]


def test_a_run_whose_required_one_fails_never_begins(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    first, _ = started(guild, "prepare", "code=3")
    second, job = started(guild, "train")
    cluster.forget_calls()
    assert guild.ok("run", "train", f"prepare={first}", "-r", "hpc", "--stage", "-y").code == 0
    assert [call.name for call in cluster.calls()] == ["squeue"]
    (disk.run(first) / "go-on").touch()
    disk.wait_for(first, "error")
    assert cluster.wait_for(job, "CANCELLED").reason == "DependencyNeverSatisfied"
    guild("sync")
    assert guild.status(second) == "error"
    assert "ended_by: a run that it requires has failed" in guild.ok("info", second).lines


def test_what_a_project_requires_is_installed_on_the_login_node_for_its_nodes(
    cluster: Cluster, guild: Guild, disk: SharedDisk
) -> None:
    wheels = write_wheel(cluster.home / "wheels", "guildtest-d", "1.5").parent
    where = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    guild.configure(hpc=cluster.keys(env=where))
    guildfile = "- package: demo\n  requires: [guildtest-d]\n- operations: {show: {main: show}}\n"
    show = "import guildtest_d, socket\nprint(guildtest_d.version, socket.gethostname())\n"
    project(guild.folder, guildfile, show=show)
    for _ in range(2):
        run_id, job = started(guild, "show")
        disk.wait_for(run_id, "completed")
        said = disk.output(run_id)
        assert said == f"1.5 {cluster.job(job).nodes}\n"
    made = (cluster.guild_home / "environments").glob("*/environment.json")
    assert len([*made]) == 1
