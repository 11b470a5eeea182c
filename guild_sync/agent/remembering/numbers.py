"""Scalars of runs, and which attributes and flags they lack: read, or remembered.

Of 20,000 runs that are ordered by a scalar, each would have a file read, checked and thrown away.
So its numbers are remembered (`figures.py`) for as long as the files that they come from are as
they were, as `looks.py` does with what listings need: its own summaries; what was read of its
output later; and that output, where it counts. Scalars that were read from event files are read
each time.
"""

from __future__ import annotations

import json
import os
import stat as modes
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from .. import columns
from ..columns import Name
from ..errors import refuse_exhaustion
from ..protocol import Figure, ScalarForm
from ..scalars import derived, kept
from ..store import inside, rundir
from . import remembered
from .figures import Damaged, ScalarColumns
from .remembered import Form, Moment

# What is looked at of a run: its summaries, what was read later, its output; which names it has.
_OWN, _LATER, _OUTPUT, _ATTRS, _FLAGS = range(5)
_PLACES = ("/" + kept.SUMMARIES, "", "/" + rundir.OUTPUT, "/attrs", "/attrs/flags")
_OF_SCALARS = (_OWN, _LATER, _OUTPUT)
# In place of a change time: that there was nothing there; that it does not matter what there is.
_NOTHING, _ANY = 0, -1
_LONGEST = 1 << 12  # characters of the names of all attributes, or flags, of a run


class Remembered(NamedTuple):
    """What is known without a look into the run; where it is not known, it is to be read."""

    is_known: bool
    figure: Optional[Figure]


_UNKNOWN = Remembered(False, None)


def form() -> Form:
    """What is remembered of a run, beside its figures."""
    return Form("bbbii", {_OWN: 1}, texts=(_ATTRS, _FLAGS), order=-1, longest=_LONGEST)


