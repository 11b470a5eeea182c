"""What guild itself uses, without the ssh and rsync that it starts: CPU and memory."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench.generate import write_runs
from bench.lab import LOOPBACK, Lab
from bench.listing import MANY
from bench.network import Network

LOCAL_RUNS = 10_000
RUNNING = 200
CPU_AIM = 0.15  # seconds, of a sync of one run
MEMORY_AIM = 60.0  # MB, of a sync of 200 runs beside 10,000
LISTING_AIM = 80.0  # MB


def lines(lab: Lab, repeat: int) -> Iterator[str]:
    """A line for each, with its aim."""
    network = Network(lab, LOOPBACK)
    pulled = ("pull", f"{LOOPBACK}-running")
    assert lab.running
    lab.guild(*pulled, "1", "-y", home="own-cpu").seconds()
    network.connect(cold=False)
    cpu = []
    for _ in range(repeat + 1):
        lab.grow()
        cpu.append(lab.own("sync", home="own-cpu")[0])
    median = statistics.median(cpu[1:])
    yield (
        f"Own CPU of a sync of 1 run that has changed: {median:.3f} s "
        f"({min(cpu[1:]):.3f} to {max(cpu[1:]):.3f}, {repeat} times), aim {CPU_AIM} s: "
        f"{_met(median < CPU_AIM)}"
    )
    write_runs(lab.folder / "own-memory" / "runs", LOCAL_RUNS, ended=True, seed=4)
    lab.guild(*pulled, f"1:{RUNNING}", "-y", home="own-memory").seconds()
    memory = []
    for _ in range(3):
        lab.grow()
        memory.append(lab.own("sync", home="own-memory")[1])
    yield (
        f"Most memory of a sync of {RUNNING} runs beside {LOCAL_RUNS:,}: {max(memory):.1f} MB, "
        f"aim {MEMORY_AIM:g} MB: {_met(max(memory) < MEMORY_AIM)}"
    )
    home = lab.local_runs(MANY).name
    listed = [lab.own("runs", "-a", home=home)[1] for _ in range(2)]
    yield (
        f"Most memory of guild runs -a of {MANY:,}: {max(listed):.1f} MB, at first and then, "
        f"aim {LISTING_AIM:g} MB: {_met(max(listed) < LISTING_AIM)}"
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "NOT MET"
