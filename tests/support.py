"""What the tests are made with: guild as a user calls it, and a real ssh server."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest import mock

import yaml
from forks import Forks

from guild_sync.agent.store import locks, rundir
from guild_sync.config.remotes import Remote
from guild_sync.hosts import sandbox
from guild_sync.transport import ssh

BIN = Path(sys.executable).parent
EXAMPLES = Path(__file__).parent.parent / "uat" / "examples"
PATIENCE = 30.0  # seconds within which anything awaited has happened, on a slow machine


@dataclass(frozen=True)
class Done:
    """How a guild command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Guild:
    """guild as a user calls it: a process of its own, in a folder, with a home.

    A call is started by a fork (forks.py). Where terminals, signals or a start itself are at issue,
    tests start what `argv` says.
    """

    forks = Forks(str(BIN / "python3"), BIN, "guild_sync.*")

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = dict(env)

    @property
    def home(self) -> Path:
        return Path(self.env["GUILD_HOME"])

    @property
    def config(self) -> Path:
        return Path(self.env["GUILD_CONFIG"])

    def __call__(self, *argv: str, stdin: str = "", cwd: Path | None = None) -> Done:
        done = self.forks.run(
            self.argv(*argv), os.fsencode(stdin), cwd or self.folder, self.env, timeout=120
        )
        return Done(
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"),
        )

    def ok(self, *argv: str, stdin: str = "", cwd: Path | None = None) -> Done:
        """Call it and insist that all went well and nothing was complained of."""
        done = self(*argv, stdin=stdin, cwd=cwd)
        assert done.code == 0, (argv, done)
        assert done.err == "", (argv, done)
        return done

    def popen(self, *argv: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(*argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.env,
        )

    def argv(self, *argv: str) -> list[str]:
        program = argv[0] if argv and argv[0].startswith("guild-") else "guild"
        words = argv[1:] if program != "guild" else argv
        return [str(BIN / program), *words]

    def configure(self, **remotes: Mapping[str, Any]) -> None:
        """Write the config file with these remotes; `_` in their names stands for `-`."""
        named = {name.replace("_", "-"): dict(keys) for name, keys in remotes.items()}
        self.config.write_text(yaml.safe_dump({"remotes": named}))

    def started(self, *flags: str, remote: str | None = None, op: str = "op") -> str:
        """Start a run without waiting for it; its id."""
        where = ("-r", remote) if remote else ()
        done = self.ok("run", op, *flags, *where, "--no-wait", "-y")
        return done.lines[-2].split()[0]

    def status(self, run_id: str) -> str:
        """What `guild runs` says of one run."""
        row = self.ok("runs", run_id).lines[0]
        return row.split("  ")[3].strip()


def keep_nothing_free(guild: Guild) -> None:
    """Have copies fill the disk here to its last byte: those of some tests are small."""
    with open(guild.config, "a") as config:
        config.write("keep-free: 0\n")


@dataclass(frozen=True)
class Place:
    """Where a test has its runs: this machine, or a remote."""

    guild: Guild
    home: Path
    remote: str | None = None

    @property
    def args(self) -> tuple[str, ...]:
        """The options that mean this place."""
        return ("-r", self.remote) if self.remote else ()

    @property
    def on(self) -> str:
        return f" on {self.remote}" if self.remote else ""

    def ok(self, *argv: str, stdin: str = "") -> Done:
        return self.guild.ok(*argv, *self.args, stdin=stdin)

    def __call__(self, *argv: str, stdin: str = "") -> Done:
        return self.guild(*argv, *self.args, stdin=stdin)

    def started(self, *flags: str, op: str = "op") -> str:
        return self.guild.started(*flags, op=op, remote=self.remote)

    def staged(self, *words: str, op: str = "op") -> str:
        """Stage a run; its id."""
        return self.ok("run", op, *words, "--stage", "-y").lines[-2].split()[-1]

    def status(self, run_id: str) -> str:
        return self.ok("runs", run_id).lines[0].split("  ")[3].strip()

    def run_dir(self, run_id: str) -> Path:
        return self.home / "runs" / run_id

    def attr(self, run_id: str, name: str) -> Any:
        return rundir.read_attr(str(self.run_dir(run_id)), name)

    def output(self, run_id: str) -> str:
        path = self.run_dir(run_id) / ".guild/output"
        return path.read_text() if path.exists() else ""

    def wait_for_output(self, run_id: str, text: str) -> None:
        wait_until(lambda: text in self.output(run_id), f"{text!r} in the output")

    def wait_for_end(self, run_id: str) -> None:
        wait_until(lambda: self.attr(run_id, "exit_status") is not None, "the run's end")

    def wait_until_dead(self, run_id: str) -> None:
        """Wait until nobody holds the run's lock."""
        wait_until(lambda: locks.holder(str(self.run_dir(run_id) / ".guild")) is None)


@dataclass(frozen=True)
class Server:
    """A real sshd of the tests' own, and what a client needs for it."""

    state: sandbox.SandboxState
    remote: Remote

    @property
    def home(self) -> Path:
        """The HOME of its login, where the agent begins; a login shell begins in the account's."""
        return Path(self.remote.private_key or "").parent / "home"

    def keys(self, guild_home: Path, **more: Any) -> dict[str, Any]:
        """The keys of a remote of type ssh on this server."""
        keys = {
            "type": "ssh",
            "host": "127.0.0.1",
            "port": self.state.port,
            "private-key": self.remote.private_key,
            "known-hosts": self.remote.known_hosts,
            "ssh-config": self.remote.ssh_config,
            "guild-home": str(guild_home),
        }
        keys.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in keys.items() if value is not None}

    def path_with_ssh(self, folder: Path, path: str) -> str:
        """`path` with an ssh first that knows the key and the server, as a user's config would."""
        ssh = shutil.which("ssh", path=path)
        known = f"-oUserKnownHostsFile={self.remote.known_hosts}"
        argv = [str(ssh), "-i", str(self.remote.private_key), known]
        folder.mkdir()
        (folder / "ssh").write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        (folder / "ssh").chmod(0o755)
        return f"{folder}{os.pathsep}{path}"


