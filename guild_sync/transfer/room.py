"""The room that there is here for copies, shared by all that are made at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from guild_sync.config import limits


class Room:
    """What may be filled of the disks of this machine: so much of each is kept free.

    What a copy is about to take is promised to it, so that copies from several remotes do not
    count on the same bytes.
    """

    def __init__(self, keep_free: int | None = None) -> None:
        """`keep_free` in bytes; None: what the config file says, once it is asked for."""
        self._keep_free = keep_free
        self._lock = threading.Lock()
        self._disks: dict[int, _Disk] = {}  # by their device

    def left(self, folder: Path) -> int:
        """The bytes that copies may still take on the disk of `folder`, or where it would be."""
        while not folder.exists():
            folder = folder.parent
        with self._lock:
            return max(0, self._left(self._disk(folder), folder))

    @contextmanager
    def promised(self, needs: Mapping[str, int], places: Mapping[str, Path]) -> Iterator[set[str]]:
        """The runs for which there is no room; that for the others is theirs meanwhile.

        `needs` has bytes of runs, `places` the folders that they are copied to. Of as many runs
        as can be the whole comes: the smaller ones first.
        """
        given: list[tuple[_Disk, int]] = []
        cramped = set()
        with self._lock:
            for run_id, need in sorted(needs.items(), key=lambda item: (item[1], item[0])):
                disk = self._disk(places[run_id])
                if need and need > self._left(disk, places[run_id]):
                    cramped.add(run_id)
                    continue
                disk.promised += need
                disk.copies += 1
                given.append((disk, need))
        try:
            yield cramped
        finally:
            with self._lock:
                for disk, _ in given:
                    disk.copies -= 1
                    if not disk.copies:  # what was promised is on the disk by now, or never will be
                        disk.promised, disk.free = 0, None

    def _disk(self, folder: Path) -> _Disk:
        return self._disks.setdefault(folder.stat().st_dev, _Disk())

    def _left(self, disk: _Disk, folder: Path) -> int:
        # Measured before the first of the copies that are under way: they fill it meanwhile.
        if disk.free is None or not disk.copies:
            found = os.statvfs(folder)
            disk.free = found.f_bavail * found.f_frsize
        if self._keep_free is None:
            self._keep_free = limits.keep_free()
        return disk.free - disk.promised - self._keep_free


class _Disk:
    """One disk: the bytes free before the copies that are under way, their own, their number."""

    def __init__(self) -> None:
        self.free: int | None = None
        self.promised = 0
        self.copies = 0
