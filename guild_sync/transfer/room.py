"""The room that there is here for copies, shared by all that are made at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from guild_sync.config import limits

# Bytes that stay free whatever comes, where less than half of what is to stay free is left.
_LEAST_FREE = 1 << 24


class Room:
    """What may be filled of the disks of this machine: so much of each is kept free.

    What a copy is about to take is promised to it, so that copies from several remotes do not
    count on the same bytes. Metadata and output come though there is no room, and a run may grow
    while it is copied: for these there is half of what is kept free, and no more (`is_full`).
    """

    def __init__(self, keep_free: int | None = None) -> None:
        """`keep_free` in bytes; None: what the config file says, once it is asked for."""
        self._keep_free = keep_free
        self._lock = threading.Lock()
        self._disks: dict[int, _Disk] = {}  # by their device

    def left(self, folder: Path) -> int:
        """The bytes that copies may still take on the disk of `folder`, or where it would be.

        Raises ConfigError where the config file, which says what stays free, cannot be read.
        """
        while not folder.exists():
            folder = folder.parent
        with self._lock:
            return max(0, self._left(folder))

    @contextmanager
    def promised(self, needs: Mapping[str, int], places: Mapping[str, Path]) -> Iterator[set[str]]:
        """The runs for which there is no room; that for the others is theirs meanwhile.

        `needs` has bytes of runs, `places` the folders that all are copied to. Of as many runs
        as can be the whole comes: the smaller ones first. Raises ConfigError as `left` does.
        """
        with self._lock:
            self._kept()
            disks = [self._begun(folder) for folder in set(places.values())]
            cramped = self._without_room(needs, places)
        try:
            yield cramped
        finally:
            with self._lock:
                for disk in disks:
                    disk.copies -= 1
                    if not disk.copies:  # what was promised is on the disk by now, or never will be
                        disk.promised = 0

    def is_full(self, folders: Iterable[Path]) -> bool:
        """Whether copies to one of the folders have taken more than there can be room for."""
        with self._lock:
            return any(_free(folder) < self._least(self._disk(folder)) for folder in folders)

    def _least(self, disk: _Disk) -> int:
        half = self._kept() // 2
        return half if disk.free >= self._kept() else min(half, _LEAST_FREE)

    def _without_room(self, needs: Mapping[str, int], places: Mapping[str, Path]) -> set[str]:
        cramped = set()
        for run_id, need in sorted(needs.items(), key=lambda item: (item[1], item[0])):
            if need and need > self._left(places[run_id]):
                cramped.add(run_id)
            else:
                self._disk(places[run_id]).promised += need
        return cramped

    def _disk(self, folder: Path) -> _Disk:
        return self._disks.setdefault(folder.stat().st_dev, _Disk())

    def _begun(self, folder: Path) -> _Disk:
        """The disk of a folder that is about to be copied to."""
        disk = self._disk(folder)
        if not disk.copies:
            disk.free = _free(folder)
        disk.copies += 1
        return disk

    def _left(self, folder: Path) -> int:
        disk = self._disk(folder)
        # Copies that are under way fill it meanwhile: what they take was promised to them.
        free = disk.free if disk.copies else _free(folder)
        return free - disk.promised - self._kept()

    def _kept(self) -> int:
        if self._keep_free is None:
            self._keep_free = limits.keep_free()
        return self._keep_free


class _Disk:
    """One disk: the copies that are under way, the bytes free before them, and their own."""

    def __init__(self) -> None:
        self.free = 0
        self.promised = 0
        self.copies = 0


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