@contextmanager
def server(home: Path) -> Iterator[Server]:
    """An sshd whose keys, home and log are below `home`."""
    # Not for as long as it runs: tests set homes of their own meanwhile.
    in_home = mock.patch.dict(os.environ, GUILD_HOME=str(home))
    with in_home:
        state, _ = sandbox.start("tests")
        remote = sandbox.as_ssh(Remote("tests", "sandbox"))
    try:
        yield Server(state, remote)
    finally:
        with in_home:
            ssh.disconnect(remote)
            sandbox.stop("tests")


def imported_by(guild: Guild, *argv: str) -> set[str]:
    """The modules that a command imports, as Python itself tells."""
    return _imported_by(guild, str(BIN / "guild"), *argv)


def imported_by_python(guild: Guild) -> set[str]:
    """The modules that Python imports for a program that does nothing."""
    return _imported_by(guild, "-c", "pass")


def _imported_by(guild: Guild, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        capture_output=True,
        text=True,
        env=guild.env,
        cwd=guild.folder,
    )
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Wait for something that no event tells of; what `condition` returned then."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true in {PATIENCE} s"
        time.sleep(0.02)
    return found


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that is no child of ours."""
    wait_until(lambda: locks.start_time(pid) is None, f"the end of process {pid}")


class Process(NamedTuple):
    """A process of this machine, whoever started it."""

    parent: int
    pid: int
    args: str


def processes() -> list[Process]:
    """All that there are now, with their whole command lines."""
    # -ww: else it cuts them, often at 80 characters, where its output is no terminal, too.
    argv = ["ps", "-ww", "-eo", "ppid=,pid=,args="]
    listed = subprocess.run(argv, stdout=subprocess.PIPE, text=True, errors="replace", check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [Process(int(parent), int(pid), "".join(args)) for parent, pid, *args in rows]


def project(folder: Path, guildfile: str, **modules: str) -> Path:
    """A project folder with a guild.yml and Python modules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guild.yml").write_text(guildfile)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@contextmanager
def at_every_line(check: Callable[[], None]) -> Iterator[None]:
    """Within, `check` is called before each line of Python: a kill could come just there."""
    before = sys.gettrace()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        sys.settrace(None)
        check()
        sys.settrace(trace)
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def end_runs(top: Path) -> None:
    """End the runners that a test left behind."""
    for lock in top.glob("**/runs/*/.guild/LOCK"):
        pid = locks.holder(str(lock.parent))
        if pid:
            os.kill(pid, signal.SIGQUIT)  # which kills an operation that is deaf to SIGTERM
