"""Work in threads of their own, which guild does not wait for when it ends."""

from __future__ import annotations

import resource
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

# Files that are open at once: a remote's lock and what several rsyncs of one copy say and are told;
# where eight are started at one moment, with both ends of their pipes; and what guild itself has
# open. That moment is not the same for all remotes.
_FILES_OF_ONE, _MOST_OF_ONE = 32, 64
_FILES_OF_ALL = 64


def begun(work: Callable[[], T]) -> Future[T]:
    """What `work` returns or raises, once it has; it is at it already.

    Unlike an executor's, its thread is a daemon: Ctrl-C and a deadline end guild while it waits
    for a remote that hangs, and the kernel then ends the ssh and rsync that it has started.
    """
    future: Future[T] = Future()
    threading.Thread(target=_fulfil, args=(future, work), daemon=True).start()
    return future


def in_turn(work: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """What each of `work` returns, done by so many threads, which take one after the other.

    Raises what one of them raised, once all the others have been worked on.
    """
    futures = begun_in_turn(work, threads)
    wait(futures)
    return [future.result() for future in futures]


def begun_in_turn(work: Sequence[Callable[[], T]], threads: int) -> list[Future[T]]:
    """What each of `work` returns or raises, done as by `in_turn`, which is at it already.

    There are fewer threads where no more files may be open for what they start.
    """
    futures: list[Future[T]] = [Future() for _ in work]
    waiting = deque(zip(futures, work, strict=True))

    def take() -> None:
        while True:
            try:
                future, task = waiting.popleft()
            except IndexError:
                return
            _fulfil(future, task)

    for _ in range(with_files(min(threads, len(work)))):
        begun(take)
    return futures


def with_files(threads: int) -> int:
    """So many of the threads as files may be open for; the soft limit is raised for the others.

    What they start gets that, too, and has no use for it.
    """
    needed, wanted = (_FILES_OF_ALL + threads * each for each in (_FILES_OF_ONE, _MOST_OF_ONE))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may_be = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < may_be:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (may_be, hard))
            soft = may_be
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return threads
    return max(1, (soft - _FILES_OF_ALL) // _FILES_OF_ONE)


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except Exception as e:  # raised again by the thread that asks for the result
        future.set_exception(e)
