"""How soon `guild fleet` shows something, and what a round of it costs, with remotes down.

`python -m bench.board` prints it; bench/README.md has what it said. Twenty remotes, each an sshd of
its own with four running runs; the machines of two are switched off: nothing answers.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

from bench.fleet import RUNS
from bench.lab import LOOPBACK, Lab
from bench.measure import Command

UP = [f"fleet-{number}" for number in range(1, 19)]
NAMES = [*UP, "down-49", "down-50"]
REPEAT = 5
_ROUNDS = 10
_PATIENCE = 60.0  # seconds for what is waited for
_SIZE = struct.pack("HHHH", 140, 160, 0, 0)  # lines and columns: all of it is seen


class _Shown:
    """A command on a terminal, and when it has shown what."""

    def __init__(self, command: Command) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, _SIZE)
        self._text = b""
        self._begin = time.perf_counter()
        self.process = subprocess.Popen(
            list(command.argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **command.env},
            cwd=command.cwd,
        )
        os.close(slave)

    def seconds_until(self, holds: Callable[[str], bool]) -> float:
        """The seconds from its start until what it has shown is so."""
        while not holds(self._text.decode("utf-8", "replace")):
            if time.perf_counter() - self._begin > _PATIENCE:
                raise RuntimeError("it was not shown")
            self._text += os.read(self._master, 1 << 16)
        return time.perf_counter() - self._begin

    def end(self) -> float:
        """End it; the CPU seconds that it and what it waited for have used."""
        os.kill(self.process.pid, signal.SIGTERM)
        os.set_blocking(self._master, False)
        while True:
            pid, _, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = 0
                os.close(self._master)
                return used.ru_utime + used.ru_stime
            try:
                os.read(self._master, 1 << 16)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                os.waitpid(self.process.pid, 0)
                return 0.0


def _answered(text: str) -> bool:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", text)
    return all(re.search(rf"\b{name}\s+answers\b", plain) for name in UP)


def _first(lab: Lab, *words: str, cold: bool) -> tuple[float, float]:
    """The seconds until anything of a remote is seen, and until all that are up have answered."""
    home = lab.fleet.home(NAMES)
    if cold:
        lab.fleet.prepare(NAMES)
    shown = _Shown(lab.guild("fleet", "-r", ",".join(NAMES), *words, home=home))
    first = shown.seconds_until(lambda text: "down-50" in text)
    every = shown.seconds_until(_answered)
    shown.end()
    return first, every


def _cpu_of_a_round(lab: Lab) -> float:
    """CPU seconds of guild itself for a round in which all are asked."""
    home, used = lab.fleet.home(NAMES), []
    for seconds in (2.0, 2.0 + _ROUNDS):
        words = ("fleet", "-r", ",".join(NAMES), "--plain", "--interval", "1")
        shown = _Shown(lab.guild(*words, home=home))
        shown.seconds_until(_answered)
        until = time.perf_counter() + seconds
        shown.seconds_until(lambda _, until=until: time.perf_counter() > until)  # type: ignore[misc]
        used.append(shown.end())
    return (used[1] - used[0]) / _ROUNDS


def _said(what: str, seconds: Sequence[float]) -> None:
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    print(f"{what:60} {statistics.median(seconds):.2f} s  ({spread})", flush=True)


def main() -> None:
    with Lab() as lab:
        assert lab.fleet.remotes
        lab.fleet.home(NAMES)
        lab.guild("runs", "-r", ",".join(UP), home="home").seconds()  # sends the agents
        print(f"{len(NAMES)} remotes, 2 down, {RUNS} running runs each, {LOOPBACK}")
        for words in (("--plain",), ()):
            for cold in (True, False):
                found = [_first(lab, *words, cold=cold) for _ in range(REPEAT)]
                how = f"guild fleet {' '.join(words)}, {'cold' if cold else 'connected'}"
                _said(f"{how}: something is seen", [first for first, _ in found])
                _said(f"{how}: all that are up have answered", [every for _, every in found])
        command = lab.guild(
            *("fleet", "-r", ",".join(NAMES), "--once"), home=lab.fleet.home(NAMES), status=3
        )
        _said("guild fleet --once, connected", [command.seconds() for _ in range(REPEAT)])
        print(f"CPU of guild itself a round: {_cpu_of_a_round(lab):.3f} s")


if __name__ == "__main__":
    main()
