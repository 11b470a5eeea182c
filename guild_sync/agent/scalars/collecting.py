"""The scalars of a run, collected while its output comes, and written down now and then."""

from __future__ import annotations

import time
from typing import Dict, Optional

from ..protocol import now
from . import kept
from .reading import ScalarReader
from .series import ScalarSeries

MOST_NAMES = 1000  # scalars of a run, at most
_EVERY = 1.0  # seconds between two times of writing them down, at least


class Collector:
    """Takes the output of one attempt of a run."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._reader = ScalarReader()
        self._found: Dict[str, ScalarSeries] = {}
        self._written = 0.0
        self._has_news = False

    def feed(self, data: bytes) -> None:
        """Take output as it comes."""
        for name, value, step in self._reader.feed(data):
            self._add(name, value, step)
        if self._has_news and time.monotonic() - self._written > _EVERY:
            self._write()

    def end(self) -> None:
        """Write down what there is once all output has come."""
        for name, value, step in self._reader.rest():
            self._add(name, value, step)
        if self._has_news:
            self._write()

    def _add(self, name: str, value: float, step: Optional[int]) -> None:
        series = self._found.get(name)
        if series is None:
            if len(self._found) == MOST_NAMES:
                return
            series = self._found[name] = ScalarSeries()
        series.add(value, now(), step)
        self._has_news = True

    def _write(self) -> None:
        try:
            kept.write(self._directory, self._found)
        except OSError:  # a full disk: the next time, or not at all
            return
        self._written, self._has_news = time.monotonic(), False
