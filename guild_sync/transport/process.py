"""How other programs end, and what bounds them: how long they take, how much they say.

`question.run` asks a program and has its answer; `watched.run` and its kin are for one that is
watched while it works. What is here starts none, and knows neither of the libraries that do.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, NamedTuple

from guild_sync.agent.facts import by_proc
from guild_sync.errors import DeadlinePassed, GuildError

TIMED_OUT = -1000
TOO_MUCH = -1001
FORBIDDEN = -1002
SILENT = -1003
MAX_OUTPUT = 1 << 28  # bytes; a program that is read whole and prints more is ended
MOST_STDERR = 1 << 20  # bytes that are kept of it
CHUNK = 65536
END_SECONDS = 5.0  # that a program has to end by itself, once it was told to
LOOK_SECONDS = 0.1  # between two looks at whether a program may go on, or has ended
# For what is in a pipe still after its program has ended, where somebody else holds it open.
REST_OF_STDOUT, REST_OF_STDERR = 2.0, 0.3  # seconds
REST_OF_FAILED = 3.0  # of its stderr, of one that starts others: these may say why

_CARRIER = "ssh"  # of what a program reads and says


class Completed(NamedTuple):
    """How a program ended: its exit status (negative: the signal), stdout, stderr."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def timed_out(self) -> bool:
        return self.code == TIMED_OUT

    @property
    def said_too_much(self) -> bool:
        return self.code == TOO_MUCH

    @property
    def was_forbidden(self) -> bool:
        return self.code == FORBIDDEN

    @property
    def was_silent(self) -> bool:
        return self.code == SILENT


class Silence:
    """Whether a program, and what it started, have said, read and done nothing for some seconds.

    An ssh is not asked: it reads what keeps its connection up, and what it has for the program is
    read by that. It is never so where a system does not tell what they do: Linux does.
    """

    def __init__(self, pid: int, seconds: float) -> None:
        self._pid = pid
        self._seconds = seconds
        self._work: tuple[int, int] | None = None
        self._passed = 0.0

    def heard(self) -> None:
        """The program has said something."""
        self._work = None

    def is_over(self, passed: float) -> bool:
        """Whether it is so, as many seconds after the last time that this was asked.

        Nobody asks while we are stopped ourselves, or have not taken what the program has said.
        """
        work = by_proc.work_of(self._pid, but=_CARRIER)
        is_quiet = work is not None and work == self._work
        self._work, self._passed = work, self._passed + passed if is_quiet else 0.0
        return self._passed >= self._seconds


@contextmanager
def forking() -> Iterator[set[int]]:
    """Keep from this thread, while it forks, the signals that have handlers; the mask before.

    Between its fork and its program a child is Python as we are: a Ctrl-C would raise there, and
    whatever else has a handler would be done there, too. `unforked` has the child as it should be.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _handled())
    try:
        yield mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def unforked(mask: set[int]) -> None:
    """What a child does before it becomes its program: have no handler of ours, and that mask."""
    for number in _handled():
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _handled() -> list[int]:
    return [number for number in _signals() if callable(signal.getsignal(number))]


@cache
def _signals() -> tuple[int, ...]:
    """The numbers that there are, without the names that are looked up with each."""
    return tuple(map(int, signal.valid_signals()))


class Reader(threading.Thread):
    """Reads a pipe to its end, and closes it; keeps so much of it.

    `on_full` is called once there is more.
    """

    def __init__(
        self, pipe: IO[bytes], most: int = MOST_STDERR, on_full: Callable[[], None] | None = None
    ) -> None:
        super().__init__(daemon=True)
        self.is_full = False
        self._pipe = pipe
        self._most = most
        self._on_full = on_full
        self._read = bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), CHUNK):
                room = self._most - len(self._read)
                self._read += chunk[:room]
                if len(chunk) > room and not self.is_full:
                    self.is_full = True
                    if self._on_full:
                        self._on_full()

    def rest(self, seconds: float) -> bytes:
        """What was read, after its program has ended.

        Not up to the pipe's end at any price: an older ssh that stays as the connection's
        master keeps its stderr open.
        """
        self.join(seconds)
        return bytes(self._read)

    def text(self, code: int = 0) -> str:
        """As `rest`, of a program's stderr; of one that starts others with its exit status."""
        seconds = REST_OF_FAILED if code else REST_OF_STDERR
        return self.rest(seconds).decode("utf-8", "replace")


_limit = threading.local()


@contextmanager
def deadline(moment: float | None) -> Iterator[None]:
    """Within, every program that this thread starts ends at `moment`, in monotonic seconds.

    The call that has waited for it then raises DeadlinePassed; so does one that would start
    a program later. None sets no limit.
    """
    before = getattr(_limit, "moment", None)
    _limit.moment = moment
    try:
        yield
    finally:
        _limit.moment = before


def seconds_left() -> float | None:
    """The seconds until this thread's deadline. Raises DeadlinePassed where there are none."""
    moment = getattr(_limit, "moment", None)
    if moment is None:
        return None
    if (left := float(moment) - time.monotonic()) <= 0:
        raise DeadlinePassed("the deadline has passed")
    return left


@contextmanager
def killed_after(pid: int, seconds: float | None) -> Iterator[threading.Event]:
    """Kill the program, and what it started, after so many seconds; the event tells of it."""
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        send(pid, signal.SIGKILL)

    timer = threading.Timer(seconds or 0, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield timed_out
    finally:
        timer.cancel()


def send(pid: int, number: int) -> None:
    """Send a signal to the program of a session of its own, and to what it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def not_installed(program: str) -> GuildError:
    if os.sep in program:
        return GuildError(f"{program} is no program that is here", "Name another.")
    return GuildError(
        f"{program} is not installed here", f"Install it, for example: apt install {program}"
    )


def feed(data: bytes, pipe: IO[bytes], until: threading.Event | None = None) -> None:
    """Write to a program's stdin, and end it, or have it end with `until`; who reads may not."""
    with suppress(BrokenPipeError), pipe:
        pipe.write(data)
        pipe.flush()
        if until:
            until.wait()
