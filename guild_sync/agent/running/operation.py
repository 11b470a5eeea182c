"""An operation as a process: started, its output passed on, its end awaited."""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import time
from types import FrameType, TracebackType
from typing import (
    TYPE_CHECKING,
    BinaryIO,
    Callable,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Type,
)

from ..errors import AgentError, Exhausted
from ..facts import ends
from ..facts.dying import die_with_parent
from ..facts.telling import Untold
from ..machine import operation_process, processes
from ..protocol import LOST, STALLED, TIME_LIMIT
from ..store import identity, rundir
from ..store.identity import Identity

if TYPE_CHECKING:
    from ..scalars.collecting import Collector
    from .limits import Limits

_CHUNK = 65536
COMMAND_NOT_FOUND = 127  # as a shell says it
NUL = "a word or a variable has a NUL in it"  # why the kernel starts no such program
_POLL = 0.05  # seconds between looks where no event tells of an end
_COSTLY = 1.0  # the same where a look starts a program
_AFTER_KILL = 5.0  # seconds for what was killed to be gone


class Ended(NamedTuple):
    """How an operation has ended; a negative exit status is the signal that ended it."""

    code: int
    is_told: bool = False  # by a signal that this process got
    ended_by: str = ""  # the limit that it has reached

    @property
    def is_out_of_time(self) -> bool:
        return self.ended_by.startswith(TIME_LIMIT)

    @property
    def has_stalled(self) -> bool:
        return self.ended_by.startswith(STALLED)


class Output:
    """Where an operation's output goes: the run's file, and a terminal if there is one."""

    def __init__(
        self, file: BinaryIO, echo: Optional[int], scalars: Optional[Collector] = None
    ) -> None:
        self._file = file
        self._scalars = scalars
        self._echo = echo
        self._lost = False

    def __call__(self, data: bytes) -> None:
        try:
            if self._lost:
                self._file.write(b"\n%s\n" % LOST.encode())
            self._file.write(data)
            self._file.flush()
            self._lost = False
            if self._scalars:
                self._scalars.grown(len(data))
        except OSError:  # a full disk must not end an operation that can go on
            self._lost = True
            if self._scalars:
                self._scalars.lose()
        if self._echo is not None:
            try:
                os.write(self._echo, data)
            except OSError:  # the terminal is gone; the operation goes on
                self._echo = None

    def pause(self) -> Optional[float]:
        """Seconds until `look` has something to do if no output comes before; None: nothing."""
        return self._scalars.pause() if self._scalars else None

    def look(self, is_idle: bool) -> None:
        """Have some of the output be read for scalars; `is_idle`: no more of it waits."""
        if self._scalars:
            self.lines(self._scalars.look(is_idle))

    def lines(self, texts: Sequence[str]) -> None:
        """As `line`, of each."""
        for text in texts:
            self.line(text)

    def line(self, text: str) -> None:
        """What guild itself says in the output of a run."""
        self(b"guild: %s\n" % text.encode("utf-8", "replace"))


