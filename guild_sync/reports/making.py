"""What is to be made of many runs, side by side in processes of its own where there are many."""

from __future__ import annotations

import gc
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
from guild_sync.reports.folder import KeptRun, ReportFolder
from guild_sync.reports.rows import Row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_MANY = 64  # runs of which pages are to be made, for which processes are worth their start
_MOST_PROCESSES = 8
_SHARD = 16  # runs that a process is given at a time


class Looked(NamedTuple):
    """A run, looked at; `seal` as host.seals tells it. No run: it is as it was when it was kept."""

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


def look(home: str, known: Sequence[tuple[str, KeptRun | None]]) -> list[Looked]:
    """Which of the runs are as they were when they were kept; the others are read.

    A run that has gone meanwhile is left out.
    """
    here = LocalHost(home)
    seals = here.seals([run_id for run_id, _ in known])  # before they are read
    kept = {run_id: kept for run_id, kept in known if kept and kept["seal"]}
    same = {run_id for run_id, of_run in kept.items() if seals.get(run_id) == of_run["seal"]}
    # What a run has printed may be read for scalars later: such a look changes no seal.
    same = {run_id for run_id in same if kept[run_id]["row"]["scalars"]}
    runs = _compared(here, [run_id for run_id, _ in known if run_id not in same])
    found = []
    for run_id, _ in known:
        if run_id in same:
            found.append(Looked(run_id, seals[run_id], None, None))
        elif run_id in runs:
            run = runs[run_id]
            found.append(Looked(run_id, seals.get(run_id, ""), run, rows.row(run)))
    return found


def _compared(here: LocalHost, ids: Sequence[str]) -> dict[str, ComparedRun]:
    if not ids:
        return {}
    try:
        found = here.compared(ids, whole=True, asked=rows.ASKED)["runs"]
    except RunNotFound:  # one of them has gone: the others are told one by one
        if len(ids) == 1:
            return {}
        return {run_id: run for one in ids for run_id, run in _compared(here, [one]).items()}
    return {run["id"]: run for run in found}


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


def _cores() -> int:
    """How many this process may use; all of the machine where that is not told, as on macOS."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def over(
    work: Callable[[Sequence[T]], Sequence[R]], things: Sequence[T], count: int
) -> Iterator[R]:
    """What becomes of things, in their order, of which `count` are to be worked on.

    By processes of their own where there are many, each of which ends by itself. They are forked:
    not beside threads, which may hold what a child would wait for.
    """
    processes = min(_cores(), _MOST_PROCESSES)
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
            answers.append(ours)
            own = shards[number::processes]
            process = forking.Process(target=_work, args=(work, own, theirs, answers), daemon=True)
            process.start()
            theirs.close()  # so that what ends too early is seen to have ended
            started.append(process)
        yield answers
    finally:
        for ours in answers:
            ours.close()  # whoever still works for nobody ends
        for process in started:
            process.terminate()
            process.join()


def _work(
    work: Callable[[Sequence[T]], Sequence[R]],
    shards: Sequence[Sequence[T]],
    to: Connection,
    not_ours: Sequence[Connection],
) -> None:
    for answers in not_ours:
        answers.close()  # else nobody would see that the one who reads them was killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started us is told, and ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # what there is by now stays: nobody need look through it again and again
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
