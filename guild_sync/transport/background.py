"""Work in threads of their own, which guild does not wait for when it ends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


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
    futures: list[Future[T]] = [Future() for _ in work]
    waiting = deque(zip(futures, work, strict=True))

    def take() -> None:
        while True:
            try:
                future, task = waiting.popleft()
            except IndexError:
                return
            _fulfil(future, task)

    wait([begun(take) for _ in range(min(threads, len(work)))])
    return [future.result() for future in futures]


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except Exception as e:  # raised again by the thread that asks for the result
        future.set_exception(e)
