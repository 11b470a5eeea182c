"""Large files that lanes bring: rsyncs with a list of files each, beside the one for all else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import NamedTuple

from guild_sync.config.remotes import Remote
from guild_sync.rsync import channels
from guild_sync.rsync.failures import had_no_channel
from guild_sync.rsync.parts import LeftOut, Part, folders_above
from guild_sync.transport import background, process
from guild_sync.transport.process import Completed

Large = Mapping[str, Sequence[tuple[str, int]]]  # run id -> path and size of large files in it
_LEAST_SHARE = 8  # lanes are worth it that take at least one in so many of the bytes
# Of a lane's file: each folder that it is in is two rules for each rsync, which looks at all of
# them for each name. With 500 paths as deep as a system takes them these were gigabytes.
_DEEPEST, _LONGEST = 16, 1024


class Lane(NamedTuple):
    """The files that one rsync beside others copies, as run and path, and their size together."""

    files: tuple[tuple[str, str], ...]
    bytes: int


Copy = Callable[[Lane, Callable[[], bool]], Completed]


def dealt(part: Part, large: Large, bare: Collection[str], lanes: int) -> list[Lane]:
    """The large files of a part, dealt out by size: what so many lanes take, but for the first.

    That is the rsync which brings all else, and the rest of them. Nothing where the files are so
    few, or one of them is so large, that it would be done no sooner. Of `bare` runs none come, nor
    does what is deep down in folders, or has a backslash in its path.
    """
    runs = [run for run in part.ids if run not in bare]
    files = [
        (size, run, path)
        for run in runs
        for path, size in large.get(run, ())
        if _may_be_named(path)
    ]
    loads = [0] * lanes
    hands: list[list[tuple[str, str]]] = [[] for _ in loads]
    for size, run, path in sorted(files, reverse=True):
        least = loads.index(min(loads))
        loads[least] += size
        hands[least].append((run, path))
    if sum(loads[1:]) * _LEAST_SHARE < sum(loads):
        return []
    return [
        Lane(tuple(hand), load) for hand, load in zip(hands[1:], loads[1:], strict=True) if hand
    ]


def _may_be_named(path: str) -> bool:
    # A name with a backslash at its end was not asked for, as rsync 3.2.7 has it that gets it.
    return "\\" not in path and len(path) <= _LONGEST and path.count("/") <= _DEEPEST


def with_lanes(left_out: LeftOut, lanes: Sequence[Lane]) -> LeftOut:
    """What is left out of a copy, and what lanes bring beside it."""
    found = {run: list(paths) for run, paths in left_out.items()}
    for lane in lanes:
        for run, path in lane.files:
            found.setdefault(run, []).append(path)
    return found


def folders_of(lanes: Sequence[Lane]) -> dict[str, list[str]]:
    """Of each run the folders that lanes bring files into, and those which these are in."""
    return {run: folders_above(paths) for run, paths in with_lanes({}, lanes).items()}


@contextmanager
def beside(remote: Remote, lanes: Sequence[Lane], copy: Copy) -> Iterator[Lanes]:
    """Lanes that are at work within the block; what takes us out of it early ends them.

    `copy` has rsync copy the files of one, until what it is given says that it shall not.
    """
    at_work = Lanes(remote, lanes, copy)
    try:
        yield at_work
    finally:
        at_work.end()


class Lanes:
    """Lanes at work, each in a thread. What one could not bring, for whatever reason, is left.

    Where the remote refuses it a channel in the connection, the others take its files too.
    """

    def __init__(self, remote: Remote, lanes: Sequence[Lane], copy: Copy) -> None:
        self.told: list[bytes] = []  # what the rsyncs have said of files that came
        self._remote = remote
        self._copy = copy
        self._waiting = deque(lanes)
        self._failed: list[int] = []
        self._refused: list[Lane] = []
        self._is_over = threading.Event()
        left = process.seconds_left()
        self._deadline = None if left is None else time.monotonic() + left
        self._work: list[Future[None]] = [background.begun(self._bring) for _ in lanes]

    def have_all(self) -> bool:
        """Wait for them; whether they have brought all of their files."""
        wait(self._work)
        if self._refused:
            channels.refused(self._remote, 1 + len(self._work) - len(self._refused))
        is_broken = any(work.exception() for work in self._work)
        return not (self._waiting or self._failed or is_broken)

    def end(self) -> None:
        """Have none of them copy any more."""
        self._is_over.set()
        wait(self._work, process.END_SECONDS)

    def _bring(self) -> None:
        with process.deadline(self._deadline):
            while not self._is_over.is_set():
                try:
                    lane = self._waiting.popleft()
                except IndexError:
                    return
                done = self._copy(lane, self._is_over.is_set)
                self.told.append(done.stdout)
                if had_no_channel(done):
                    self._refused.append(lane)
                    self._waiting.append(lane)
                    return
                if done.code:
                    self._failed.append(done.code)