class RememberedScalars:
    """The scalars of runs in the folder `top` of a guild home, of which so many are asked for."""

    def __init__(self, home: str, top: str, count: int, now: Moment) -> None:
        self._home = home
        self._top = top
        self._count = count
        self._now = now
        self._settled = remembered.settled()
        self._later = derived.names_kept(home)
        self._table, file = remembered.opened(home, now, form(), remembered.SCALARS)
        try:
            self._figures = ScalarColumns(file)
        except Damaged:
            if file is not None:
                file.close()
            self._forget()
        self._names: Dict[int, FrozenSet[str]] = {}  # by place among the table's texts
        # Of the run that was looked at last.
        self._attrs: Tuple[str, Optional[FrozenSet[str]]] = ("", None)
        self._plain: Tuple[str, bool] = ("", False)
        self._news = 0

    def _forget(self) -> None:
        self._table = remembered.Table(form())
        self._figures = ScalarColumns()
        self._names = {}

    # ---- scalars

    def figure(self, directory: str, name: Name) -> Remembered:
        """What a run has of a scalar, as columns.figure_of tells it."""
        row = self._table.rows.get(directory[len(self._top) + 1 :], -1)
        if row < 0 or row in self._figures.replaced or not self._table.values[_OWN][row]:
            return _UNKNOWN
        try:
            if not self._is_plain(directory):
                return _UNKNOWN
            if not all(self._is_same(row, what, directory) for what in _OF_SCALARS):
                return _UNKNOWN
            return Remembered(True, self._figure(row, name))
        except Damaged:
            self._forget()
        except OSError as e:
            refuse_exhaustion(e)
        return _UNKNOWN

    def _figure(self, row: int, name: Name) -> Optional[Figure]:
        told = columns.told_of(name.qualifier)
        if not name.is_step:
            return self._figures.figure(row, name.name, told)
        step = columns.step_of(name.qualifier)
        if step is None or self._figures.figure(row, name.name, told) is None:
            return None
        return self._figures.figure(row, name.name, step)

    def read(self, directory: str) -> Dict[str, ScalarForm]:
        """All scalars of a run; remembered where they are what they will be."""
        try:
            before = [self._seen(what, directory) for what in _OF_SCALARS]
        except OSError as e:
            refuse_exhaustion(e)
            return kept.summaries(directory)
        told = kept.told(directory)
        if told.lasts and self._may_be_kept(before, told):
            self._learn(self._table.row_of(directory[len(self._top) + 1 :]), before, told)
        return told.scalars

    def _learn(
        self, row: int, before: List[Optional[os.stat_result]], told: kept.ToldScalars
    ) -> None:
        if row in self._figures.replaced:
            return  # once for each process
        is_kept = self._figures.put(row, told.scalars)
        self._table.values[_OWN][row] = is_kept
        if is_kept:
            for what, seen in zip(_OF_SCALARS, before):
                self._note(row, what, seen)
            if told.has_own and not told.has_later:
                self._table.changes[_OUTPUT][row] = _ANY
            self._news += 1

    def _may_be_kept(self, before: List[Optional[os.stat_result]], told: kept.ToldScalars) -> bool:
        """Whether what was read is what was there, and would be seen to have changed."""
        own, later, output = before
        if (own is not None, later is not None) != (told.has_own, told.has_later):
            return False
        if output is not None and output.st_size and not told.has_own and not told.has_later:
            return False  # there was no time to read it
        return all(seen is None or self._is_settled(seen, modes.S_IFREG) for seen in before)

    # ---- names of attributes and flags

    def lacks_attr(self, directory: str, name: str) -> bool:
        """Whether a run is known to have no attribute of that name."""
        names = self._attrs_of(directory)
        return names is not None and name not in names

    def lacks_flag(self, directory: str, name: str) -> bool:
        """Whether a run is known to have no flag of that name."""
        attrs = self._attrs_of(directory)
        if attrs is None:
            return False
        if "flags" not in attrs:
            return True
        names = self._names_there(_FLAGS, directory)
        return names is not None and name not in names

    def _attrs_of(self, directory: str) -> Optional[FrozenSet[str]]:
        """The names of a run's attributes; None where they are not known.

        Of one run it is asked several times, one after the other: it is looked at once.
        """
        if self._attrs[0] != directory:
            is_plain = self._is_plain(directory)
            names = self._names_there(_ATTRS, directory) if is_plain else None
            self._attrs = (directory, names)
        return self._attrs[1]

    def _is_plain(self, directory: str) -> bool:
        """Whether its folder of marks is no link, as none is followed; looked at once, too."""
        if self._plain[0] != directory:
            try:
                is_plain = modes.S_ISDIR(os.lstat(directory + "/.guild").st_mode)
            except OSError as e:
                refuse_exhaustion(e)
                is_plain = False
            self._plain = (directory, is_plain)
        return self._plain[1]

    def _names_there(self, what: int, directory: str) -> Optional[FrozenSet[str]]:
        """The names in the folder of attributes, or of the flags; None where they are not known."""
        try:
            seen = self._seen(what, directory)
            place = 0 if seen is None else self._known_place(what, directory, seen)
        except OSError as e:
            refuse_exhaustion(e)
            return None
        if not place:
            return None
        if place not in self._names:
            names = remembered.names_in(self._table.texts[place])
            if names is None:
                return None
            self._names[place] = frozenset(names)
        return self._names[place]

    def _known_place(self, what: int, directory: str, seen: os.stat_result) -> int:
        """The place of its names among the texts, if they can be remembered; else 0."""
        run_id = directory[len(self._top) + 1 :]
        row = self._table.rows.get(run_id, -1)
        known = self._table.values[what][row] if row >= 0 else 0
        if known and self._agrees(row, what, seen):
            return known
        if not self._is_settled(seen, modes.S_IFDIR if what == _ATTRS else modes.S_IFREG):
            return 0
        place = self._place_of(what, directory)
        if place:
            row = self._table.row_of(run_id)
            self._table.values[what][row] = place
            self._note(row, what, seen)
            self._news += 1
        return place or 0

    def _place_of(self, what: int, directory: str) -> Optional[int]:
        """The place of the names among the texts, which no other name has."""
        if what == _ATTRS:
            names = inside.names(directory + "/.guild", "attrs")
        else:
            text = rundir.attr_texts(directory, ("flags",))[0]
            if text is None:
                return None
            names = [*rundir.mapping(rundir.decoded(text))]
        return self._table.place_of(json.dumps(sorted(names)))

    # ---- looks

    def _seen(self, what: int, directory: str) -> Optional[os.stat_result]:
        """What is there; None where nothing is."""
        try:
            if what != _LATER:
                return os.lstat(directory + "/.guild" + _PLACES[what])
            run_id = directory[len(self._top) + 1 :]
            return os.lstat(derived.place_in(self._home, run_id))
        except FileNotFoundError:
            return None

    def _is_same(self, row: int, what: int, directory: str) -> bool:
        change = self._table.changes[what][row]
        if change == _ANY:
            return True
        if what == _LATER and directory[len(self._top) + 1 :] not in self._later:
            return change == _NOTHING
        seen = self._seen(what, directory)
        return change == _NOTHING if seen is None else self._agrees(row, what, seen)

    def _agrees(self, row: int, what: int, seen: os.stat_result) -> bool:
        return (
            seen.st_ctime_ns == self._table.changes[what][row]
            and seen.st_ino == self._table.inodes[what][row]
            and seen.st_dev == self._now.device
        )

    def _is_settled(self, seen: os.stat_result, kind: int) -> bool:
        """Whether it is what it is to be, and a change from now on would give it another time."""
        return (
            modes.S_IFMT(seen.st_mode) == kind
            and 0 < seen.st_ctime_ns < self._settled
            and seen.st_dev == self._now.device
        )

    def _note(self, row: int, what: int, seen: Optional[os.stat_result]) -> None:
        self._table.changes[what][row] = _NOTHING if seen is None else seen.st_ctime_ns
        self._table.inodes[what][row] = 0 if seen is None else seen.st_ino

    # ---- what is kept

    def keep(self) -> None:
        """Keep what was read, where that is worth it, so that it need not be read again."""
        try:
            if self._news > self._count // 100:
                now = remembered.still(self._home, self._now)
                if now is not None:
                    self._write(now)
        except OSError:
            pass  # what was kept is damaged, or cannot be read
        finally:
            self._figures.close()
        if self._figures.is_damaged:  # else nothing could be kept beside it ever again
            remembered.forget(self._home, remembered.SCALARS)

    def _write(self, now: Moment) -> None:
        rows = self._table.rows_of({*rundir.names(self._top)})
        size, behind = self._figures.packed({row: place for place, row in enumerate(rows)})
        parts = self._table.packed(rows)
        remembered.write_with(self._home, now, remembered.SCALARS, parts, behind, size)


def of(home: str, top: str, count: int) -> Optional[RememberedScalars]:
    """What is remembered of so many runs; None where change times tell too little of them."""
    now = remembered.moment(home)
    return None if now is None else RememberedScalars(home, top, count, now)
