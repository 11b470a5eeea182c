"""What is measured, and which limit and aim belong to what."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace

from bench import copies, language, listing, many
from bench.lab import DELAYED, DISTANT, LOOPBACK, NETWORKS, SLOW, VERIFIED_RUNS, Lab
from bench.measure import Aim, Case, Command, Work
from bench.network import Network, runs_of

PULLED = (1, 10, 50)
SYNCED = (1, 10, 50, 200)
VERSION = Aim(plus=0.04)
LAUNCH = Aim(plus=0.5)
# Of a cold `guild sync`.
SYNC = {LOOPBACK: Aim(times=2.0), DELAYED: Aim(times=1.3)}
WARM = Aim(times=2.0)  # of the short commands, over a connection that is open
UNCHANGED = Aim(times=1.5)  # of 200 runs, beside one run


def all_cases(lab: Lab, quick: bool) -> Iterator[Case]:
    """Every row, in the table's order. Nothing is made before a row is measured."""
    yield from _local(lab)
    yield from listing.cases(lab, quick)
    yield from language.cases(lab)
    for name in NETWORKS:
        yield from _remote(Network(lab, name), quick)
    for name in (DISTANT, SLOW):
        yield from _warm(Network(lab, name))
        yield from copies.cases(Network(lab, name), quick)
    for name in NETWORKS:
        yield from many.cases(Network(lab, name), quick)


def _local(lab: Lab) -> Iterator[Case]:
    nothing = Work("python3 -c pass", lambda: [Command((sys.executable, "-c", "pass"))])
    yield Case(nothing)
    version = Work("guild --version", lambda: [lab.guild("--version", expect=("guild ", 1))])
    yield Case(version, nothing, VERSION)


def _remote(network: Network, quick: bool) -> Iterator[Case]:
    pulled, synced = (PULLED[:-1], SYNCED[:-2]) if quick else (PULLED, SYNCED)
    for cold in (True, False):
        yield _ssh(network, cold)
    yield _rsync(network, pulled[-1])
    yield _run(network, cold=True)
    for count in pulled:
        for cold in (True, False) if count > 1 else (True,):
            yield _pull(network, count, cold)
    for count in synced:
        for cold in (True, False) if count > 1 else (True,):
            yield _sync(network, count, cold)
    for count in synced:
        yield _sync(network, count, True, changed=False)
    yield _unchanged(network, synced[-1])
    yield from _warm(network)
    yield from copies.cases(network, quick)
    if not quick:
        yield _verify(network, "copied", VERIFIED_RUNS, "200 runs of 60 files")
        yield _verify(network, "large", 1, "a run of 1 GiB")


def _warm(network: Network) -> Iterator[Case]:
    """Short commands over a connection that is open."""
    yield _runs(network)
    yield _run(network, cold=False)
    yield _pull(network, 1, cold=False)
    yield _sync(network, 1, cold=False)
    yield _sync(network, 1, cold=False, changed=False)


def _ssh(network: Network, cold: bool) -> Case:
    return Case(
        Work(
            network.named("ssh true", cold),
            lambda: [network.ssh("true")],
            lambda: network.connect(cold),
        )
    )


def _rsync(network: Network, count: int) -> Case:
    target = network.lab.folder / f"{network.name}-bare"

    def prepare() -> None:
        shutil.rmtree(target, ignore_errors=True)
        network.connect(cold=False)

    return Case(
        Work(
            network.named(f"rsync of {runs_of(count)}", cold=False),
            lambda: [network.rsync("ended", count, target)],
            prepare,
        )
    )


def _runs(network: Network) -> Case:
    def prepare() -> None:
        assert network.lab.ended
        network.connect(cold=False)

    words = ("runs", "-r", f"{network.name}-ended", "-n1")
    return Case(
        Work(
            network.named("guild runs -r", cold=False),
            lambda: [network.lab.guild(*words, expect=("[1:", 1))],
            prepare,
        ),
        Work("ssh python3", lambda: [network.python()], prepare),
        WARM,
        network.connections,
        0,
    )


def _run(network: Network, cold: bool) -> Case:
    remote = f"{network.name}-launch"

    def prepare() -> None:
        network.connect(cold)
        network.lab.idle()

    def guild() -> list[Command]:
        words = ("run", "op", "sleep=0", "-r", remote, "--no-wait", "-y")
        return [network.lab.guild(*words, expect=("is running on", 1))]

    def bare() -> list[Command]:
        python = network.python()
        return [python, network.send_wheel(), python, python]

    return Case(
        Work(network.named("guild run --no-wait", cold), guild, prepare),
        Work("3 x ssh, rsync", bare, prepare),
        LAUNCH if cold else WARM,
        network.connections,
        1 if cold else 0,
    )


