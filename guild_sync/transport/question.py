"""Short questions to another program: what it said, and how it ended, or what it says next.

Through `subprocess`, which is there in no time: most commands only ask, and start nothing else.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

from guild_sync.agent.facts.dying import die_with_parent
from guild_sync.transport import process
from guild_sync.transport.process import Completed


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    most: int | None = None,
) -> Completed:
    """Return how `argv` ended. After `timeout` seconds it is killed, and `timed_out` is set.

    Of its stdout the first `most` bytes are kept; without `most` all of it, and a program that
    prints more than anybody asks for is killed, and `said_too_much` is set.
    Raises GuildError where the program is not installed, and DeadlinePassed (`process.deadline`).
    """
    left = process.seconds_left()
    seconds = min((s for s in (timeout, left) if s is not None), default=None)
    program = _begun(argv, env)
    assert program.stdin and program.stdout and program.stderr
    with _ended_on_error(program), process.killed_after(program.pid, seconds) as timed_out:
        err = process.Reader(program.stderr)
        threading.Thread(target=process.feed, args=(stdin, program.stdin), daemon=True).start()
        kill = partial(process.send, program.pid, signal.SIGKILL)
        out = process.Reader(
            program.stdout,
            process.MAX_OUTPUT if most is None else most,
            kill if most is None else None,
        )
        code = program.wait()
        stdout, stderr = out.rest(process.REST_OF_STDOUT), err.text()
    if out.is_full and most is None:
        code = process.TOO_MUCH
    if timed_out.is_set():
        process.seconds_left()
        code = process.TIMED_OUT
    return Completed(code, stdout, stderr)


class Dialogue:
    """A program that answers what it is told, again and again, until it is told no more.

    It is one thread's, and ends with that.
    """

    def __init__(self, argv: Sequence[str], ending: Sequence[str] = ()) -> None:
        """`ending`: words in front that have it end with us (`programs.ending_with_us`).

        Raises GuildError where it is not installed, and DeadlinePassed (`process.deadline`).
        """
        process.seconds_left()
        self._program = _begun(argv, ending=ending)
        assert self._program.stdin and self._program.stdout and self._program.stderr
        self._in, self._out = self._program.stdin, self._program.stdout
        self._err = process.Reader(self._program.stderr)
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._unsent = bytearray()
        self._is_told_no_more = False

    def tell(self, data: bytes, more: bool = True) -> None:
        """Have it be told something, while it is listened to; whether it may be told more."""
        self._unsent += data
        self._is_told_no_more = not more

    def heard(self, seconds: float) -> bytes | None:
        """The next piece of its stdout, empty at the end; None where none comes in time.

        Raises DeadlinePassed (`process.deadline`).
        """
        until = time.monotonic() + seconds
        while True:
            left, limit = until - time.monotonic(), process.seconds_left()
            if left <= 0:
                return None
            poll = select.poll()
            poll.register(self._out, select.POLLIN)
            if not self._in.closed and (self._unsent or self._is_told_no_more):
                poll.register(self._in, select.POLLOUT)
            ready = {fd for fd, _ in poll.poll(1000 * min(left, left if limit is None else limit))}
            if self._out.fileno() in ready:
                return os.read(self._out.fileno(), process.CHUNK)
            if ready:
                self._send()

    def end(self, seconds: float) -> Completed:
        """Have it end by itself; how it did, and what it has said that nobody heard.

        After so many seconds it is killed. Raises DeadlinePassed (`process.deadline`).
        """
        self._in.close()
        with _ended_on_error(self._program):
            limit = process.seconds_left()
            limit = seconds if limit is None else min(seconds, limit)
            with process.killed_after(self._program.pid, limit) as timed_out:
                code = self._program.wait()
            if timed_out.is_set():
                process.seconds_left()
        rest = bytearray()
        with self._out, suppress(BlockingIOError):
            while piece := os.read(self._out.fileno(), process.CHUNK):
                rest += piece
        return Completed(code, bytes(rest), self._err.text())

    def kill(self) -> None:
        """End it and what it started, wherever it is."""
        _end(self._program)
        self._in.close()
        self._out.close()

    def _send(self) -> None:
        try:
            if self._unsent:
                del self._unsent[: os.write(self._in.fileno(), self._unsent[: process.CHUNK])]
        except BrokenPipeError:  # it hears no more; what it said of that is still to come
            self._unsent.clear()
            self._is_told_no_more = True
        if self._is_told_no_more and not self._unsent:
            self._in.close()


def _begun(
    argv: Sequence[str], env: Mapping[str, str] | None = None, ending: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """The program, with a pipe at each end. Raises GuildError where it cannot be started."""
    # One that goes on where guild was killed would work beside guild's successor.
    die = None if ending else die_with_parent(signal.SIGTERM)
    try:
        # Without such a step it becomes its program before anything of ours is done there.
        with process.forking() if die else nullcontext(set[int]()) as mask:
            return subprocess.Popen(
                (*ending, *argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                preexec_fn=partial(_prepare, mask, die) if die else None,
                start_new_session=True,  # Ctrl-C reaches guild alone, which then ends its children
            )
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise process.not_installed(argv[0]) from None


def _prepare(mask: set[int], die: Callable[[], None]) -> None:
    process.unforked(mask)
    die()


@contextmanager
def _ended_on_error(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the program and what it started, whatever takes us out of here (Ctrl-C most often)."""
    try:
        yield
    except BaseException:
        _end(program)
        raise


def _end(program: subprocess.Popen[bytes]) -> None:
    process.send(program.pid, signal.SIGTERM)
    try:
        program.wait(timeout=process.END_SECONDS)
    except subprocess.TimeoutExpired:
        process.send(program.pid, signal.SIGKILL)
