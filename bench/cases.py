"""What is measured, and which limit and aim belong to what."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

from bench import bare_loop
from bench.lab import DELAYED, LOOPBACK, NETWORKS, Lab
from bench.measure import Aim, Case, Command, Work
from bench.network import Network

LISTED = (10, 1_000, 10_000)
COPIED = (1, 10, 50)
VERSION = Aim(plus=0.04)
LISTING = {10_000: Aim(times=1.5)}
LAUNCH = Aim(plus=0.5)
# Of a cold `guild sync`; what it is over an open connection, no aim says.
SYNC = {(LOOPBACK, 50): Aim(times=2.0), (DELAYED, 50): Aim(times=1.3)}


def all_cases(lab: Lab, quick: bool) -> Iterator[Case]:
    """Every row, in the table's order. Nothing is made before a row is measured."""
    yield from _local(lab, LISTED[:-1] if quick else LISTED)
    for name in NETWORKS:
        yield from _remote(Network(lab, name), COPIED[:-1] if quick else COPIED)


def _local(lab: Lab, listed: Sequence[int]) -> Iterator[Case]:
    nothing = Work("python3 -c pass", lambda: [Command((sys.executable, "-c", "pass"))])
    yield Case(nothing)
    version = Work("guild --version", lambda: [lab.guild("--version", expect=("guild ", 1))])
    yield Case(version, nothing, VERSION)
    for count in listed:
        yield _listing(lab, count)


def _remote(network: Network, copied: Sequence[int]) -> Iterator[Case]:
    for cold in (True, False):
        yield _ssh(network, cold)
    yield _rsync(network, copied[-1])
    for cold in (True, False):
        yield _run(network, cold)
    for make in (_pull, _sync):
        for count in copied:
            for cold in (True, False):
                yield make(network, count, cold)


def _listing(lab: Lab, count: int) -> Case:
    def guild() -> list[Command]:
        return [lab.guild("runs", "-n1", home=lab.local_runs(count).name, expect=("[1:", 1))]

    def bare() -> list[Command]:
        script = str(bare_loop.__file__)
        return [Command((sys.executable, script, str(lab.local_runs(count) / "runs")))]

    work = Work(f"guild runs -n1 of {count:,}", guild)
    return Case(work, Work("bare loop", bare), LISTING.get(count))


def _ssh(network: Network, cold: bool) -> Case:
    return Case(
        Work(
            _named(network, "ssh true", cold),
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
            _named(network, f"rsync of {_runs(count)}", cold=False),
            lambda: [network.rsync("ended", count, target)],
            prepare,
        )
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
        python = network.ssh("python3", "-I", "-S", "-c", "pass")
        return [python, network.send_wheel(), python, python]

    return Case(
        Work(_named(network, "guild run --no-wait", cold), guild, prepare),
        Work("3 x ssh, rsync", bare, prepare),
        LAUNCH,
        _counted(network),
    )


def _pull(network: Network, count: int, cold: bool) -> Case:
    home = f"{network.name}-pulled"
    target = network.lab.folder / f"{network.name}-bare"

    def prepare() -> None:
        assert network.lab.ended
        for copies in (network.lab.folder / home / "runs", target):
            shutil.rmtree(copies, ignore_errors=True)
        network.connect(cold)

    def guild() -> list[Command]:
        words = ("pull", f"{network.name}-ended", f"1:{count}", "-y")
        return [network.lab.guild(*words, home=home, expect=("Copying", count))]

    return Case(
        Work(_named(network, f"guild pull {_runs(count)}", cold), guild, prepare),
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("ended", count, target)],
            prepare,
        ),
        None,
        _counted(network),
    )


def _sync(network: Network, count: int, cold: bool) -> Case:
    home = f"{network.name}-synced-{count}"
    target = network.lab.folder / f"{network.name}-bare-{count}"

    def prepare() -> None:
        assert network.lab.running
        if not target.exists():
            words = ("pull", f"{network.name}-running", f"1:{count}", "-y")
            network.lab.guild(*words, home=home, expect=("Copying", count)).seconds()
            network.rsync("running", count, target).seconds()
        network.lab.grow()
        network.connect(cold)

    return Case(
        Work(
            _named(network, f"guild sync {_runs(count)}", cold),
            lambda: [network.lab.guild("sync", home=home, expect=("Copying", count))],
            prepare,
        ),
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("running", count, target)],
            prepare,
        ),
        SYNC.get((network.name, count)) if cold else None,
        _counted(network),
    )


def _counted(network: Network) -> Callable[[], int] | None:
    """What counts the connections, where something does: the relay."""
    return network.connections if network.name == DELAYED else None


def _named(network: Network, what: str, cold: bool) -> str:
    return f"{what}, {'cold' if cold else 'open'}, {network.label}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
