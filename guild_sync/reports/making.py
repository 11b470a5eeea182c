"""What is to be made of many runs, side by side in processes of its own where there are many."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from guild_sync.agent.protocol import ComparedRun
from guild_sync.errors import RunNotFound
from guild_sync.hosts.local import LocalHost
from guild_sync.reports import rows, run_page
from guild_sync.reports.folder import ReportFolder
from guild_sync.reports.rows import Row

if TYPE_CHECKING:
    from concurrent.futures import Executor

T = TypeVar("T")
R = TypeVar("R")

_MANY = 64  # runs of which pages are to be made, for which processes are worth their start
_SHARD = 16  # runs that a process is given at a time


class Looked(NamedTuple):
    """A run, looked at. No row: it is as it was when its page was made; `seal` as host.seals."""

    run_id: str
    seal: str
    run: ComparedRun | None
    row: Row | None


class Task(NamedTuple):
    """The page of a run, to be made."""

    run: ComparedRun
    row: Row
    before: Row | None


class MadePage(NamedTuple):
    """The page of a run, made: the bytes that were written, 0 where it was as it is."""

    row: Row
    written: int


def look(home: str, known: Sequence[tuple[str, str]]) -> list[Looked]:
    """Which of the runs are as they were, each told with the seal that it had; the others anew.

    A run that has gone meanwhile is left out.
    """
    here = LocalHost(home)
    seals = here.seals([run_id for run_id, _ in known])  # before they are read
    found = []
    for run_id, seal in known:
        now = seals.get(run_id, "")
        if seal and now == seal:
            found.append(Looked(run_id, now, None, None))
            continue
        try:
            run = here.compared([run_id], whole=True, asked=rows.ASKED)["runs"][0]
        except (RunNotFound, IndexError):
            continue
        found.append(Looked(run_id, now, run, rows.row(run)))
    return found


def make(home: str, top: str, tasks: Sequence[Task]) -> list[MadePage]:
    """Make the pages of runs."""
    here = LocalHost(home)
    folder = ReportFolder(Path(top))
    found = []
    for task in tasks:
        try:
            parts = run_page.parts(here, task.run)
        except RunNotFound:  # it has gone: the next report has no page of it
            continue
        text = run_page.page(task.run, task.row, parts, task.before)
        found.append(MadePage(task.row, folder.put(f"runs/{task.run['id']}.html", text)))
    return found


class Workers:
    """What does something with many things, a few of them at a time."""

    def __init__(self, pool: Executor | None) -> None:
        self._pool = pool

    def over(self, work: Callable[[Sequence[T]], Sequence[R]], things: Sequence[T]) -> Iterator[R]:
        """What becomes of the things, in their order."""
        if self._pool is None:
            yield from work(things)
            return
        shards = [things[at : at + _SHARD] for at in range(0, len(things), _SHARD)]
        for found in self._pool.map(work, shards):
            yield from found


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Those who make so many pages: processes of their own where that is faster.

    They are forked: not beside threads, which may hold what a child would wait for.
    """
    cores = len(os.sched_getaffinity(0))
    if count < _MANY or cores < 2 or threading.active_count() > 1:
        yield Workers(None)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(cores, 8), get_context("fork")) as pool:
        yield Workers(pool)
