"""What is measured, and which limit and aim belong to what."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bench import bare_loop, language
from bench.fleet import CONNECT_TIMEOUT, DOWN, RUNS, SIZE, names
from bench.lab import DELAYED, LOOPBACK, NETWORKS, VERIFIED_RUNS, Lab
from bench.measure import Aim, Case, Command, Work
from bench.network import Network

LISTED = (10, 1_000, 10_000)
PULLED = (1, 10, 50)
SYNCED = (1, 10, 50, 200)
FLEETS = (1, 10, 50)
RIVAL_JOBS = 8  # beside the rows with so many: Guild AI does one remote after the other
VERSION = Aim(plus=0.04)
LISTING = {10_000: Aim(times=1.5)}
LAUNCH = Aim(plus=0.5)
# Of a cold `guild sync`; what it is over an open connection, no aim says.
SYNC = {LOOPBACK: Aim(times=2.0), DELAYED: Aim(times=1.3)}
UNCHANGED = Aim(times=1.5)  # of 200 runs, beside one run
MANY_REMOTES = Aim(times=3.0)  # 50 with 16 jobs, beside one
DOWN_REMOTES = Aim(plus=float(CONNECT_TIMEOUT))  # 5 of 50, beside 50 that are up


def all_cases(lab: Lab, quick: bool) -> Iterator[Case]:
    """Every row, in the table's order. Nothing is made before a row is measured."""
    yield from _local(lab, LISTED[:-1] if quick else LISTED)
    yield from language.cases(lab)
    for name in NETWORKS:
        yield from _remote(Network(lab, name), quick)
    for name in NETWORKS:
        yield from _fleet(Network(lab, name), FLEETS[:-1] if quick else FLEETS)


def _local(lab: Lab, listed: Sequence[int]) -> Iterator[Case]:
    nothing = Work("python3 -c pass", lambda: [Command((sys.executable, "-c", "pass"))])
    yield Case(nothing)
    version = Work("guild --version", lambda: [lab.guild("--version", expect=("guild ", 1))])
    yield Case(version, nothing, VERSION)
    for count in listed:
        yield _listing(lab, count)


def _remote(network: Network, quick: bool) -> Iterator[Case]:
    pulled, synced = (PULLED[:-1], SYNCED[:-2]) if quick else (PULLED, SYNCED)
    for cold in (True, False):
        yield _ssh(network, cold)
    yield _rsync(network, pulled[-1])
    for cold in (True, False):
        yield _run(network, cold)
    for count in pulled:
        for cold in (True, False):
            yield _pull(network, count, cold)
    if not quick:
        yield _pull_one(network, "large", "a run of 1 GiB")
        yield _pull_one(network, "many", "a run of 20,000 files")
    if not quick:
        yield _verify(network, "copied", VERIFIED_RUNS, "200 runs of 60 files")
        yield _verify(network, "large", 1, "a run of 1 GiB")
    for count in synced:
        for cold in (True, False):
            yield _sync(network, count, cold)
    for count in synced:
        yield _sync(network, count, True, changed=False)
    yield _unchanged(network, synced[-1])


def _fleet(network: Network, sizes: Sequence[int]) -> Iterator[Case]:
    for size in sizes:
        for jobs in (RIVAL_JOBS, 16) if size > 1 else (RIVAL_JOBS,):
            yield _many(network, size, jobs)
    if sizes[-1] < SIZE:
        return
    every = names(network.name, SIZE)
    yield _beside(network, every, names(network.name, 1), MANY_REMOTES)
    yield _beside(network, names(network.name, SIZE, DOWN), every, DOWN_REMOTES)
    yield _beside(network, names(network.name, SIZE, DOWN, 1), every, None)


def _remotes(remotes: Sequence[str]) -> str:
    down = sum(name.startswith("down-") for name in remotes)
    hung = sum("hung-" in name for name in remotes)
    found = "1 remote" if len(remotes) == 1 else f"{len(remotes)} remotes"
    return found + (f", {down} down" if down else "") + (f", {hung} hangs" if hung else "")


def _work(network: Network, remotes: Sequence[str], jobs: int) -> Work:
    fleet = network.lab.fleet
    return Work(
        _named(network, f"guild sync of {_remotes(remotes)}, {jobs} jobs", cold=True),
        lambda: [fleet.sync(remotes, jobs)],
        lambda: fleet.prepare(remotes),
    )