class Told:
    """Whether this process was told to end while no operation was there to be told."""

    def __init__(self) -> None:
        self.signal = 0

    def __enter__(self) -> "Told":
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        ending = (*processes.ENDING, signal.SIGQUIT)
        self._handlers = {s: signal.signal(s, self._note) for s in ending}
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        os.close(self._wake)
        os.close(self._waker)

    def _note(self, signum: int, _frame: Optional[FrameType]) -> None:
        self.signal = self.signal or (signal.SIGKILL if signum == signal.SIGQUIT else signum)
        try:
            os.write(self._waker, b"x")
        except BlockingIOError:
            pass

    def wait(self, seconds: float) -> None:
        """Return after so long, or when told to end."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self.signal and (left := until - time.monotonic()) > 0:
            poll.poll(min(left, processes.LONGEST_WAIT) * 1000)


def operate(
    directory: str,
    argv: List[str],
    variables: Dict[str, str],
    pass_on: Output,
    on_start: Callable[[], None],
    stdin: int = subprocess.DEVNULL,
    ends_its_own: bool = False,
    is_stoppable: bool = False,
    limits: Optional[Limits] = None,
    handles: Sequence[int] = (),
) -> Ended:
    """Start the operation, pass its output on until all of it has ended; how it did.

    `ends_its_own`: what it started in sessions of their own, it ends by itself.
    `is_stoppable`: told to end, or ended as one tells a process to, it has done its work: 0;
    not so one that has stalled. It inherits `handles`.
    """
    # One pipe for stdout and stderr is what keeps them in their order.
    read_end, write_end = os.pipe()
    wake_read, wake_write = os.pipe()
    for fd in (read_end, wake_read, wake_write):
        os.set_blocking(fd, False)
    work = _Work(os.fstat(read_end).st_ino, ends_its_own)
    handlers = {s: signal.signal(s, work.forward) for s in (*processes.ENDING, signal.SIGQUIT)}
    # The operation's end is an event like its output: SIGCHLD makes wake_read readable.
    handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    wakeup = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    try:
        try:
            operation = subprocess.Popen(
                argv,
                env=variables,
                cwd=directory,
                stdin=stdin,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                preexec_fn=die_with_parent(),
                pass_fds=handles,
            )
        except (OSError, ValueError) as e:
            why = e.strerror if isinstance(e, OSError) else NUL
            pass_on.line("cannot run %s: %s" % (argv[0], why))
            on_start()
            return Ended(COMMAND_NOT_FOUND, work.is_told)
        finally:
            os.close(write_end)
        work.began(operation.pid)
        if limits:
            limits.begin(operation.pid)
        operation_process.record(rundir.guild_dir(directory), operation.pid, work.pipe)
        on_start()
        _pump(work, read_end, wake_read, pass_on, limits)
        code = operation.wait()
    finally:
        signal.set_wakeup_fd(wakeup)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        for fd in (read_end, wake_read, wake_write):
            os.close(fd)
    return _ended(code, work, limits.ended_by if limits else "", is_stoppable)


def _ended(code: int, work: _Work, ended_by: str, is_stoppable: bool) -> Ended:
    """How an operation has ended, whose first process ended so."""
    ended = Ended(code, work.is_told, ended_by)
    if is_stoppable and not ended.has_stalled and (work.stopped_by or -code in processes.ENDING):
        return ended._replace(code=0)
    # An operation that was told to end is terminated, however politely it ended.
    return ended._replace(code=-work.stopped_by[0]) if work.stopped_by and code >= 0 else ended


class _Work:
    """An operation and all that it started: what of it lives, and signals for it."""

    def __init__(self, pipe: int, ends_its_own: bool) -> None:
        self.pipe = pipe  # its inode: who holds it may still write output
        self.stopped_by: List[int] = []
        self.is_told = False  # by a signal that this process got
        self._ends_its_own = ends_its_own
        self._pid: Optional[int] = None
        self._below: List[Identity] = []
        self._told_rest = 0  # the signals that what it left behind has got, too

    def began(self, pid: int) -> None:
        """Its first process is there; it gets the signal that came while it was being started."""
        self._pid = pid
        if self.stopped_by:
            processes.signal_group(pid, self.stopped_by[-1])

    def forward(self, signum: int, _frame: Optional[FrameType]) -> None:
        """Pass a signal of the runner's on."""
        self.is_told = True
        # A runner that is killed cannot tell how its operation ended: it kills it itself.
        self.end(signal.SIGKILL if signum == signal.SIGQUIT else signum)

    def end(self, signum: int) -> None:
        """Tell the operation to end."""
        self.stopped_by.append(signum)
        if self._pid is not None:
            self._note_below()
            # It is not waited for before all has ended: nobody else has its number meanwhile.
            processes.signal_group(self._pid, signum)

    def _note_below(self) -> None:
        """Where nobody tells who holds its output: have what is below it now be told to end, too.

        Once its first process has ended, what left its session is below nobody that is known.
        """
        if not self._below and self._pid is not None and not processes.tell_of_writers():
            try:
                self._below = processes.below(self._pid)
            except AgentError:  # there is no ps, or not for now
                pass

    @property
    def has_ended(self) -> bool:
        """Whether its first process has ended."""
        return self._pid is None or ends.has_ended(self._pid)

    def lives_on(self) -> List[Identity]:
        """What lives in its session; what has left that, and its output, is a daemon."""
        return processes.of_session(self._pid) if self._pid is not None else []

    def tell_rest(self, output_is_open: bool) -> None:
        """Have what its first process left behind told to end, as that was.

        SIGTERM and SIGKILL the process group has already. Ctrl-C does not end what a shell has
        put into the background: it ignores that.
        """
        if self._pid is None or self._told_rest == len(self.stopped_by):
            return
        told = len(self.stopped_by)
        last = self.stopped_by[told - 1]
        has_it = last in (signal.SIGTERM, signal.SIGKILL)
        rest = processes.of_session(self._pid, but_group=self._pid if has_it else None)
        if output_is_open and not self._ends_its_own:
            inside = {who.pid for who in self.lives_on()}
            others = [*processes.writers(self.pipe), *self._below]
            rest += [who for who in others if who.pid not in inside]
        for who in rest:
            try:
                identity.send(who, last if has_it else signal.SIGTERM)
            except (ProcessLookupError, PermissionError):
                pass
        self._told_rest = told


