"""Where it is measured: homes, an sshd of its own, a relay to it, and runs on it.

All is in one temporary folder, is made when it is first asked for, and is ended and
removed with the `with` block.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from bench.generate import write_files, write_runs
from bench.measure import Command
from bench.pages import write_trained_run
from bench.relay import Relay, relayed
from guild_sync.agent.catalog import find
from guild_sync.agent.store import locks
from guild_sync.config import remotes as configured
from guild_sync.config.home import config_path, private_folder
from guild_sync.hosts import sandbox
from guild_sync.transport import connection, question

if TYPE_CHECKING:
    from bench.fleet import Crowd, Fleet
    from bench.rival import Rival

DELAY = 0.02  # seconds, each way
LOOPBACK, DELAYED, DISTANT, SLOW = "loopback", "delayed", "distant", "slow"
NETWORKS = (LOOPBACK, DELAYED)  # of all rows; of the others, some have a row
RELAYS = {  # seconds each way, and bytes a second
    DELAYED: (DELAY, None),
    DISTANT: (0.1, None),
    SLOW: (DELAY, 1_250_000),
}
REAL_RUNS = 3  # of those that run on the remote; the others are directories whose LOCK is held
MOST_RUNS = 200
MOST_ENDED = 50
THOUSANDS = 10_000  # of running runs
VERIFIED_RUNS, VERIFIED_FILES = 200, 60
_SANDBOX = "bench"
_SOCKET = re.compile(r"^Host (\S+)\n(?: .*\n)*? *ControlPath (\S+)$", re.M)
SINGLE = ("eight", "large", "many", "lines")  # of which each has one run that is large
_PURPOSES = (  # a guild home on the remote for each
    *("ended", "running", "launch", "copied", "thousands", "pushed"),
    *SINGLE,
)
_EXAMPLE = {
    "guild.yml": "op:\n  main: sleep\n  flags-import: all\n",
    "sleep.py": "import time\n\nsleep = 1\n\nprint('Sleeping', flush=True)\ntime.sleep(sleep)\n",
}


class Lab:
    """The place of one benchmark run."""

    program = Path(sys.executable).with_name("guild")  # the one that is measured

    def __enter__(self) -> Lab:
        self._stack = ExitStack()
        self._remotes: dict[str, dict[str, Any]] = {}
        self._single: dict[str, list[str]] = {}
        # Short, and of characters that need no quoting: the sandbox's own folder is used.
        self.folder = Path(tempfile.mkdtemp(prefix="guild-bench-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        variables = {
            "HOME": str(self.folder / "user"),
            "GUILD_HOME": str(self.folder / "home"),
            "GUILD_CONFIG": str(self.folder / "config.yml"),
            "XDG_RUNTIME_DIR": str(self.folder / "session"),
        }
        # Else each command compiles guild anew, which no installation does.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self._stack.enter_context(mock.patch.dict(os.environ, variables))
        (self.folder / "user").mkdir()
        (self.folder / "session").mkdir(mode=0o700)
        (self.folder / "config.yml").touch()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def guild(
        self,
        *words: str,
        home: str = "home",
        expect: tuple[str, int] | None = None,
        status: int = 0,
        folder: Path | None = None,
    ) -> Command:
        """A guild command line with the guild home `home` of this machine, typed in a project."""
        return Command(
            (str(self.program), *words),
            {"GUILD_HOME": str(self.folder / home)},
            folder or self.project,
            expect=expect,
            status=status,
        )

    def own(self, *words: str, home: str) -> tuple[float, float]:
        """The CPU seconds and MB that guild itself uses for a command, without ssh and rsync."""
        target = self.folder / "own"
        script = str(Path(__file__).with_name("own.py"))
        argv = (sys.executable, script, str(target), *words)
        Command(argv, {"GUILD_HOME": str(self.folder / home)}, self.project).seconds()
        cpu, memory = target.read_text().split()
        return float(cpu), float(memory)

    @cached_property
    def project(self) -> Path:
        """A project like uat/examples/parallel-runs."""
        folder = self.folder / "project"
        folder.mkdir()
        for name, text in _EXAMPLE.items():
            (folder / name).write_text(text)
        return folder

    def local_runs(self, count: int) -> Path:
        """A guild home here with `count` runs that have ended."""
        home = self.folder / f"listing-{count}"
        if not home.exists():
            write_runs(home / "runs", count, ended=True)
        return home

    def trained_runs(self, count: int) -> Path:
        """A guild home here with `count` runs that have ended, each with ten scalars."""
        home = self.folder / f"trained-{count}"
        for number in () if home.exists() else range(count):
            write_trained_run(home, number, steps=20)
        return home

    @cached_property
    def relays(self) -> dict[str, Relay]:
        """The relays to the sshd, by network. Makes the config file with its remotes, too."""
        state, _ = sandbox.start(_SANDBOX)
        self._stack.callback(sandbox.stop, _SANDBOX)
        relays = {
            network: self._stack.enter_context(relayed(state.port, *line))
            for network, line in RELAYS.items()
        }
        ports = {LOOPBACK: state.port, **{name: relay.port for name, relay in relays.items()}}
        reached = sandbox.as_ssh(configured.Remote(_SANDBOX, "sandbox"))
        key = (sandbox.folder_of(_SANDBOX) / "host_key.pub").read_text()
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text("".join(f"[127.0.0.1]:{port} {key}" for port in ports.values()))
        empty = self.folder / "ssh_config"
        empty.touch()
        remotes = {
            f"{network}-{purpose}": {
                "type": "ssh",
                "host": "127.0.0.1",
                "port": port,
                "private-key": reached.private_key,
                "known-hosts": str(known_hosts),
                "ssh-config": str(empty),
                "guild-home": str(self.there(purpose)),
            }
            for network, port in ports.items()
            for purpose in _PURPOSES
        }
        self.add_remotes(remotes)
        self._stack.callback(self._end_runs)
        self._stack.callback(self._forget)
        return relays

    def add_remotes(self, remotes: dict[str, dict[str, Any]]) -> None:
        """Put more remotes into the config file."""
        self._remotes.update(remotes)
        config_path().write_text(json.dumps({"remotes": self._remotes}))  # JSON is YAML

    @cached_property
    def fleet(self) -> Fleet:
        from bench.fleet import Fleet

        return Fleet(self, self._stack)

    @cached_property
    def crowd(self) -> Crowd:
        from bench.fleet import Crowd

        return Crowd(self, self._stack)

    @cached_property
    def rival(self) -> Rival:
        from bench.rival import Rival

        return Rival(self.folder, self.project)

    def rival_command(self, *words: str, home: str, copied: int, names: Sequence[str]) -> Command:
        """A command line of Guild AI, which knows the remotes of these names."""
        remotes = {name: self._remotes[name] for name in names}
        return self.rival.command(remotes, *words, home=home, copied=copied)

    def there(self, purpose: str) -> Path:
        """The guild home on the remote with the runs for `purpose`."""
        return self.folder / "there" / purpose

    def remote(self, network: str, purpose: str) -> configured.Remote:
        """The remote whose guild home is for `purpose`, reached over `network`."""
        assert self.relays
        return configured.remote(f"{network}-{purpose}")

    @cached_property
    def ended(self) -> list[str]:
        """The ids of the runs on the remote that have ended, the latest first."""
        return write_runs(self.there("ended") / "runs", MOST_ENDED, ended=True)

    @cached_property
    def running(self) -> list[str]:
        """The ids of the runs on the remote that run, the latest first."""
        home = self.there("running")
        self._held(home, MOST_RUNS - REAL_RUNS, seed=1)
        remote = self.remote(LOOPBACK, "running").name
        for _ in range(REAL_RUNS):
            self.guild("run", "op", "sleep=3600", "-r", remote, "--no-wait", "-y").seconds()
        return find.run_ids(str(home))

    @cached_property
    def thousands(self) -> list[str]:
        """The ids of 10,000 runs on the remote that run, as far as their locks tell."""
        return self._held(self.there("thousands"), THOUSANDS, seed=5)

    def _held(self, home: Path, count: int, seed: int) -> list[str]:
        """So many runs of a guild home whose locks this process holds, as runners hold theirs."""
        found = write_runs(home / "runs", count, ended=False, seed=seed)
        for run_id in found:
            fd = locks.hold(str(home / "runs" / run_id / ".guild"))
            assert fd is not None
            self._stack.callback(os.close, fd)
        return found

    def ids(self, purpose: str) -> list[str]:
        """The ids of the runs on the remote for `purpose`, which are made now at the latest."""
        if purpose in SINGLE:
            return self.single(purpose)
        found: list[str] = getattr(self, purpose)
        return found

    def single(self, purpose: str) -> list[str]:
        """The id of the one run on the remote that is in the guild home for a large copy."""
        if purpose not in self._single:
            runs = self.there(purpose) / "runs"
            self._single[purpose] = write_runs(runs, 1, ended=True, seed=len(self._single) + 10)
            write_files(purpose, runs / self._single[purpose][0])
        return self._single[purpose]

    def at_end(self, callback: Callable[[], object]) -> None:
        """Have this be done when the lab ends."""
        self._stack.callback(callback)

    @cached_property
    def copied(self) -> list[str]:
        """The ids of 200 runs on the remote that have ended, of 60 files each."""
        runs = self.there("copied") / "runs"
        found = write_runs(runs, VERIFIED_RUNS, ended=True, seed=4)
        for run_id in found:
            present = sum(path.is_file() for path in (runs / run_id).rglob("*"))
            for number in range(VERIFIED_FILES - present):
                (runs / run_id / f"file-{number}").write_bytes(os.urandom(10_000))
        return found

    def set_aside(self, folder: Path) -> None:
        """Have no such folder, without removing what is in it until the end.

        An ext4 passes over the inodes of files that were removed in the last minute, looking at
        each of them: after 20,000 of them, making as many takes ten seconds instead of one.
        """
        if folder.exists():
            folder.rename(Path(tempfile.mkdtemp(prefix="aside-", dir=self.folder)) / folder.name)

    def grow(self, purpose: str = "running", ids: Sequence[str] | None = None) -> None:
        """Have these runs write a line of output; every run that runs, where none are named."""
        for run_id in self.running if ids is None else ids:
            with open(self.there(purpose) / "runs" / run_id / ".guild" / "output", "a") as f:
                f.write("One more line\n")

    def idle(self) -> None:
        """Wait until the runs that were launched have ended: they take the processor."""
        while self._runners("launch"):
            time.sleep(0.02)

    def _runners(self, purpose: str) -> list[int]:
        locked = self.there(purpose).glob("runs/*/.guild/LOCK")
        pids = [locks.holder(str(lock.parent)) for lock in locked]
        return [pid for pid in pids if pid and pid != os.getpid()]

    def _end_runs(self) -> None:
        for purpose in _PURPOSES:
            for pid in self._runners(purpose):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while any(self._runners(purpose) for purpose in _PURPOSES) and time.monotonic() < deadline:
            time.sleep(0.05)

    def disconnect(self) -> None:
        """Close every connection to the remotes of this lab, whichever version of guild made it.

        Versions differ in what they tell ssh, and each calls its files after that.
        """
        for file in self._ssh_files():
            told = _SOCKET.search(os.fsdecode(file.read_bytes()))
            if told and (socket := Path(told[2])).exists():
                argv = ("ssh", "-F", str(file), "-O", "exit", told[1])
                question.run(argv, timeout=connection.MASTER_TIMEOUT)
                socket.unlink(missing_ok=True)

    def _ssh_files(self) -> list[Path]:
        """The ssh configurations that guild made for these remotes: their keys are in here."""
        mark = os.fsencode(f" {self.folder}/")
        files = private_folder().glob("*.conf")
        return [file for file in files if mark in file.read_bytes()]

    def _forget(self) -> None:
        """Close the connections and remove the ssh configurations that guild made for them."""
        self.disconnect()
        for file in self._ssh_files():
            file.unlink(missing_ok=True)
