"""Half of what is to be looked at, by a process beside this one, where that is sooner."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
from typing import Callable, List, NoReturn, Optional, Sequence, Tuple, TypeVar

Ours = TypeVar("Ours")
Others = TypeVar("Others")
Found = TypeVar("Found")


def is_sooner() -> bool:
    """Whether two processes may do work in less time than one."""
    return _processors() > 1 and not _has_threads()


def both(ours: Callable[[], Ours], others: Callable[[], Others]) -> Tuple[Ours, Optional[Others]]:
    """What `ours` returns here, and what `others` returns in another process meanwhile.

    The latter is made of what `marshal` takes; it is None where the other process failed, was
    killed, or could not be had. What `others` changes is changed there alone.
    """
    # No handler of ours is called there: signals wait, and it ends by itself, or is killed. Nor
    # does a Ctrl-C raise here before it is known.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid, told, has_done_all = 0, b"", False
    try:
        pid, receiver = _begun(others)
        with os.fdopen(receiver, "rb") as pipe:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            found = ours()
            told = pipe.read()
    except _NotBegun:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return ours(), None
    finally:
        if pid:
            has_done_all = _ended(pid, is_over=bool(told))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # whatever it was that failed
    theirs: List[Others] = marshal.loads(told) if told and has_done_all else []
    return found, theirs[0] if theirs else None


def by_halves(work: Callable[[Sequence[str]], List[Found]], ids: Sequence[str]) -> List[Found]:
    """What `work` finds of these, in their order: of the second half in another process."""
    half = len(ids) // 2
    first, others = both(lambda: work(ids[:half]), lambda: work(ids[half:]))
    return [*first, *(work(ids[half:]) if others is None else others)]


class _NotBegun(Exception):
    """There may be no more processes, or open files."""


def _begun(work: Callable[[], object]) -> Tuple[int, int]:
    """The process that does it, and where it tells what it found."""
    handles: Tuple[int, ...] = ()
    try:
        handles = os.pipe()
        pid = os.fork()
    except OSError:
        for handle in handles:
            os.close(handle)
        raise _NotBegun from None
    receiver, sender = handles
    if pid == 0:
        # Who holds this itself would wait for ever for it to be read, once we are killed.
        os.close(receiver)
        _do(work, sender)
    os.close(sender)
    return pid, receiver


def _ended(pid: int, is_over: bool) -> bool:
    """Wait for its end, by a kill unless its work `is_over`; whether it has done all of that."""
    try:
        if not is_over:
            os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1] == 0
    except (ProcessLookupError, ChildProcessError):
        return False  # who started us has the ends of children be told to nobody


def _do(work: Callable[[], object], sender: int) -> NoReturn:
    status = 1
    try:
        gc.disable()  # it would write to all that both have
        with os.fdopen(sender, "wb") as pipe:
            pipe.write(marshal.dumps([work()]))
        status = 0
    finally:
        os._exit(status)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_threads() -> bool:
    """Whether there may be another thread: what it holds now, a fork would hold for ever."""
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1