def _pump(work: _Work, output: int, wake: int, pass_on: Output, limits: Optional[Limits]) -> None:
    """Pass output on until the operation and all that it started have ended.

    That is when nobody lives in its session and nobody holds its output; what has left both
    is a daemon, for which no run waits. What was killed is not waited for long: it may be
    held by its disk, or be another user's.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        is_open = True

        def pass_on_what_comes(seconds: Optional[float], also: Optional[int] = None) -> None:
            nonlocal is_open
            if also is not None:
                selector.register(also, selectors.EVENT_READ)
            pause = pass_on.pause()
            if pause is not None:
                seconds = pause if seconds is None else min(pause, seconds)
            events = selector.select(limits.seconds(seconds) if limits else seconds)
            for key, _ in events:
                data = _read(key.fd) if key.fd != also else None
                if key.fd == output:
                    if data:
                        pass_on(data)
                        if limits:
                            limits.heard()
                    elif data is not None:
                        selector.unregister(output)
                        is_open = False
            if also is not None:
                selector.unregister(also)
            if pause is not None:
                pass_on.look(is_idle=not events)
            # Whoever else tells it to end waits for that, and kills it where he has to.
            reached = limits.reached() if limits and not work.is_told else None
            if reached is not None:
                pass_on.line(reached.text)
                work.end(reached.signal)

        while not work.has_ended:
            pass_on_what_comes(None)
        deadline: Optional[float] = None
        while True:
            handle, left = None, None
            try:
                work.tell_rest(is_open)
                # While the output is open, its end is the next thing that can matter.
                left = [] if is_open else work.lives_on()
                if left and processes.are_costly():
                    # Not for what comes here: the end of each `ps` does.
                    ends.wait_for_one([who.pid for who in left], _COSTLY)
                handle = processes.handle_of(left[0]) if left else None
            except Exhausted:  # who lives is not known for now: it is looked for again
                pass
            except Untold:  # nor will be: what has no output of it any more counts as a daemon
                left = []
            if signal.SIGKILL in work.stopped_by:
                deadline = deadline or time.monotonic() + _AFTER_KILL
            is_over = not is_open and left == []
            polls = deadline is not None or (left != [] and handle is None)
            try:
                if is_over or (deadline is not None and time.monotonic() > deadline):
                    return
                pass_on_what_comes(_POLL if polls else None, handle)
            finally:
                if handle is not None:
                    os.close(handle)


def _read(fd: int) -> Optional[bytes]:
    """What can be read now: empty at the end of the file, None where there is nothing yet."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None
