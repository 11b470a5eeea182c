"""The one gate to other programs: run one, and see what it said and how it ended.

What is watched for as long as the user likes, or is the user's to work with, goes through
`sh`, whose defaults are set right here and nowhere else: no pseudo-terminal (a tty makes ssh
and rsync behave as if a person were watching), bytes instead of decoded text, no exception
for an exit status, no argv in its log. What a sync needs does without: importing sh takes
80 ms of CPU, nearly as much as all else that guild does in one (bench/README.md).
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from guild_sync.agent.machine.children import die_with_parent
from guild_sync.agent.store import identity
from guild_sync.errors import DeadlinePassed, GuildError

if TYPE_CHECKING:
    import socket

TIMED_OUT = -1000
TOO_MUCH = -1001
FORBIDDEN = -1002
MAX_OUTPUT = 1 << 28  # bytes; a program that is read whole and prints more is ended
_ALL_EXIT_CODES = range(-64, 256)
_CHUNK = 65536
_MOST_STDERR = 1 << 20  # bytes that are kept of it
END_SECONDS = 5.0
_LOOK_SECONDS = 0.1  # between two looks at whether a program may go on, or has ended
# For what is in a pipe still after its program has ended, where somebody else holds it open.
_REST_OF_STDOUT, _REST_OF_STDERR = 2.0, 0.3  # seconds


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


class _Reader(threading.Thread):
    """Reads a pipe to its end, and keeps so much of it; `on_full` is called once there is more."""

    def __init__(self, pipe: IO[bytes], most: int, on_full: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.is_full = False
        self._pipe = pipe
        self._most = most
        self._on_full = on_full
        self._read = bytearray()
        self.start()

    def run(self) -> None:
        while chunk := os.read(self._pipe.fileno(), _CHUNK):
            if len(self._read) + len(chunk) <= self._most:
                self._read += chunk
            elif not self.is_full:
                self.is_full = True
                self._on_full()

    def rest(self, seconds: float) -> bytes:
        """What was read, after its program has ended.

        Not up to the pipe's end at any price: an older ssh that stays as the connection's
        master keeps its stderr open.
        """
        self.join(seconds)
        if not self.is_alive():
            self._pipe.close()
        return bytes(self._read)


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


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    on_output: Callable[[bytes], None] | None = None,
    forbidden: Callable[[], bool] | None = None,
) -> Completed:
    """Return how `argv` ended. After `timeout` seconds it is killed, and `timed_out` is set.

    With `on_output`, that is handed each piece of stdout as it comes, and none is kept. It is not
    begun, or is killed, where `forbidden` says so, and `was_forbidden` is set.
    Raises GuildError where the program is not installed, and DeadlinePassed (`deadline`).
    """
    left = seconds_left()
    seconds = min((s for s in (timeout, left) if s is not None), default=None)
    if forbidden and forbidden():
        return Completed(FORBIDDEN, b"", "")
    try:
        program = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
            # As `_start`, for the same reasons.
            preexec_fn=die_with_parent(signal.SIGTERM),
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise _not_installed(argv[0]) from None
    assert program.stdin and program.stdout and program.stderr
    with (
        _ended_on_error(program),
        _killed_after(program.pid, seconds) as timed_out,
        _killed_where(program.pid, forbidden) as was_forbidden,
    ):
        err = _Reader(program.stderr, _MOST_STDERR, lambda: None)
        threading.Thread(target=_feed, args=(program.stdin, stdin), daemon=True).start()
        if on_output is None:
            kill = partial(_signal, program.pid, signal.SIGKILL)
            out = _Reader(program.stdout, MAX_OUTPUT, kill)
            code = program.wait()
            stdout = out.rest(_REST_OF_STDOUT)
            code = TOO_MUCH if out.is_full else code
        else:
            with program.stdout:
                _hand_over(program.stdout, on_output)
            code, stdout = program.wait(), b""
        stderr = err.rest(_REST_OF_STDERR)
    if timed_out.is_set():
        seconds_left()
        code = TIMED_OUT
    elif was_forbidden.is_set():
        code = FORBIDDEN
    return Completed(code, stdout, stderr.decode("utf-8", "replace"))


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with suppress(BrokenPipeError), pipe:
        pipe.write(data)


def _hand_over(pipe: IO[bytes], on_output: Callable[[bytes], None]) -> None:
    while chunk := os.read(pipe.fileno(), _CHUNK):
        on_output(chunk)


def _sh() -> ModuleType:
    import sh

    # It logs each command line at INFO, and command lines may hold secrets.
    logging.getLogger("sh").setLevel(logging.WARNING)
    return sh


def stream(
    argv: Sequence[str], on_output: Callable[[bytes], None], *, first_line: bytes
) -> Completed:
    """Run `argv`, handing each piece of its stdout to `on_output` as it comes.

    Its stdin gets `first_line`, and ends only with us: what runs at the other end takes
    that to mean that nobody watches any more.
    """
    stdin: queue.Queue[bytes] = queue.Queue()
    stdin.put(first_line)
    left = seconds_left()
    # A pipe of our own: sh hands over a callback's output byte by byte or line by line.
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as output:
        try:
            command = _start(argv, stdin=stdin, out=write_end)
        finally:
            os.close(write_end)
        with _ended_on_error(command), _killed_after(command.pid, left) as timed_out:
            _hand_over(output, on_output)
            code = _exit_code(command)
    if timed_out.is_set():
        seconds_left()
    return Completed(code, b"", _stderr(command))


def foreground(argv: Sequence[str], *, cwd: str | None = None) -> int:
    """Run `argv` as the shell would: on our own stdin, stdout and stderr; its exit status."""
    sys.stdout.flush()
    command = _found(argv[0])(
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


def become(argv: Sequence[str]) -> NoReturn:
    """Have `argv` in our place: on our own terminal, with its own exit status and signals."""
    sys.stdout.flush()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as in _end_where_nobody_reads
    try:
        os.execvp(argv[0], list(argv))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise _not_installed(argv[0]) from None
    finally:
        signal.signal(signal.SIGPIPE, before)


def join(argv: Sequence[str], connection: socket.socket) -> Completed:
    """Run `argv` with what comes on `connection` as its stdin, and its stdout sent there.

    Either direction ends by itself, as those of a connection do; the program is ended where
    nobody is there any more to be sent to. `connection` is closed then.
    """
    import socket

    with connection:
        program = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent(signal.SIGTERM),
            start_new_session=True,
        )
        assert program.stdin and program.stdout and program.stderr
        err = _Reader(program.stderr, _MOST_STDERR, lambda: None)
        receiver = threading.Thread(target=_receive, args=(connection, program.stdin), daemon=True)
        receiver.start()
        try:
            with program.stdout:
                _hand_over(program.stdout, connection.sendall)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            _signal(program.pid, signal.SIGTERM)
        code = program.wait()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # what waits there for more to come goes on
        receiver.join()
    return Completed(code, b"", err.rest(_REST_OF_STDERR).decode("utf-8", "replace"))


def _receive(connection: socket.socket, pipe: IO[bytes]) -> None:
    with suppress(OSError), pipe:
        while chunk := connection.recv(_CHUNK):
            pipe.write(chunk)
            pipe.flush()


def _end_where_nobody_reads() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and children inherit that


def _found(program: str) -> Any:
    sh = _sh()
    try:
        return sh.Command(program)
    except sh.CommandNotFound:
        raise _not_installed(program) from None


def _not_installed(program: str) -> GuildError:
    return GuildError(
        f"{program} is not installed here", f"Install it, for example: apt install {program}"
    )


def _start(argv: Sequence[str], *, stdin: object, out: int) -> Any:
    return _found(argv[0])(
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
    )


def _exit_code(command: Any) -> int:
    command.wait()
    return int(command.exit_code)


@contextmanager
def _killed_after(pid: int, seconds: float | None) -> Iterator[threading.Event]:
    """Kill the program, and what it started, after so many seconds; the event tells of it.

    sh's own `_timeout` looks only every 0.1 s whether the program has ended, which each
    call of a short program would wait for.
    """
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        _signal(pid, signal.SIGKILL)

    timer = threading.Timer(seconds or 0, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield timed_out
    finally:
        timer.cancel()


@contextmanager
def _killed_where(pid: int, forbidden: Callable[[], bool] | None) -> Iterator[threading.Event]:
    """Kill the program, and what it started, once `forbidden` says so; the event tells of it."""
    was_forbidden, has_ended = threading.Event(), threading.Event()

    def look(is_over: Callable[[], bool]) -> None:
        while not has_ended.wait(_LOOK_SECONDS):
            if is_over():
                was_forbidden.set()
                _signal(pid, signal.SIGKILL)
                return

    if forbidden:
        threading.Thread(target=look, args=(forbidden,), daemon=True).start()
    try:
        yield was_forbidden
    finally:
        has_ended.set()


def _signal(pid: int, number: int) -> None:
    """Send a signal to the program of a session of its own, and to what it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _stderr(command: Any) -> str:
    return bytes(command.stderr).decode("utf-8", "replace")


@contextmanager
def _ended_on_error(program: Any) -> Iterator[None]:
    """End the program and what it started, whatever takes us out of here (Ctrl-C most often)."""
    try:
        yield
    except BaseException:
        _signal(program.pid, signal.SIGTERM)
        if not _has_ended(program, END_SECONDS):
            _signal(program.pid, signal.SIGKILL)
        raise


def _has_ended(program: Any, seconds: float) -> bool:
    """Whether a program of subprocess's, or one of sh's, ends within so many seconds."""
    if isinstance(program, subprocess.Popen):
        with suppress(subprocess.TimeoutExpired):
            program.wait(timeout=seconds)
        return program.returncode is not None
    # Not as sh has it: what took us here may have kept it from learning of the end.
    until, start = time.monotonic() + seconds, identity.start_time(program.pid)
    while start is not None and identity.start_time(program.pid) == start:
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
