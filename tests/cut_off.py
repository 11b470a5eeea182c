"""Commands on a cluster that are cut off at some moment, and the jobs that came of their runs."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import daemons
from cluster import Cluster
from support import Guild, wait_until

# What can be killed of a command: the agent on the login node, a program of Slurm's there that it
# has called, the connection to it, and guild itself.
PARTS = ("agent", "scheduler", "connection", "guild")
# How often each part is killed; 50 for a long look (docs/reliability.md).
KILLS = int(os.environ.get("FAULT_KILLS", "1"))
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1, 1 << 32)


def cut_off_again_and_again(cluster: Cluster, guild: Guild, part: str, *argv: str) -> None:
    """Start the command KILLS times, and kill a part of it at any moment of that."""
    print(f"FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    most = seconds_of(cluster, guild, *argv)
    for _ in range(KILLS):
        # In some of them there is time to hit sbatch itself.
        fault: dict[str, str] = chance.choice(({}, {"before": "sleep 0.3"}, {"after": "sleep 0.3"}))
        cluster.fault("sbatch", **fault)
        cut_off(cluster, guild, part, chance.uniform(0, most + 0.3), *argv)
        cluster.mend()
        wait_for_rest(cluster)


def cut_off(cluster: Cluster, guild: Guild, part: str, seconds: float, *argv: str) -> str:
    """Kill a part of a command that many seconds after its agent was started; what guild said."""
    command = guild.popen(*argv)
    wait_until(lambda: command.poll() is not None or _agents(cluster), "an agent")
    time.sleep(seconds)
    if part == "connection":
        cluster.cut_connections()
    elif part == "guild":
        command.kill()
    else:
        for pid in _agents(cluster) if part == "agent" else _calls(cluster):
            daemons.kill(pid)
    said, _ = command.communicate(timeout=120)
    return said.decode()


def seconds_of(cluster: Cluster, guild: Guild, *argv: str) -> float:
    """How long the agent's part of a command takes where nothing is cut off."""
    command = guild.popen(*argv)
    wait_until(lambda: command.poll() is not None or _agents(cluster), "an agent")
    began = time.monotonic()
    command.communicate(timeout=120)
    return time.monotonic() - began


def wait_for_rest(cluster: Cluster) -> None:
    """Wait for the end of all that goes on on the login node though nobody waits for it."""
    wait_until(lambda: not cluster.processes(), "the end of what runs on the login node")


def jobs_of_runs(cluster: Cluster) -> Counter[str]:
    """How many jobs there are, or were, of each run: by their names, `guild-RUNID`."""
    return Counter(job.name for job in cluster.jobs() if job.name.startswith("guild-"))


def _agents(cluster: Cluster) -> list[int]:
    there = f"{cluster.guild_home}/agent/"
    return [pid for pid, command in cluster.processes().items() if there in command]


def _calls(cluster: Cluster) -> list[int]:
    there = f"{cluster.folder}/real/"
    return [pid for pid, command in cluster.processes().items() if there in command]
