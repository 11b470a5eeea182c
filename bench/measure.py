"""What is measured: commands, timed by the wall clock, beside the bare limit of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 300.0  # seconds; a command that takes longer is broken, not slow


class Failed(Exception):
    """A command that was to be measured did not do its work."""


@dataclass(frozen=True)
class Command:
    """One process. `expect` is a text of its output, and how often that must be there."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stdin: bytes = b""
    expect: tuple[str, int] | None = None
    status: int = 0  # that it is to end with
    timeout: float = TIMEOUT

    def seconds(self) -> float:
        """How long it took. Raises Failed where it failed, or did other than expected."""
        # Files, not pipes: an ssh that stays as the connection's master may keep them open.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                list(self.argv),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env={**os.environ, **self.env},
                cwd=self.cwd,
            )
            # Not subprocess's own timeout: with one, it looks only every 50 ms for the end.
            deadline = threading.Timer(self.timeout, process.kill)
            deadline.daemon = True
            deadline.start()
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(self.stdin)
            code = process.wait()
            elapsed = time.perf_counter() - start
            deadline.cancel()
            said = [_content(out.fileno()), _content(err.fileno())]
        if code != self.status:
            raise Failed(f"{' '.join(self.argv)[:200]} ended with {code}:\n{''.join(said)}")
        if self.expect and "".join(said).count(self.expect[0]) != self.expect[1]:
            text, count = self.expect
            words = " ".join(self.argv)[:200]
            raise Failed(f"{words}: not {count} x {text!r} in:\n{''.join(said)}")
        return elapsed


def _content(fd: int) -> str:
    return os.pread(fd, 1 << 20, 0).decode("utf-8", "replace")


@dataclass(frozen=True)
class Work:
    """Commands, one after the other, timed as one; `prepare` comes before and is not timed."""

    what: str
    commands: Callable[[], Sequence[Command]]
    prepare: Callable[[], None] = lambda: None

    def seconds(self) -> float:
        self.prepare()
        return sum(command.seconds() for command in self.commands())


@dataclass(frozen=True)
class Aim:
    """How long a command may take, beside its limit: `times` as long, and `plus` seconds.

    `of_rival`: beside Guild AI instead.
    """

    times: float = 1.0
    plus: float = 0.0
    of_rival: bool = False

    def __str__(self) -> str:
        if self.plus:
            return f"+{self.plus:g} s"
        return f"{self.times:g}x" + (" Guild AI" if self.of_rival else "")

    def met(self, seconds: float, limit: float) -> bool:
        return seconds <= limit * self.times + self.plus


@dataclass(frozen=True)
class Case:
    """A row of the table: some work, the limit that it is compared with, and the aim.

    `connections` tells how many connections have been made so far, where that is known.
    `rival` is the same work done by Guild AI; it takes long and is done once.
    """

    work: Work
    limit: Work | None = None
    aim: Aim | None = None
    connections: Callable[[], int] | None = None
    most: int = 1  # connections that it may make
    rival: Callable[[], Work | None] = lambda: None


@dataclass(frozen=True)
class Row:
    """What was measured of a case: seconds, repetition by repetition."""

    case: Case
    times: Sequence[float]
    limits: Sequence[float]
    connections: int | None
    rival: float | None = None  # seconds

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def limit(self) -> float | None:
        return statistics.median(self.limits) if self.limits else None

    @property
    def ratio(self) -> float | None:
        return self.median / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.case.aim is None:
            return None
        limit = self.rival if self.case.aim.of_rival else self.limit
        return None if limit is None else self.case.aim.met(self.median, limit)


def measured(case: Case, repeat: int) -> Row:
    """The case's row. The limit is measured in turns with the work, so that what else the
    machine does meanwhile touches both. A first turn warms caches and does not count."""
    times, limits, counts = [], [], []
    for turn in range(repeat + 1):
        case.work.prepare()
        before = case.connections() if case.connections else 0
        seconds = sum(command.seconds() for command in case.work.commands())
        made = case.connections() - before if case.connections else 0
        limit = case.limit.seconds() if case.limit else 0.0
        if turn:
            times.append(seconds)
            limits.append(limit)
            counts.append(made)
    rival = case.rival()
    return Row(
        case,
        times,
        limits if case.limit else [],
        max(counts) if case.connections else None,
        rival.seconds() if rival else None,
    )
