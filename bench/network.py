"""The remote as it is reached over one of the networks, and the bare tools that reach it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.lab import DELAYED, DISTANT, LOOPBACK, SLOW, Lab
from bench.measure import Command, Work
from guild_sync.config.remotes import Remote
from guild_sync.hosts import sandbox
from guild_sync.rsync import argv as rsync_argv
from guild_sync.transport import ssh, ssh_config

LABELS = {LOOPBACK: LOOPBACK, DELAYED: "40 ms", DISTANT: "200 ms", SLOW: "10 Mbit/s"}
_WHEEL_BYTES = 1500  # about what the example project's wheel has


class Network:
    """The remote over the loopback interface, or through a relay that delays or is slow."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.label = LABELS[name]

    def named(self, what: str, cold: bool) -> str:
        """What a row does, over this network."""
        return f"{what}, {'cold' if cold else 'open'}, {self.label}"

    def rival(
        self,
        commands: Callable[[], Sequence[Command]],
        prepare: Callable[[], None],
        wanted: bool = True,
    ) -> Callable[[], Work | None]:
        """Guild AI's work, if that is wanted: it keeps no connection open, so not for each row."""
        return lambda: (
            Work("Guild AI", commands, prepare) if wanted and self.lab.rival.program else None
        )

    def connections(self) -> int:
        """How many connections the remote has had over this network, counted at its end."""
        if self.name != LOOPBACK:
            return self.lab.relays[self.name].accepted
        log = (sandbox.folder_of("bench") / "sshd.log").read_text()
        others = sum(relay.accepted for relay in self.lab.relays.values())
        return log.count("Accepted publickey") - others

    def remote(self, purpose: str) -> Remote:
        return self.lab.remote(self.name, purpose)

    def connect(self, cold: bool) -> None:
        """See to it that there is a connection, or that there is none."""
        assert self.lab.relays  # with them come the remotes, of which there may be none yet
        if cold:
            self.lab.disconnect()
        else:
            self.ssh("true").seconds()

    def python(self, stdin: bytes = b"") -> Command:
        """The least that asks a remote: a Python that does nothing there."""
        return replace(self.ssh("python3", "-I", "-S", "-c", "pass"), stdin=stdin)

    def ssh(self, *words: str) -> Command:
        """ssh with guild's options, as a user would call it."""
        return Command(ssh.argv(self.remote("launch"), *words))

    def rsync(self, purpose: str, count: int, target: Path) -> Command:
        """One rsync with guild's options of the latest runs there into the folder `target`."""
        ids = self.lab.ids(purpose)[:count]
        there = str(self.lab.there(purpose) / "runs")
        target.mkdir(parents=True, exist_ok=True)
        (target / ".incoming").mkdir(exist_ok=True)
        argv = rsync_argv.pull_argv(self.remote(purpose), there, target, target / ".incoming")
        return Command(argv, stdin="".join(f"{run_id}\0" for run_id in ids).encode())

    def rsync_checksums(self, purpose: str, count: int, target: Path) -> Command:
        """One `rsync -c` as a user would type it, which tells what of those runs differs here."""
        ids = self.lab.ids(purpose)[:count]
        remote = self.remote(purpose)
        source = rsync_argv.place(remote, str(self.lab.there(purpose) / "runs"))
        options = ("-e", ssh_config.rsync_shell(remote), "-rlnci", "--exclude=LOCK*")
        argv = ("rsync", *options, "--files-from=-", "--from0", f"{source}/", f"{target}/")
        return Command(argv, stdin="".join(f"{run_id}\0" for run_id in ids).encode())

    def send_wheel(self) -> Command:
        """One rsync with guild's options of a file like a wheel to the remote."""
        wheel = self.lab.folder / "bare.whl"
        wheel.write_bytes(bytes(_WHEEL_BYTES))
        target = self.lab.there("launch") / "bare"
        target.mkdir(parents=True, exist_ok=True)
        remote = self.remote("launch")
        place = rsync_argv.place(remote, str(target)) + "/"
        return Command((*rsync_argv.base_argv(remote), "--times", "--", str(wheel), place))


def runs_of(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
