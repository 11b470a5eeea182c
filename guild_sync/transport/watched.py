"""A program that is watched while it works: a copy, a stream, what is the user's to work with.

Through `sh`, whose defaults are set right here and nowhere else: no exception for an exit status,
no argv in its log. It gets pipes of our own: those of sh are a pseudo-terminal (which makes ssh
and rsync behave as if a person were watching), and sh reads by line or byte, and keeps it all.
Loading it takes 70 ms of CPU (bench/README.md), which nobody waits for who has called `prepare`.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from types import ModuleType
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn, Protocol, TextIO

from guild_sync.agent.facts.dying import die_with_parent
from guild_sync.errors import DeadlinePassed, GuildError
from guild_sync.transport import background, process
from guild_sync.transport.process import Completed

if TYPE_CHECKING:
    import socket

_QUIET = 1000  # milliseconds without output after which it is looked whether a program has ended
# Of who writes line by line each line would wake us, which costs as much as the line itself costs
# rsync: after so many pieces they are taken together, those of so many seconds.
MANY, TOGETHER = 100, 0.01
_WORDS = "guild_words"  # the codec for the words of a command line
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_NOT_THERE = (FileNotFoundError, NotADirectoryError, PermissionError)


@cache  # once is enough
def prepare() -> Future[ModuleType]:
    """Load what starts programs, in a thread, while something else is waited for."""
    return background.begun(_loaded)


def run(
    argv: Sequence[str],
    on_output: Callable[[bytes], None],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    forbidden: Callable[[], bool] | None = None,
    silence: float | None = None,
) -> Completed:
    """Run `argv`, handing each piece of its stdout to `on_output` as it comes; how it ended.

    It is not begun, or is killed, where `forbidden` says so, and `was_forbidden` is set. After so
    many seconds of `silence`, in which it has said, read and done nothing, it is killed, and
    `was_silent` is set.
    Raises GuildError where the program is not installed, and DeadlinePassed (`process.deadline`).
    """
    if forbidden and forbidden():
        return Completed(process.FORBIDDEN, b"", "")
    with (
        _at_work(argv, partial(process.feed, stdin), env=env, cwd=cwd) as program,
        _killed_where(program.command.pid, forbidden) as was_forbidden,
    ):
        is_silent = not program.hand_over(on_output, is_together=True, silence=silence)
        code = program.code()
    code = process.SILENT if is_silent else code
    code = process.FORBIDDEN if was_forbidden.is_set() else code
    return Completed(code, b"", program.stderr.text(code))


def stream(
    argv: Sequence[str], on_output: Callable[[bytes], None], *, first_line: bytes
) -> Completed:
    """As `run`, for what is to know of us: its stdin gets `first_line`, and ends only with us.

    What runs at the other end takes that to mean that nobody watches any more.
    """
    has_ended = threading.Event()
    with _at_work(argv, partial(process.feed, first_line, until=has_ended)) as program:
        try:
            program.hand_over(on_output)
            code = program.code()
        finally:
            has_ended.set()
    return Completed(code, b"", program.stderr.text())


def join(argv: Sequence[str], connection: socket.socket) -> Completed:
    """Run `argv` with what comes on `connection` as its stdin, and its stdout sent there.

    Either direction ends by itself, as those of a connection do; the program is ended where
    nobody is there any more to be sent to. `connection` is closed then.
    """
    import socket

    with connection, _at_work(argv, partial(_receive, connection)) as program:
        try:
            program.hand_over(connection.sendall)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            process.send(program.command.pid, signal.SIGTERM)
        code = program.code()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # what waits there for more to come goes on
        program.feeder.join()
    return Completed(code, b"", program.stderr.text())


def foreground(argv: Sequence[str], *, cwd: str | None = None) -> int:
    """Run `argv` as the shell would: on our own stdin, stdout and stderr; its exit status."""
    sys.stdout.flush()
    streams = _Streams(sys.stdin, sys.stdout, sys.stderr)
    # Of the terminal's own session, for a Ctrl-C and for an editor's keys.
    with _started(argv, streams, cwd=cwd, own_session=False) as command:
        return _exit_code(command)


def become(argv: Sequence[str]) -> NoReturn:
    """Have `argv` in our place: on our own terminal, with its own exit status and signals."""
    sys.stdout.flush()
    # Python ignores it, and what takes its place inherits that.
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(argv[0], list(argv))
    except _NOT_THERE:
        raise process.not_installed(argv[0]) from None
    finally:
        signal.signal(signal.SIGPIPE, before)


class _Command(Protocol):
    """What sh gives of a program that it has started."""

    pid: int

    @property
    def exit_code(self) -> int: ...

    def wait(self) -> object: ...

    def is_alive(self) -> bool: ...


class _Streams(NamedTuple):
    """What a program has for its standard streams."""

    stdin: int | TextIO
    stdout: int | TextIO
    stderr: int | TextIO


class _Program(NamedTuple):
    """A program at work: our end of its stdout, and who works with its other pipes."""

    command: _Command
    stdout: IO[bytes]
    stderr: process.Reader
    feeder: threading.Thread

    def hand_over(
        self,
        on_output: Callable[[bytes], None],
        *,
        is_together: bool = False,
        silence: float | None = None,
    ) -> bool:
        """Hand over its stdout up to the end: the pipe's, or its own where another holds that.

        With `is_together`, many small pieces of it come as fewer, and a moment later. False where
        it was killed after so many seconds of `silence`.
        """
        silent = None if silence is None else process.Silence(self.command.pid, silence)
        poller = select.poll()
        poller.register(self.stdout, select.POLLIN)
        pieces = 0
        while True:
            if poller.poll(_QUIET):
                if not (chunk := os.read(self.stdout.fileno(), process.CHUNK)):
                    return True
                on_output(chunk)
                if silent:
                    silent.heard()
                pieces += 1
                if is_together and pieces > MANY and len(chunk) < process.CHUNK:
                    time.sleep(TOGETHER)
            elif not self.command.is_alive():
                return True
            elif silent and silent.is_over(_QUIET / 1000):
                process.send(self.command.pid, signal.SIGKILL)
                return False

    def code(self) -> int:
        """Its exit status, once it has ended; what it says from now on is nobody's."""
        self.stdout.close()
        return _exit_code(self.command)


