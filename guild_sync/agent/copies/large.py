"""The large files of runs, which a copy may bring each by itself, beside all else."""

from __future__ import annotations

import heapq
import os
import stat
import time
from typing import Dict, List, Mapping, Tuple

from ..protocol import LARGE, MOST_LARGE, State
from .stamps import files_of, is_among

_BLOCK = 4096  # bytes: a smaller file has no holes, though some file systems give it no block
LOOK_SECONDS = 0.1  # for all runs of one request; what is not found by then comes with all else


class LargeFiles:
    """Finds large files for so long, and keeps the largest; and runs without a sparse file."""

    def __init__(self) -> None:
        self._seconds = LOOK_SECONDS
        self._found: List[Tuple[int, str, str]] = []

    def look(self, run_id: str, directory: str, state: State) -> None:
        """Look for those of a run that a copy brings, and at all whether they are sparse.

        A file with another name is none: only who copies both knows that they are one. Nor is
        what guild keeps of a run, nor one of a run that is a link: its place would come instead.
        """
        if self._seconds <= 0 or os.path.islink(directory):
            return
        began = time.monotonic()
        until = began + self._seconds
        without = {path for path, _ in (*state["left_out"], *state["inputs"])}
        state["sparse"] = False
        for count, (path, status) in enumerate(files_of(directory)):
            if count % 256 == 255 and time.monotonic() > until:
                state["sparse"] = True
                break
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_blocks * 512 < status.st_size >= _BLOCK:
                state["sparse"] = True
            if status.st_size < LARGE or status.st_nlink > 1:
                continue
            name = path[1:]
            if not name.startswith(".guild/") and not is_among(name, without):
                self._found.append((status.st_size, run_id, name))
        self._seconds -= time.monotonic() - began

    def tell(self, states: Mapping[str, State]) -> None:
        """Put the largest of all that was found into the states of their runs."""
        found: Dict[str, List[Tuple[str, int]]] = {}
        for size, run_id, path in heapq.nlargest(MOST_LARGE, self._found):
            found.setdefault(run_id, []).append((path, size))
        for run_id, files in found.items():
            states[run_id]["large"] = files
