"""Clusters and ordinary machines in one sync: each is asked once, over one connection."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Cluster
from faults import write_run
from support import Guild, Server, project, wait_until
from test_fleet import bind
from test_unreachable import another_sshd, own_connections

from guild_sync.config import remotes
from guild_sync.transport import ssh

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

MACHINES = 10


def logins(log: Path) -> int:
    return log.read_text().count("Accepted publickey")


def test_one_sync_brings_home_what_is_on_two_clusters_and_ten_machines(
    cluster: Cluster,
    cluster_with: Callable[..., Cluster],
    guild: Guild,
    sshd: Server,
    agent_folder: Path,
    tmp_path: Path,
) -> None:
    clusters = {"hpc": cluster, "far": cluster_with(nodes=1)}
    project(guild.folder, "op: {exec: echo hello}")
    homes = {f"m{number}": tmp_path / f"m{number}" for number in range(MACHINES)}
    with another_sshd(sshd, tmp_path / "machines", "MaxStartups 100") as server:
        # Those of which all keys were the same would share a connection.
        timeouts = zip(homes, range(30, 60), strict=False)
        machines = {name: server.keys(homes[name], connect_timeout=n) for name, n in timeouts}
        guild.configure(
            **{name: found.keys() for name, found in clusters.items()},
            **machines,
        )
        ended, waiting = {}, {}
        for name, found in clusters.items():
            ended[name] = guild.started(remote=name)
            waiting[name] = guild.started("--job", "options=--hold", remote=name)
            status = found.guild_home / "runs" / ended[name] / ".guild/attrs/exit_status"
            wait_until(status.exists, f"the run on {name} has ended")
            ssh.disconnect(remotes.remote(name))
            found.forget_calls()
        for number, (name, home) in enumerate(homes.items(), 1):
            shutil.copytree(agent_folder, home / "agent" / agent_folder.name)
            ended[name] = f"{number:032x}"
            write_run(home, ended[name], sizes=(1000,))
            bind(guild, ended[name], name)
        logs = [found.folder / "log/sshd.log" for found in clusters.values()]
        logs.append(tmp_path / "machines/log")
        before = [logins(log) for log in logs]

        guild.ok("sync")

        assert {guild.status(run_id) for run_id in ended.values()} == {"completed"}
        assert {name: guild.status(run_id) for name, run_id in waiting.items()} == {
            "hpc": "pending (hpc)",
            "far": "pending (far)",
        }
        after = [logins(log) for log in logs]
        assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1, MACHINES]
        for found in clusters.values():
            assert [call.name for call in found.calls()] == ["squeue"]
        for name in (*clusters, *homes):
            ssh.disconnect(remotes.remote(name))
