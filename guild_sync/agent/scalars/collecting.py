"""The scalars of a run, read from its output while it is made, and written down now and then.

The output is in its file first, and is read from there when nothing more of it comes for a moment:
whoever prints a million lines a second is not kept waiting. What is not read by the end is read
then, for a while.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Deque, List, Optional, Tuple

from ..protocol import Job, Value, now
from ..store import inside, rundir
from . import kept, patterns
from .reading import ScalarReader
from .series import ScalarsFound

if TYPE_CHECKING:
    from .attributes import AttributeReader

_PIECE = 1 << 16  # bytes that are read at one go
_PAUSE = 0.05  # seconds between two looks at an output that comes slowly
_SHARE = (
    4  # of the time that reading takes, so many times goes by before more is read, while more comes
)
_EVERY = 1.0  # seconds between two times of writing them down, at least
_WRITING_SHARE = 20
_CATCH_UP = 2.0  # seconds of work for what was not read by the end
_MOST_WAIT = 4.0  # seconds that this may take, where others work, too
_TAIL = 1 << 20  # bytes that are read after that, from the end
_LAST = 2.0  # seconds of work for these; twice as long where others work, too
_MOST_ARRIVALS = 4096


class Collector:
    """Reads the output of one attempt of a run, whose file is there."""

    def __init__(self, directory: str, job: Job) -> None:
        self._directory = directory
        operation = job.get("operation") or {}
        asked = patterns.scalars_asked(patterns.spec_in(operation, "output-scalars"))
        self._reader = None if asked.is_empty else ScalarReader(asked)
        self._attributes = _attributes(directory, patterns.spec_in(operation, "output-attrs"))
        self._found = ScalarsFound()
        self._size = self._read = 0  # bytes of the output: those there are, those that were read
        self._arrivals: Deque[Tuple[int, int]] = deque()  # sizes, and when the output had them
        self._next_look = self._next_writing = 0.0
        self._is_lost = False
        self._file = -1
        try:
            self._file = inside.open_file(rundir.guild_dir(directory), rundir.OUTPUT)
        except OSError:  # then they are read later, by whoever asks
            self._reader = self._attributes = None
        self._write()

    # ---- while output comes

    def grown(self, count: int) -> None:
        """So many more bytes of output are in its file."""
        self._size += count
        if self._reader or self._attributes:
            self._arrivals.append((self._size, now()))
            if len(self._arrivals) > _MOST_ARRIVALS:
                self._arrivals = deque(list(self._arrivals)[::-2][::-1])

    def lose(self) -> None:
        """Some output is not in the file; the last line there may be cut."""
        self._is_lost = True

    def pause(self) -> Optional[float]:
        """Seconds until there is something to do if nothing comes before; None: nothing."""
        if self._read < self._size and (self._reader or self._attributes):
            return max(self._next_look - time.monotonic(), 0.0)
        if self._found.has_news:
            return max(self._next_writing - time.monotonic(), 0.0)
        return None

    def look(self, is_idle: bool) -> List[str]:
        """Read some of what has come, unless it is too early for that; what is to be said."""
        begun = time.monotonic()
        if begun < self._next_look:
            return []
        said: List[str] = []
        if self._read < self._size:
            said = self._read_piece()
        if self._found.has_news and begun >= self._next_writing:
            self._write()
        took = time.monotonic() - begun
        is_done = self._read == self._size
        self._next_look = begun + (_PAUSE if is_done else 0 if is_idle else took * (1 + _SHARE))
        return said

    # ---- when all of it has come

    def end(self) -> List[str]:
        """Read what is left, write all down, and say what is to be said."""
        said: List[str] = []
        if self._file < 0:
            return said
        # More than was passed on where the disk was full, and guild has said that.
        self._size = os.fstat(self._file).st_size
        until, latest = time.process_time() + _CATCH_UP, time.monotonic() + _MOST_WAIT
        may_skip = True
        while self._has_more():
            if time.process_time() > until or time.monotonic() > latest:
                if not may_skip:  # as of patterns that take nearly too long
                    self._skip(self._size)
                    break
                may_skip = False
                until, latest = time.process_time() + _LAST, time.monotonic() + 2 * _LAST
                if self._size - self._read > _TAIL:
                    self._skip(self._size - _TAIL)
            said += self._read_piece()
        if self._reader and not self._is_lost:
            self._found.add(self._reader.rest(), now())
        if self._attributes and not self._is_lost:
            self._attributes.end()
        said += self._given_up()
        os.close(self._file)
        self._write(is_over=True)
        return said

    def _has_more(self) -> bool:
        return self._read < self._size and bool(self._reader or self._attributes)

    def _skip(self, to: int) -> None:
        """Leave what there is up to there unread."""
        self._read = to
        for reader in (self._reader, self._attributes):
            if reader:
                reader.skip()

    # ----

    def _read_piece(self) -> List[str]:
        try:
            data = os.pread(self._file, _PIECE, self._read)
        except OSError:
            data = b""
        if not data:  # another has cut it
            self._read, self._is_lost = self._size, True
            return []
        self._read += len(data)
        while len(self._arrivals) > 1 and self._arrivals[0][0] < self._read:
            self._arrivals.popleft()
        if self._reader:
            at = self._arrivals[0][1] if self._arrivals else now()
            self._found.add(self._reader.feed(data), at)
        if self._attributes:
            self._attributes.feed(data)
        return self._given_up()

    def _given_up(self) -> List[str]:
        of_scalars = self._reader.given_up() if self._reader else []
        of_attributes = self._attributes.given_up() if self._attributes else []
        return [
            "%s: %s takes too long: it is not looked for any more" % (key, patterns.shown(text))
            for key, texts in (("output-scalars", of_scalars), ("output-attrs", of_attributes))
            for text in texts
        ]

    def _write(self, is_over: bool = False) -> None:
        begun = time.monotonic()
        if self._attributes:
            self._attributes.write()
        try:
            is_partial = self._is_lost or (self._reader is not None and self._reader.is_partial)
            kept.write(self._directory, self._found.series, is_over, is_partial)
            self._found.has_news = False
        except OSError:  # a full disk: the next time, or not at all
            pass
        took = time.monotonic() - begun
        self._next_writing = begun + max(_EVERY, took * _WRITING_SHARE)


def _attributes(directory: str, said: Value) -> Optional[AttributeReader]:
    asked = patterns.attributes_asked(said)
    if asked.is_empty:
        return None
    from .attributes import AttributeReader  # few operations tell any

    return AttributeReader(directory, asked)
