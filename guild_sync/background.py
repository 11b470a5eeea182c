"""Work in threads of their own, which guild does not wait for when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begun(work: Callable[[], T]) -> Future[T]:
    """What `work` returns or raises, once it has; it is at it already.

    Unlike an executor's, its thread is a daemon: Ctrl-C and a deadline end guild while it waits
    for a remote that hangs, and the kernel then ends the ssh and rsync that it has started.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as e:  # raised again by the thread that asks for the result
            future.set_exception(e)

    threading.Thread(target=run, daemon=True).start()
    return future
