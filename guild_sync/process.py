"""The one gate to other programs: run one, and see what it said and how it ended.

Everything goes through `sh`, whose defaults are set right here and nowhere else: no
pseudo-terminal (a tty makes ssh and rsync behave as if a person were watching), bytes
instead of decoded text, no exception for an exit status, no argv in its log.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import sh

from guild_sync.agent.children import die_with_parent
from guild_sync.errors import DeadlinePassed, GuildError

# sh logs each command line at INFO, and command lines may hold secrets.
logging.getLogger("sh").setLevel(logging.WARNING)

TIMED_OUT = -1000
TOO_MUCH = -1001
MAX_OUTPUT = 1 << 28  # bytes; a program that is read whole and prints more is ended
_ALL_EXIT_CODES = range(-64, 256)
_CHUNK = 65536
END_SECONDS = 5.0


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


class _Bounded(BytesIO):
    """Keeps so much of what is written to it, and tells once there is more."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = threading.Event()
        self.on_full: Callable[[], None] = lambda: None

    def write(self, data: Any) -> int:
        if self.tell() + len(data) <= MAX_OUTPUT:
            return super().write(data)
        if not self.is_full.is_set():
            self.is_full.set()
            self.on_full()
        return len(data)


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


def _seconds_left() -> float | None:
    """The seconds until this thread's deadline. Raises DeadlinePassed where there are none."""
    moment = getattr(_limit, "moment", None)
    if moment is None:
        return None
    if (left := float(moment) - time.monotonic()) <= 0:
        raise DeadlinePassed("the deadline has passed")
    return left


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Return how `argv` ended. After `timeout` seconds it is killed, and `timed_out` is set.

    Raises GuildError where the program is not installed, and DeadlinePassed (`deadline`).
    """
    left = _seconds_left()
    seconds = min((s for s in (timeout, left) if s is not None), default=None)
    out = _Bounded()
    command = _start(argv, stdin=stdin, out=out, env=env)
    out.on_full = partial(_kill, command)
    with _ended_on_error(command), _killed_after(command, seconds) as timed_out:
        code = _exit_code(command)
    if timed_out.is_set():
        _seconds_left()
        code = TIMED_OUT
    if out.is_full.is_set():
        code = TOO_MUCH
    return Completed(code, out.getvalue(), _stderr(command))


def stream(
    argv: Sequence[str],
    on_output: Callable[[bytes], None],
    *,
    first_line: bytes,
    keep_open: bool = True,
) -> Completed:
    """Run `argv`, handing each piece of its stdout to `on_output` as it comes.

    Its stdin gets `first_line`, and where it is kept open it ends only with us: what
    runs at the other end takes that to mean that nobody watches any more.
    """
    stdin: queue.Queue[bytes | None] = queue.Queue()
    stdin.put(first_line)
    if not keep_open:
        stdin.put(None)
    left = _seconds_left()
    # A pipe of our own: sh hands over a callback's output byte by byte or line by line.
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as output:
        try:
            command = _start(argv, stdin=stdin, out=write_end)
        finally:
            os.close(write_end)
        with _ended_on_error(command), _killed_after(command, left) as timed_out:
            while chunk := output.read(_CHUNK):
                on_output(chunk)
            code = _exit_code(command)
    if timed_out.is_set():
        _seconds_left()
    return Completed(code, b"", _stderr(command))


def foreground(argv: Sequence[str], *, cwd: str | None = None) -> int:
    """Run `argv` as the shell would: on our own stdin, stdout and stderr; its exit status."""
    sys.stdout.flush()
    with _installed(argv[0]):
        program: Any = sh.Command(argv[0])
        command = program(
            *argv[1:],
            _in=sys.stdin,
            _out=sys.stdout,
            _err=sys.stderr,
            _cwd=cwd,
            _ok_code=_ALL_EXIT_CODES,
            _new_session=False,  # it is the terminal's, for a Ctrl-C and for an editor's keys
            _preexec_fn=_end_where_nobody_reads,
            _bg=True,
            _bg_exc=False,
        )
    with _ended_on_error(command):
        return _exit_code(command)


def _end_where_nobody_reads() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and children inherit that


@contextmanager
def _installed(program: str) -> Iterator[None]:
    try:
        yield
    except sh.CommandNotFound:
        raise GuildError(
            f"{program} is not installed here", f"Install it, for example: apt install {program}"
        ) from None


def _start(
    argv: Sequence[str],
    *,
    stdin: object,
    out: BytesIO | int,
    env: Mapping[str, str] | None = None,
) -> Any:
    bufsize = {} if isinstance(out, int) else {"_out_bufsize": _CHUNK}
    with _installed(argv[0]):
        program: Any = sh.Command(argv[0])
        return program(
            *argv[1:],
            _in=stdin,
            _out=out,
            _err_bufsize=_CHUNK,
            _tty_out=False,
            _ok_code=_ALL_EXIT_CODES,
            # A guild that is killed must leave no rsync that writes under its successor.
            _preexec_fn=die_with_parent(signal.SIGTERM),
            _new_session=True,  # Ctrl-C reaches guild alone, which then ends its children
            _bg=True,
            _bg_exc=False,
            _env=None if env is None else dict(env),
            **bufsize,
        )


def _exit_code(command: Any) -> int:
    command.wait()
    return int(command.exit_code)


@contextmanager
def _killed_after(command: Any, seconds: float | None) -> Iterator[threading.Event]:
    """Kill the program, and what it started, after so many seconds; the event tells of it.

    sh's own `_timeout` looks only every 0.1 s whether the program has ended, which each
    call of a short program would wait for.
    """
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        _kill(command)

    timer = threading.Timer(seconds or 0, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield timed_out
    finally:
        timer.cancel()


def _kill(command: Any) -> None:
    """Kill the program, and what it started."""
    with suppress(ProcessLookupError):
        command.signal_group(signal.SIGKILL)


def _stderr(command: Any) -> str:
    return bytes(command.stderr).decode("utf-8", "replace")


@contextmanager
def _ended_on_error(command: Any) -> Iterator[None]:
    """End the program and what it started, whatever takes us out of here (Ctrl-C most often)."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            command.signal_group(signal.SIGTERM)
        try:
            command.wait(timeout=END_SECONDS)
        except sh.TimeoutException:
            with suppress(ProcessLookupError):
                command.signal_group(signal.SIGKILL)
        raise
