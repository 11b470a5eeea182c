"""What is to be made of many runs, side by side in processes of its own where there are many."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from guild_sync.agent.protocol import ComparedRun
from guild_sync.errors import GuildError, RunNotFound
from guild_sync.hosts.local import LocalHost
from guild_sync.reports import rows, run_page
from guild_sync.reports.folder import ReportFolder
from guild_sync.reports.rows import Row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_MANY = 64  # runs of which pages are to be made, for which processes are worth their start
_MOST_PROCESSES = 8
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


def over(
    work: Callable[[Sequence[T]], Sequence[R]], things: Sequence[T], count: int
) -> Iterator[R]:
    """What becomes of things, in their order, of which `count` are to be worked on.

    By processes of their own where there are many, each of which ends by itself. They are forked:
    not beside threads, which may hold what a child would wait for.
    """
    processes = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
    if count < _MANY or processes < 2 or threading.active_count() > 1:
        yield from work(things)
        return
    shards = [things[at : at + _SHARD] for at in range(0, len(things), _SHARD)]
    with _answers(work, shards, processes) as answers:
        for number in range(len(shards)):
            yield from _answer(answers[number % processes])


@contextmanager
def _answers(
    work: Callable[[Sequence[T]], Sequence[R]], shards: Sequence[Sequence[T]], processes: int
) -> Iterator[list[Connection]]:
    """Processes that work on every so many-th of the shards; where their answers come from."""
    from multiprocessing import get_context

    forking = get_context("fork")
    answers: list[Connection] = []
    started = []
    try:
        for number in range(processes):
            ours, theirs = forking.Pipe(duplex=False)
            own = shards[number::processes]
            process = forking.Process(target=_work, args=(work, own, theirs), daemon=True)
            process.start()
            theirs.close()  # so that what ends too early is seen to have ended
            answers.append(ours)
            started.append(process)
        yield answers
    finally:
        for ours in answers:
            ours.close()  # whoever still works for nobody ends
        for process in started:
            process.terminate()
            process.join()


def _work(
    work: Callable[[Sequence[T]], Sequence[R]], shards: Sequence[Sequence[T]], to: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started us is told, and ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        for shard in shards:
            to.send(work(shard))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except Exception as e:
        to.send(e)


def _answer(answers: Connection) -> Sequence[R]:
    try:
        found: Sequence[R] | Exception = answers.recv()
    except EOFError:
        raise GuildError(
            "a process that made pages was killed",
            "What was written is whole. Try again; there may have been too little memory.",
        ) from None
    if isinstance(found, Exception):
        raise found
    return found
