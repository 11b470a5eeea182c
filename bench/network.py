"""The remote as it is reached over one of the networks, and the bare tools that reach it."""

from __future__ import annotations

from pathlib import Path

from bench.lab import DELAYED, Lab
from bench.measure import Command
from guild_sync.config.remotes import Remote
from guild_sync.hosts import sandbox
from guild_sync.rsync import argv as rsync_argv
from guild_sync.transport import ssh, ssh_config

_WHEEL_BYTES = 1500  # about what the example project's wheel has


class Network:
    """The remote over the loopback interface, or through the relay that delays."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.label = "20 ms" if name == DELAYED else name

    def connections(self) -> int:
        """How many connections the remote has had over this network, counted at its end."""
        if self.name == DELAYED:
            return self.lab.relay.accepted
        log = (sandbox.folder_of("bench") / "sshd.log").read_text()
        return log.count("Accepted publickey") - self.lab.relay.accepted

    def remote(self, purpose: str) -> Remote:
        return self.lab.remote(self.name, purpose)

    def connect(self, cold: bool) -> None:
        """See to it that there is a connection, or that there is none."""
        assert self.lab.relay.port  # with it come the remotes, of which there may be none yet
        if cold:
            self.lab.disconnect()
        else:
            self.ssh("true").seconds()

    def ssh(self, *words: str) -> Command:
        """ssh with guild's options, as a user would call it."""
        return Command(ssh.argv(self.remote("launch"), *words))

    def rsync(self, purpose: str, count: int, target: Path) -> Command:
        """One rsync with guild's options of the latest runs there into the folder `target`."""
        ids: list[str] = getattr(self.lab, purpose)[:count]
        there = str(self.lab.there(purpose) / "runs")
        target.mkdir(parents=True, exist_ok=True)
        (target / ".incoming").mkdir(exist_ok=True)
        argv = rsync_argv.pull_argv(self.remote(purpose), there, target, target / ".incoming")
        return Command(argv, stdin="".join(f"{run_id}\0" for run_id in ids).encode())

    def rsync_checksums(self, purpose: str, count: int, target: Path) -> Command:
        """One `rsync -c` as a user would type it, which tells what of those runs differs here."""
        ids: list[str] = getattr(self.lab, purpose)[:count]
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
