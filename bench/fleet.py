"""Many remotes on this machine, straight or through a relay that delays.

Of the fleet each is an sshd of its own, and some are down or hang. Of the crowd fifty share an
sshd, but no connection: each has a name, a guild home and runs of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

from bench.generate import write_runs
from bench.lab import DELAY, DELAYED, LOOPBACK, Lab
from bench.measure import Command
from bench.relay import Relay, relayed
from guild_sync.agent.store import locks
from guild_sync.config import remotes as configured
from guild_sync.hosts import sandbox
from guild_sync.rsync.argv import pull_argv
from guild_sync.transport import ssh

SIZE = 50
CROWD, CROWD_SERVERS = 1_000, 20
RUNS = 4  # of each remote
DOWN = 5
CONNECT_TIMEOUT = 3  # seconds; what the remotes that are down cost
HANG_TIMEOUT = 5  # seconds; what the one that hangs after login costs
_UP = {LOOPBACK: "fleet", DELAYED: "far"}  # the first words of the remotes' names
_CROWD = {LOOPBACK: "crowd", DELAYED: "farcrowd"}
_HUNG = {LOOPBACK: "hung", DELAYED: "farhung"}
_START_SECONDS = 10.0
_TIMEOUT = 1800.0  # seconds for all of many, where others work on the machine


def names(network: str, size: int, down: int = 0, hung: int = 0) -> list[str]:
    """The remotes of a fleet of this size, of which the last are down, and some before hang."""
    up = size - down - hung
    kinds = [_UP[network]] * up + [_HUNG[network]] * hung + ["down"] * down
    return [f"{kind}-{number}" for number, kind in enumerate(kinds, 1)]


def crowd_names(network: str) -> list[str]:
    """The remotes of the crowd, as they are reached over this network."""
    return [f"{_CROWD[network]}-{number}" for number in range(1, CROWD + 1)]


def _is_up(name: str) -> bool:
    return not name.startswith(("down-", *_HUNG.values()))


def _pid(file: Path) -> int:
    """The number that a server writes once it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while not (file.exists() and file.read_text().endswith("\n")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no server has written {file}")
        time.sleep(0.01)
    return int(file.read_text())


class Many:
    """Some of many remotes, which are synced together, and the same by hand."""

    purpose = ""  # the folder of its servers, and the beginning of its guild homes' names here
    size = 0

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        self._lab = lab
        self._stack = stack
        self._folder = lab.folder / self.purpose

    @cached_property
    def remotes(self) -> dict[str, dict[str, Any]]:
        """Starts the servers. The keys of each remote, by name."""
        raise NotImplementedError

    def _command(self, home: str, *words: str, copied: int, status: int) -> Command:
        command = self._lab.guild(*words, home=home, expect=("Copying", copied), status=status)
        return replace(command, timeout=_TIMEOUT)

    @contextmanager
    def _configured(self, names: Sequence[str]) -> Iterator[None]:
        """Have the config file be the one that has these remotes."""
        yield

    def _relayed(self, port: int) -> Relay:
        return self._stack.enter_context(relayed(port, DELAY))

    def _started(self, own: Path, number: int, lines: Sequence[str]) -> dict[str, Any]:
        folder = self._folder / str(number)
        folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        head = [f"Port {port}", f"PidFile {folder}/pid", "MaxStartups 100", *lines]
        text = (own / "sshd_config").read_text()  # of an option, the first value counts
        (folder / "sshd_config").write_text(
            "\n".join(head) + "\n" + text.replace("Port ", "#Port ", 1)
        )
        key = " ".join((own / "host_key.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:* {key}\n")
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        argv = [str(program), "-f", f"{folder}/sshd_config", "-E", f"{folder}/log"]
        subprocess.run(argv, check=True)
        self._stack.callback(os.kill, _pid(folder / "pid"), signal.SIGTERM)
        return {
            "type": "ssh",
            "host": "127.0.0.1",
            "port": port,
            "private-key": str(own / "login_key"),
            "known-hosts": str(folder / "known_hosts"),
            "ssh-config": str(self._lab.folder / "ssh_config"),
            "guild-home": str(self._there(number)),
        }

    def _there(self, number: int) -> Path:
        return self._folder / str(number) / "home"

    @cached_property
    def runs(self) -> dict[int, list[str]]:
        """The ids of the runs of each remote, all of which run."""
        found = {}
        for number in range(1, self.size + 1):
            runs = self._there(number) / "runs"
            found[number] = write_runs(runs, RUNS, ended=False, seed=1000 + number)
            for run_id in found[number]:
                fd = locks.hold(str(runs / run_id / ".guild"))
                assert fd is not None
                self._stack.callback(os.close, fd)
        return found

    def home(self, names: Sequence[str]) -> str:
        """A guild home here with the runs of the remotes of these names, as they are now."""
        assert self.remotes
        kinds = sorted({name.partition("-")[0] for name in names})
        home = f"{self.purpose}-{'-'.join(kinds)}-{len(names)}"
        folder = self._lab.folder / home / "runs"
        if not folder.exists():
            for name in names:
                number = int(name.rpartition("-")[2])
                for run_id in self.runs[number]:
                    source = self._there(number) / "runs" / run_id
                    shutil.copytree(
                        source, folder / run_id, ignore=lambda *_: ["LOCK", "LOCK.owner"]
                    )
                    (folder / run_id / ".guild" / "LOCK.remote").write_text(f"{name}\n")
        return home

    def prepare(self, names: Sequence[str]) -> None:
        """Have each run write a line, and close the connections to all remotes."""
        self.home(names)
        for number, ids in self.runs.items():
            for run_id in ids:
                output = self._there(number) / "runs" / run_id / ".guild" / "output"
                with open(output, "a") as file:
                    file.write("One more line\n")
        self._lab.disconnect()

    def connections(self) -> int:
        """How many logins all servers have had."""
        logs = self._folder.glob("*/log")
        return sum(log.read_text().count("Accepted publickey") for log in logs)

    def sync(self, names: Sequence[str], jobs: int) -> Command:
        home = self.home(names)
        up = sum(map(_is_up, names))
        words = ("sync", "--jobs", str(jobs))
        status = 0 if up == len(names) else 3
        return self._command(home, *words, copied=RUNS * up, status=status)

    def limit(self, names: Sequence[str], jobs: int) -> Command:
        """ssh and one rsync by hand for each remote, `jobs` of them at a time."""
        scripts = self._folder / f"limit-{names[0]}-{len(names)}"
        if not scripts.exists():
            scripts.mkdir()
            with self._configured(names):
                for name in names:
                    (scripts / name).write_text(self._script(name, scripts))
        script = f"ls -d {scripts}/* | grep -v runs$ | xargs -P {jobs} -n 1 sh"
        return Command(("sh", "-c", script), timeout=_TIMEOUT)

    def _script(self, name: str, folder: Path) -> str:
        remote = configured.remote(name)
        number = int(name.rpartition("-")[2])
        target = folder / f"{name}.runs"
        (target / ".incoming").mkdir(parents=True)
        there = str(self._there(number) / "runs")
        copy = shlex.join(pull_argv(remote, there, target, target / ".incoming"))
        ids = " ".join(self.runs[number])
        ask = shlex.join(ssh.argv(remote, "true"))
        return f"{ask} </dev/null && printf '%s\\0' {ids} | {copy} >/dev/null\n"


class Fleet(Many):
    """The remotes `fleet-1` to `fleet-50`, and `far-1` to `far-50`, which are the same with delay.

    The last five also are `down-N`, and one before them `hung-N` and `farhung-N`.
    """

    purpose = "fleet"
    size = SIZE

    @cached_property
    def remotes(self) -> dict[str, dict[str, Any]]:
        assert self._lab.relays  # the key and the server's settings are the sandbox's
        own = sandbox.folder_of("bench")
        found = {}
        for number in range(1, SIZE + 1):
            found.update(self._reached(_UP, number, self._started(own, number, ())))
        for number in range(SIZE - DOWN + 1, SIZE + 1):
            dead = {"port": self._dead_port(), "connect-timeout": CONNECT_TIMEOUT}
            found[f"down-{number}"] = {**found[f"{_UP[LOOPBACK]}-{number}"], **dead}
        hung = self._started(own, 0, ("ForceCommand exec sleep 3600",))
        found.update(self._reached(_HUNG, SIZE - DOWN, {**hung, "timeout": HANG_TIMEOUT}))
        self._lab.add_remotes(found)
        return found

    def _reached(
        self, kinds: Mapping[str, str], number: int, remote: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """A server as the two remotes that it is: straight, and through a relay."""
        far = {**remote, "port": self._relayed(remote["port"]).port}
        return {f"{kinds[LOOPBACK]}-{number}": remote, f"{kinds[DELAYED]}-{number}": far}

    def _dead_port(self) -> int:
        """A port whose machine does not answer, as if it were switched off."""
        server = self._stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(2):  # its queue is full: what comes now is dropped
            waiting = self._stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        port: int = server.getsockname()[1]
        return port


class Crowd(Many):
    """The remotes `crowd-1` to `crowd-1000`, and `farcrowd-1` and so on, the same with delay.

    They are in config files of their own, by network, for no other command to read.
    """

    purpose = "crowd"
    size = CROWD

    @cached_property
    def remotes(self) -> dict[str, dict[str, Any]]:
        assert self._lab.relays
        own = sandbox.folder_of("bench")
        servers = []
        for number in range(CROWD_SERVERS):
            # Of the numbers of remotes none: their guild homes are in the folders of these names.
            server = self._started(own, -number - 1, ())
            servers.append((server, {**server, "port": self._relayed(server["port"]).port}))
        found: dict[str, dict[str, Any]] = {}
        for kind, is_far in ((_CROWD[LOOPBACK], False), (_CROWD[DELAYED], True)):
            remotes = {}
            for number in range(1, CROWD + 1):
                name = f"{kind}-{number}"
                # With a name each has a connection of its own, as another machine has.
                own_name = {"host": name, "ssh-options": ["HostName=127.0.0.1"]}
                home = {"guild-home": str(self._there(number))}
                remotes[name] = {**servers[number % CROWD_SERVERS][is_far], **own_name, **home}
            self._config(kind).write_text(json.dumps({"remotes": remotes}))
            found.update(remotes)
        self._give_agents()
        return found

    def _give_agents(self) -> None:
        """Have the agent be on every remote, as it is after a first sync, which is not measured."""
        first = f"{_CROWD[LOOPBACK]}-1"
        asked = ("runs", "-r", first)
        self._command(f"{self.purpose}-{first}", *asked, copied=0, status=0).seconds()
        agent = self._there(1) / "agent"
        for number in range(2, CROWD + 1):  # the same files: a copy of each would take a GB
            shutil.copytree(agent, self._there(number) / "agent", copy_function=os.link)

    def _config(self, kind: str) -> Path:
        return self._folder / f"{kind}.yml"

    def _command(self, home: str, *words: str, copied: int, status: int) -> Command:
        command = super()._command(home, *words, copied=copied, status=status)
        kind = home.split("-")[1]
        return replace(command, env={**command.env, "GUILD_CONFIG": str(self._config(kind))})

    @contextmanager
    def _configured(self, names: Sequence[str]) -> Iterator[None]:
        config = str(self._config(names[0].partition("-")[0]))
        with mock.patch.dict(os.environ, {"GUILD_CONFIG": config}):
            yield
