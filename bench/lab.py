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
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from bench.generate import write_runs
from bench.measure import Command
from bench.relay import Relay, delayed
from guild_sync.agent.catalog import find
from guild_sync.agent.store import locks
from guild_sync.config import remotes as configured
from guild_sync.config.home import config_path
from guild_sync.hosts import sandbox
from guild_sync.transport import connection, question, ssh_config

if TYPE_CHECKING:
    from bench.fleet import Fleet
    from bench.rival import Rival

DELAY = 0.02  # seconds, each way
LOOPBACK, DELAYED = "loopback", "delayed"
NETWORKS = (LOOPBACK, DELAYED)
REAL_RUNS = 3  # of those that run on the remote; the others are directories whose LOCK is held
MOST_RUNS = 200
MOST_ENDED = 50
LARGE_BYTES = 1 << 30
MANY_FILES = 20_000
VERIFIED_RUNS, VERIFIED_FILES = 200, 60
_SANDBOX = "bench"
_SOCKET = re.compile(r"^ *ControlPath (\S+)$", re.M)
_PURPOSES = (
    "ended",
    "running",
    "launch",
    "large",
    "many",
    "copied",
)  # a guild home on the remote for each
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
        # Short, and of characters that need no quoting: the sandbox's own folder is used.
        self.folder = Path(tempfile.mkdtemp(prefix="guild-bench-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        variables = {
            "HOME": str(self.folder / "user"),
            "GUILD_HOME": str(self.folder / "home"),
            "GUILD_CONFIG": str(self.folder / "config.yml"),
        }
        # Else each command compiles guild anew, which no installation does.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self._stack.enter_context(mock.patch.dict(os.environ, variables))
        (self.folder / "user").mkdir()
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

    @cached_property
    def relay(self) -> Relay:
        """The relay to the sshd. Makes the config file with its remotes, too."""
        state, _ = sandbox.start(_SANDBOX)
        self._stack.callback(sandbox.stop, _SANDBOX)
        relay = self._stack.enter_context(delayed(state.port, DELAY))
        reached = sandbox.as_ssh(configured.Remote(_SANDBOX, "sandbox"))
        key = (sandbox.folder_of(_SANDBOX) / "host_key.pub").read_text()
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text(
            "".join(f"[127.0.0.1]:{port} {key}" for port in (state.port, relay.port))
        )
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
            for network, port in ((LOOPBACK, state.port), (DELAYED, relay.port))
            for purpose in _PURPOSES
        }
        self.add_remotes(remotes)
        self._stack.callback(self._end_runs)
        self._stack.callback(self._forget)
        return relay

    def add_remotes(self, remotes: dict[str, dict[str, Any]]) -> None:
        """Put more remotes into the config file."""
        self._remotes.update(remotes)
        config_path().write_text(json.dumps({"remotes": self._remotes}))  # JSON is YAML

    @cached_property
    def fleet(self) -> Fleet:
        from bench.fleet import Fleet

        return Fleet(self, self._stack)

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
        assert self.relay.port
        return configured.remote(f"{network}-{purpose}")

    @cached_property
    def ended(self) -> list[str]:
        """The ids of the runs on the remote that have ended, the latest first."""
        return write_runs(self.there("ended") / "runs", MOST_ENDED, ended=True)

    @cached_property
    def running(self) -> list[str]:
        """The ids of the runs on the remote that run, the latest first."""
        home = self.there("running")
        held = write_runs(home / "runs", MOST_RUNS - REAL_RUNS, ended=False, seed=1)
        for run_id in held:
            fd = locks.hold(str(home / "runs" / run_id / ".guild"))
            assert fd is not None
            self._stack.callback(os.close, fd)
        remote = self.remote(LOOPBACK, "running").name
        for _ in range(REAL_RUNS):
            self.guild("run", "op", "sleep=3600", "-r", remote, "--no-wait", "-y").seconds()
        return find.run_ids(str(home))

    @cached_property
    def large(self) -> list[str]:
        """The id of a run on the remote with a file of a GiB that nothing compresses."""
        found = write_runs(self.there("large") / "runs", 1, ended=True, seed=2)
        with open(self.there("large") / "runs" / found[0] / "model.bin", "wb") as file:
            for _ in range(LARGE_BYTES >> 20):
                file.write(os.urandom(1 << 20))
        return found

    @cached_property
    def many(self) -> list[str]:
        """The id of a run on the remote with 20,000 small files, a hundred a folder."""
        found = write_runs(self.there("many") / "runs", 1, ended=True, seed=3)
        for number in range(MANY_FILES):
            folder = self.there("many") / "runs" / found[0] / f"part-{number // 100:03}"
            folder.mkdir(exist_ok=True)
            (folder / f"file-{number}").write_text(f"{number}\n")
        return found

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

    def grow(self) -> None:
        """Have every run that runs write a line of output."""
        for run_id in self.running:
            with open(self.there("running") / "runs" / run_id / ".guild" / "output", "a") as f:
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
            if told and (socket := Path(told[1])).exists():
                argv = ("ssh", "-F", str(file), "-O", "exit", "127.0.0.1")
                question.run(argv, timeout=connection.MASTER_TIMEOUT)
                socket.unlink(missing_ok=True)

    def _ssh_files(self) -> list[Path]:
        """The ssh configurations that guild made for these remotes: their keys are in here."""
        mark = os.fsencode(f" {self.folder}/")
        files = ssh_config.private_folder().glob("*.conf")
        return [file for file in files if mark in file.read_bytes()]

    def _forget(self) -> None:
        """Close the connections and remove the ssh configurations that guild made for them."""
        self.disconnect()
        for file in self._ssh_files():
            file.unlink(missing_ok=True)