def _pull(network: Network, count: int, cold: bool) -> Case:
    home = f"{network.name}-pulled"
    target = network.lab.folder / f"{network.name}-bare"

    def prepare() -> None:
        assert network.lab.ended
        for runs in (network.lab.folder / home / "runs", target):
            shutil.rmtree(runs, ignore_errors=True)
        network.connect(cold)

    def guild() -> list[Command]:
        words = ("pull", f"{network.name}-ended", f"1:{count}", "-y")
        return [network.lab.guild(*words, home=home, expect=("Copying", count))]

    def rival() -> list[Command]:
        name = f"{network.name}-ended"
        words = ("pull", name, *network.lab.ended[:count], "-y")
        return [network.lab.rival_command(*words, home=home, copied=count, names=[name])]

    return Case(
        Work(network.named(f"guild pull {runs_of(count)}", cold), guild, prepare),
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("ended", count, target)],
            prepare,
        ),
        None if cold or count > 1 else WARM,
        network.connections,
        1 if cold else 0,
        network.rival(rival, prepare, cold),
    )


def _verify(network: Network, purpose: str, count: int, what: str) -> Case:
    home = f"{network.name}-{purpose}-verified"
    name, runs = f"{network.name}-{purpose}", network.lab.folder / home / "runs"

    def prepare() -> None:
        assert network.lab.ids(purpose)
        network.connect(cold=True)
        if not runs.exists():
            words = ("pull", name, "-y")
            network.lab.guild(*words, home=home, expect=("Copying", count)).seconds()
        network.connect(cold=True)

    def guild() -> list[Command]:
        return [network.lab.guild("verify", home=home, expect=("none differs", 1))]

    def bare() -> list[Command]:
        return [network.rsync_checksums(purpose, count, runs)]

    return Case(
        Work(network.named(f"guild verify {what}", cold=True), guild, prepare),
        Work("rsync -c", bare, lambda: network.connect(cold=True)),
        None,
        network.connections,
        1,
    )


def _synced(network: Network, count: int, cold: bool, changed: bool) -> tuple[str, Work]:
    """A home with so many running runs, and a sync of them after all have changed, or none has."""
    home = f"{network.name}-{'synced' if changed else 'same'}-{count}"

    def sync(copied: int) -> Command:
        return network.lab.guild("sync", home=home, expect=("Copying", copied))

    def prepare() -> None:
        assert network.lab.running
        if not (network.lab.folder / home).exists():
            words = ("pull", f"{network.name}-running", f"1:{count}", "-y")
            network.lab.guild(*words, home=home, expect=("Copying", count)).seconds()
        if changed:
            network.lab.grow()
        else:
            network.lab.guild("sync", home=home, expect=("Syncing", count)).seconds()
        network.connect(cold)

    what = f"guild sync {runs_of(count)}" + ("" if changed else ", no news")
    work = Work(network.named(what, cold), lambda: [sync(count if changed else 0)], prepare)
    return home, work


def _unchanged(network: Network, count: int) -> Case:
    _, work = _synced(network, count, cold=True, changed=False)
    _, one = _synced(network, 1, cold=True, changed=False)
    return Case(work, replace(one, what="of 1 run"), UNCHANGED)


def _sync(network: Network, count: int, cold: bool, changed: bool = True) -> Case:
    home, work = _synced(network, count, cold, changed)
    target = network.lab.folder / f"{network.name}-bare-{count}"

    def prepare() -> None:
        assert network.lab.running
        if not target.exists():
            network.rsync("running", count, target).seconds()
        if changed:
            network.lab.grow()
        network.connect(cold)

    def rival() -> list[Command]:
        name = f"{network.name}-running"
        return [network.lab.rival_command("sync", home=home, copied=count, names=[name])]

    def bare() -> list[Command]:
        if changed or cold:
            return [network.ssh("true"), network.rsync("running", count, target)]
        return [network.python()]

    warm = WARM if count == 1 else None
    return Case(
        work,
        Work("ssh, rsync" if changed or cold else "ssh python3", bare, prepare),
        SYNC[network.name] if cold else warm,
        network.connections,
        1 if cold else 0,
        network.rival(rival, prepare, cold and changed),
    )
