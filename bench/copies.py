"""The rows of large copies, and of short commands over an open connection, beside a person's own.

By hand is one `rsync -a` over an open ControlMaster, with the cipher that ssh takes by itself.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from bench.lab import DELAYED, DISTANT, LOOPBACK, SLOW
from bench.measure import Aim, Case, Command, Work
from bench.network import Network
from guild_sync.transport import question

EIGHT, LARGE, MANY, LINES = "eight", "large", "many", "lines"  # guild homes of one run each
WHAT = {
    EIGHT: "384 MB in 8 files",
    LARGE: "a run of 1 GiB",
    MANY: "a run of 20,000 files",
    LINES: "64 MB of JSON lines",
}
COPIED = {  # what is copied over each network
    LOOPBACK: (EIGHT, LARGE, MANY),
    DELAYED: (EIGHT, LARGE, MANY),
    DISTANT: (EIGHT, LARGE, MANY),
    SLOW: (MANY, LINES),
}
AIMS = {
    (LOOPBACK, EIGHT): Aim(times=0.85),
    (DELAYED, EIGHT): Aim(times=0.35),
    (LOOPBACK, LARGE): Aim(),
    (DELAYED, LARGE): Aim(),
    (DISTANT, LARGE): Aim(),
    (LOOPBACK, MANY): Aim(times=0.9, of_rival=True),
    (DELAYED, MANY): Aim(times=0.9, of_rival=True),
    (SLOW, LINES): Aim(times=0.1),
}
WITH_RIVAL = (LOOPBACK, DELAYED)
_PUSHED = "pushed"  # the guild home there that takes what is pushed, and is empty before


def cases(network: Network, quick: bool) -> Iterator[Case]:
    """The rows of one network: each copy home, then each there."""
    copied = [what for what in COPIED[network.name] if not (quick and what == LARGE)]
    for purpose in copied:
        yield _Pull(network, purpose).case()
    for purpose in copied:
        yield _Push(network, purpose).case()


class _Copy:
    """One run that guild copies, and the same by hand."""

    def __init__(self, network: Network, purpose: str) -> None:
        self.network = network
        self.lab = network.lab
        self.purpose = purpose
        self.home = f"{network.name}-{purpose}"
        self.by_hand = self.lab.folder / f"{network.name}-by-hand-{purpose}"

    @property
    def run_id(self) -> str:
        (found,) = self.lab.single(self.purpose)
        return found

    def named(self, way: str) -> str:
        return self.network.named(f"guild {way} {WHAT[self.purpose]}", cold=False)

    def gone(self, folder: Path) -> None:
        """Have no such folder, as a copy that is the first one finds it."""
        if self.purpose == MANY:
            self.lab.set_aside(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def connect(self) -> None:
        self.network.connect(cold=False)
        self.hand.connect()

    @cached_property
    def hand(self) -> Hand:
        return Hand(self.network)


class _Pull(_Copy):
    """From the remote, where the run is."""

    def case(self) -> Case:
        purpose, network = self.purpose, self.network
        return Case(
            Work(self.named("pull"), lambda: [self.guild()], self.prepare),
            Work("rsync -a", lambda: [self.bare()], self.prepare),
            AIMS.get((network.name, purpose)),
            network.connections,
            0,
            network.rival(lambda: [self.rival()], self.prepare, network.name in WITH_RIVAL),
        )

    def prepare(self) -> None:
        assert self.run_id
        for copies in (self.lab.folder / self.home / "runs", self.by_hand):
            self.gone(copies)
        self.connect()

    def guild(self) -> Command:
        words = ("pull", self.home, "1", "-y")
        return self.lab.guild(*words, home=self.home, expect=("Copying", 1))

    def bare(self) -> Command:
        there = self.lab.there(self.purpose) / "runs" / self.run_id
        return self.hand.rsync(f"{self.hand.place}:{there}", f"{self.by_hand}/")

    def rival(self) -> Command:
        words = ("pull", self.home, self.run_id, "-y")
        return self.lab.rival_command(*words, home=self.home, copied=1, names=[self.home])


class _Push(_Copy):
    """To the remote, from the guild home that the run is in: both are on this machine."""

    def case(self) -> Case:
        return Case(
            Work(self.named("push"), lambda: [self.guild()], self.prepare),
            Work("rsync -a", lambda: [self.bare()], self.prepare),
            None,
            self.network.connections,
            0,
        )

    def prepare(self) -> None:
        assert self.run_id
        for copies in (self.lab.there(_PUSHED) / "runs", self.by_hand):
            self.gone(copies)
        self.connect()

    def guild(self) -> Command:
        home = self.lab.there(self.purpose).relative_to(self.lab.folder)
        words = ("push", self.network.remote(_PUSHED).name, self.run_id, "-y")
        return self.lab.guild(*words, home=str(home), expect=("Copying", 1))

    def bare(self) -> Command:
        here = self.lab.there(self.purpose) / "runs" / self.run_id
        return self.hand.rsync(str(here), f"{self.hand.place}:{self.by_hand}/")


class Hand:
    """What a careful person has: a host in the ssh configuration, and a master that is open."""

    place = "by-hand"

    def __init__(self, network: Network) -> None:
        self._network = network
        self._config = network.lab.folder / f"by-hand-{network.name}.conf"

    def connect(self) -> None:
        if not self._config.exists():
            remote = self._network.remote(EIGHT)
            lines = (
                f"Host {self.place}",
                f"HostName {remote.host}",
                f"Port {remote.port}",
                f"IdentityFile {remote.private_key}",
                f"UserKnownHostsFile {remote.known_hosts}",
                "ControlMaster auto",
                f"ControlPath {self._config.with_suffix('.socket')}",
                "ControlPersist yes",
            )
            self._config.write_text("\n".join(lines) + "\n")
            self._network.lab.at_end(self._disconnect)
        Command(("ssh", "-F", str(self._config), self.place, "true")).seconds()

    def rsync(self, source: str, target: str) -> Command:
        shell = shlex.join(("ssh", "-F", str(self._config)))
        return Command(("rsync", "-a", "-e", shell, source, target))

    def _disconnect(self) -> None:
        argv = ("ssh", "-F", str(self._config), "-O", "exit", self.place)
        question.run(argv, timeout=10)
