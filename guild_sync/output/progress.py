"""How far copies are, a line each, where a person watches."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from guild_sync.output.formats import size
from guild_sync.rsync.output import Figures, OnProgress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Board:
    """One display for all copies of this process: several would write over each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines = 0
        self._drawn: Progress | None = None
        self._has_ended = False

    def add(self, text: str) -> TaskID:
        with self._lock:
            if self._drawn is None:
                self._drawn = _display()
                if not self._has_ended:
                    atexit.register(self._end)
                    self._drawn.start()
            self._lines += 1
            return self._drawn.add_task(text, total=1.0, figures="")

    def update(self, line: TaskID, figures: Figures) -> None:
        drawn = self._drawn
        if drawn is not None:
            text = f"{size(figures.bytes)}  {figures.speed}  {figures.left}"
            drawn.update(line, completed=figures.part, figures=text)

    def remove(self, line: TaskID) -> None:
        with self._lock:
            if self._drawn is None:
                return
            self._drawn.remove_task(line)
            self._lines -= 1
            if self._lines == 0:
                self._drawn.stop()
                atexit.unregister(self._end)
                self._drawn = None

    def _end(self) -> None:
        """Show the cursor again: Ctrl-C ends guild while copies go on, or while this draws."""
        with self._lock:
            self._has_ended = True  # whatever a copy's thread still asks for
            if self._drawn is not None:
                with suppress(Exception):  # of a display that was still being drawn
                    self._drawn.stop()
                self._drawn.console.show_cursor(True)


_board = _Board()


@contextmanager
def progress(text: str) -> Iterator[OnProgress | None]:
    """A callback that draws a line with `text` and how far the copy is; None where nobody looks."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    line = _board.add(text)
    try:
        yield lambda figures: _board.update(line, figures)
    finally:
        _board.remove(line)


def _display() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        # What is printed meanwhile goes above the lines; into a pipe, it goes as it is.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