@contextmanager
def _at_work(
    argv: Sequence[str],
    feed: Callable[[IO[bytes]], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Iterator[_Program]:
    """`argv` at work; `feed` gets its stdin to write to and close, in a thread.

    It is ended where an error takes us out, or the deadline, which then raises DeadlinePassed.
    """
    left = process.seconds_left()
    with ExitStack() as ours, ExitStack() as theirs:

        def pipe(mode: str) -> tuple[int, IO[bytes]]:
            read_end, write_end = os.pipe()
            its, own = (write_end, read_end) if mode == "rb" else (read_end, write_end)
            theirs.callback(os.close, its)
            return its, ours.enter_context(os.fdopen(own, mode))

        (stdin, to_it), (stdout, of_it), (stderr, said) = pipe("wb"), pipe("rb"), pipe("rb")
        with _started(argv, _Streams(stdin, stdout, stderr), env=env, cwd=cwd) as command:
            theirs.close()
            ours.pop_all()  # each is closed by who works with it
            feeder = threading.Thread(target=feed, args=(to_it,), daemon=True)
            feeder.start()
            program = _Program(command, of_it, process.Reader(said), feeder)
            with of_it, process.killed_after(command.pid, left) as timed_out:
                yield program
    if timed_out.is_set():
        raise DeadlinePassed("the deadline has passed")


@contextmanager
def _started(
    argv: Sequence[str],
    streams: _Streams,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    own_session: bool = True,
) -> Iterator[_Command]:
    """`argv`, started; it and what it started is ended where an error (Ctrl-C) takes us out.

    Raises GuildError where there is no such program.
    """
    _sh()  # before what is imported here, which would wait where a Ctrl-C does harm
    with ExitStack() as forking:
        mask = forking.enter_context(process.forking())
        command = _begun(argv, streams, env, cwd, own_session, _prepared(mask, own_session))
        with _ended_on_error(command):
            forking.close()
            yield command


def _begun(
    argv: Sequence[str],
    streams: _Streams,
    env: Mapping[str, str] | None,
    cwd: str | None,
    own_session: bool,
    prepare: Callable[[], None],
) -> _Command:
    sh = _sh()
    for word in argv:
        word.encode(_WORDS)  # what the locale cannot say is told here, and not by a child
    try:
        command: _Command = sh.Command(argv[0])(
            *argv[1:],
            _in=streams.stdin,
            _out=streams.stdout,
            _err=streams.stderr,
            _env=env,
            _cwd=cwd,
            _encoding=_WORDS,
            _new_session=own_session,  # Ctrl-C reaches guild alone, which then ends its children
            _preexec_fn=prepare,
            _bg=True,
            _bg_exc=False,
        )
    except sh.CommandNotFound:
        raise process.not_installed(argv[0]) from None
    except sh.ForkException as e:
        raise _refused(argv[0], str(e)) from None
    return command


def _prepared(mask: set[int], own_session: bool) -> Callable[[], None]:
    """What sh's child does before it becomes its program: have Ctrl-C as we have it.

    The end of a terminal, which sh has it ignore, stays that: a proxy on the way of a connection
    that a person has opened on a terminal lives on with that.
    """
    # A guild that is killed must leave no rsync that writes under its successor.
    die = die_with_parent(signal.SIGTERM) if own_session else None

    def prepare() -> None:
        process.unforked(mask)
        if die:
            die()

    return prepare


def _refused(program: str, traceback: str) -> Exception:
    """Why the system does not start a program, from what sh's child has told: a traceback."""
    if not (numbers := _ERRNO.findall(traceback)):
        return GuildError(f"{program} cannot be started here")
    number = int(numbers[-1])
    error = OSError(number, os.strerror(number))
    return process.not_installed(program) if isinstance(error, _NOT_THERE) else error


def _sh() -> ModuleType:
    # Not by an import beside that of another thread: a Ctrl-C while this one waits there may leave
    # the module locked for all others, lanes among them.
    with suppress(Exception):  # whatever it was may be over
        return prepare().result()
    return _loaded()


def _loaded() -> ModuleType:
    import logging

    import sh

    # It logs each command line at INFO, and command lines may hold secrets.
    logging.getLogger("sh").setLevel(logging.WARNING)
    return sh


def _codec(name: str) -> codecs.CodecInfo | None:
    """Words as the system has them; sh asks for a codec, and Python's own know fewer of them."""
    if name != _WORDS:
        return None
    return codecs.CodecInfo(_encoded, codecs.latin_1_decode, name=_WORDS)


def _encoded(text: str, _: str = "strict") -> tuple[bytes, int]:
    return os.fsencode(text), len(text)


codecs.register(_codec)


def _receive(connection: socket.socket, pipe: IO[bytes]) -> None:
    with suppress(OSError), pipe:
        while chunk := connection.recv(process.CHUNK):
            pipe.write(chunk)
            pipe.flush()


def _exit_code(command: _Command) -> int:
    with suppress(_sh().ErrorReturnCode):  # `_ok_code` keeps not each version from raising it
        command.wait()
    return int(command.exit_code)


@contextmanager
def _killed_where(pid: int, forbidden: Callable[[], bool] | None) -> Iterator[threading.Event]:
    """Kill the program, and what it started, once `forbidden` says so; the event tells of it."""
    was_forbidden, has_ended = threading.Event(), threading.Event()

    def look(is_over: Callable[[], bool]) -> None:
        while not has_ended.wait(process.LOOK_SECONDS):
            if is_over():
                was_forbidden.set()
                process.send(pid, signal.SIGKILL)
                return

    if forbidden:
        threading.Thread(target=look, args=(forbidden,), daemon=True).start()
    try:
        yield was_forbidden
    finally:
        has_ended.set()


@contextmanager
def _ended_on_error(command: _Command) -> Iterator[None]:
    """End the program and what it started, whatever takes us out of here (Ctrl-C most often)."""
    try:
        yield
    except BaseException:
        process.send(command.pid, signal.SIGTERM)
        until = time.monotonic() + process.END_SECONDS
        while command.is_alive():
            if time.monotonic() > until:
                process.send(command.pid, signal.SIGKILL)
                break
            time.sleep(process.LOOK_SECONDS)
        raise