def _many(network: Network, size: int, jobs: int) -> Case:
    lab, remotes = network.lab, names(network.name, size)
    work = _work(network, remotes, jobs)
    limit = Work(
        f"{size} x ssh, rsync",
        lambda: [lab.fleet.limit(remotes, jobs)],
        work.prepare,
    )

    def rival() -> list[Command]:
        home = lab.fleet.home(remotes)
        return [lab.rival_command("sync", home=home, copied=RUNS * size, names=remotes)]

    return Case(
        work,
        limit,
        None,
        lambda: lab.fleet.connections(),
        size,
        _rival(network, rival, work.prepare, jobs == RIVAL_JOBS),
    )


def _beside(
    network: Network, remotes: Sequence[str], others: Sequence[str], aim: Aim | None
) -> Case:
    limit = replace(_work(network, others, 16), what=f"of {_remotes(others)}")
    return Case(_work(network, remotes, 16), limit, aim)


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

    def rival() -> list[Command]:
        name = f"{network.name}-ended"
        words = ("pull", name, *network.lab.ended[:count], "-y")
        return [network.lab.rival_command(*words, home=home, copied=count, names=[name])]

    return Case(
        Work(_named(network, f"guild pull {_runs(count)}", cold), guild, prepare),
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("ended", count, target)],
            prepare,
        ),
        None,
        _counted(network),
        rival=_rival(network, rival, prepare, cold),
    )


def _pull_one(network: Network, purpose: str, what: str) -> Case:
    home = f"{network.name}-{purpose}"
    target = network.lab.folder / f"{network.name}-bare-{purpose}"

    def prepare() -> None:
        assert getattr(network.lab, purpose)
        for copies in (network.lab.folder / home / "runs", target):
            if purpose == "large":  # one file, but a GiB each turn
                shutil.rmtree(copies, ignore_errors=True)
            else:
                network.lab.set_aside(copies)
        network.connect(cold=False)

    def guild() -> list[Command]:
        words = ("pull", f"{network.name}-{purpose}", "1", "-y")
        return [network.lab.guild(*words, home=home, expect=("Copying", 1))]

    def bare() -> list[Command]:
        return [network.ssh("true"), network.rsync(purpose, 1, target)]

    def rival() -> list[Command]:
        name, ids = f"{network.name}-{purpose}", getattr(network.lab, purpose)
        words = ("pull", name, *ids, "-y")
        return [network.lab.rival_command(*words, home=home, copied=1, names=[name])]

    return Case(
        Work(_named(network, f"guild pull {what}", cold=False), guild, prepare),
        Work("ssh, rsync", bare, prepare),
        None,
        _counted(network),
        rival=_rival(network, rival, prepare),
    )


def _verify(network: Network, purpose: str, count: int, what: str) -> Case:
    home = f"{network.name}-{purpose}-verified"
    name, runs = f"{network.name}-{purpose}", network.lab.folder / home / "runs"

    def prepare() -> None:
        assert getattr(network.lab, purpose)
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
        Work(_named(network, f"guild verify {what}", cold=True), guild, prepare),
        Work("rsync -c", bare, lambda: network.connect(cold=True)),
        None,
        _counted(network),
        1,
    )


def _rival(
    network: Network,
    commands: Callable[[], Sequence[Command]],
    prepare: Callable[[], None],
    wanted: bool = True,
) -> Callable[[], Work | None]:
    """Guild AI's work, where that is wanted: it keeps no connection open, so not for each row."""
    return lambda: (
        Work("Guild AI", commands, prepare) if wanted and network.lab.rival.program else None
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

    what = f"guild sync {_runs(count)}" + ("" if changed else ", no news")
    work = Work(_named(network, what, cold), lambda: [sync(count if changed else 0)], prepare)
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

    return Case(
        work,
        Work(
            "ssh, rsync",
            lambda: [network.ssh("true"), network.rsync("running", count, target)],
            prepare,
        ),
        SYNC[network.name] if cold else None,
        _counted(network),
        1 if cold else 0,
        _rival(network, rival, prepare, cold and changed),
    )


def _counted(network: Network) -> Callable[[], int]:
    return network.connections


def _named(network: Network, what: str, cold: bool) -> str:
    return f"{what}, {'cold' if cold else 'open'}, {network.label}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
