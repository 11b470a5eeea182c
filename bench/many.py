"""The rows of many: remotes that are synced together, and running runs of one remote."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bench.fleet import CONNECT_TIMEOUT, CROWD, DOWN, RUNS, SIZE, Many, crowd_names, names
from bench.lab import THOUSANDS
from bench.measure import Aim, Case, Command, Work
from bench.network import Network

FLEETS = (1, 10, 50)
RIVAL_JOBS = 8  # beside the rows with so many: Guild AI does one remote after the other
NEWS = 10  # of the thousands of running runs, those that have changed
MANY_REMOTES = Aim(times=3.0)  # 50 with 16 jobs, beside one
DOWN_REMOTES = Aim(plus=float(CONNECT_TIMEOUT))  # 5 of 50, beside 50 that are up
IN_CROWD = Aim(times=1.3)


def cases(network: Network, quick: bool) -> Iterator[Case]:
    """The rows of one network, which are made when they are measured."""
    sizes = FLEETS[:-1] if quick else FLEETS
    for size in sizes:
        for jobs in (RIVAL_JOBS, 16) if size > 1 else (RIVAL_JOBS,):
            yield _fleet(network, size, jobs)
    if quick:
        return
    every = names(network.name, SIZE)
    yield _beside(network, every, names(network.name, 1), MANY_REMOTES)
    yield _beside(network, names(network.name, SIZE, DOWN), every, DOWN_REMOTES)
    yield _beside(network, names(network.name, SIZE, DOWN, 1), every, None)
    for jobs in (16, 64):
        yield _crowd(network, jobs)
    for changed in (0, NEWS):
        yield _thousands(network, changed)


def _remotes(remotes: Sequence[str]) -> str:
    down = sum(name.startswith("down-") for name in remotes)
    hung = sum("hung-" in name for name in remotes)
    found = "1 remote" if len(remotes) == 1 else f"{len(remotes):,} remotes"
    return found + (f", {down} down" if down else "") + (f", {hung} hangs" if hung else "")


def _work(network: Network, many: Callable[[], Many], remotes: Sequence[str], jobs: int) -> Work:
    return Work(
        network.named(f"guild sync of {_remotes(remotes)}, {jobs} jobs", cold=True),
        lambda: [many().sync(remotes, jobs)],
        lambda: many().prepare(remotes),
    )


def _limit(work: Work, many: Callable[[], Many], remotes: Sequence[str], jobs: int) -> Work:
    return Work(
        f"{len(remotes):,} x ssh, rsync", lambda: [many().limit(remotes, jobs)], work.prepare
    )


def _fleet(network: Network, size: int, jobs: int) -> Case:
    lab, remotes = network.lab, names(network.name, size)
    work = _work(network, lambda: lab.fleet, remotes, jobs)

    def rival() -> list[Command]:
        home = lab.fleet.home(remotes)
        return [lab.rival_command("sync", home=home, copied=RUNS * size, names=remotes)]

    return Case(
        work,
        _limit(work, lambda: lab.fleet, remotes, jobs),
        None,
        lambda: lab.fleet.connections(),
        size,
        network.rival(rival, work.prepare, jobs == RIVAL_JOBS),
    )


def _beside(
    network: Network, remotes: Sequence[str], others: Sequence[str], aim: Aim | None
) -> Case:
    def work(names: Sequence[str]) -> Work:
        return _work(network, lambda: network.lab.fleet, names, 16)

    return Case(work(remotes), replace(work(others), what=f"of {_remotes(others)}"), aim)


def _crowd(network: Network, jobs: int) -> Case:
    lab, remotes = network.lab, crowd_names(network.name)
    work = _work(network, lambda: lab.crowd, remotes, jobs)
    limit = _limit(work, lambda: lab.crowd, remotes, jobs)
    return Case(work, limit, IN_CROWD, lambda: lab.crowd.connections(), CROWD)


def _thousands(network: Network, changed: int) -> Case:
    """A sync of all the running runs, of which so many have news, beside one rsync of them."""
    lab, home = network.lab, f"{network.name}-thousands"
    target = lab.folder / f"{network.name}-bare-thousands"

    def prepare() -> None:
        assert lab.thousands
        runs = lab.folder / home / "runs"
        if not runs.exists():
            name = network.remote("thousands").name
            lab.guild("pull", name, "-y", home=home, expect=("Copying", THOUSANDS)).seconds()
            lab.guild("sync", home=home).seconds()  # keeps of each what tells that it is the same
            shutil.copytree(runs, target, ignore=lambda *_: ["LOCK.remote", "LOCK.confirmed"])
        lab.grow("thousands", lab.thousands[:changed])
        network.connect(cold=False)

    of_them = f"{changed} changed" if changed else "no news"
    return Case(
        Work(
            network.named(f"guild sync {THOUSANDS:,} runs, {of_them}", cold=False),
            lambda: [lab.guild("sync", home=home, expect=("Copying", changed))],
            prepare,
        ),
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("thousands", THOUSANDS, target)],
            prepare,
        ),
        None,
        network.connections,
        0,
    )
