"""What of runs tells which are meant, and in which order: read, or remembered.

A listing of 100,000 runs would spend its time on opening small files. So what was read of a run
that is over is remembered, each thing for as long as the file or folder that it was read from is as
it was (`remembered.py`), which takes one look. Who changes a run, in whatever way, changes one of
these. What is open, waits, is lost or a batch is read each time.
"""

from __future__ import annotations

import os
import stat as modes
from contextlib import contextmanager
from itertools import compress
from typing import (
    TYPE_CHECKING,
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

from ..errors import refuse_exhaustion
from ..protocol import MANY_RUNS, Opref
from ..store import inside, rundir

if TYPE_CHECKING:
    from .numbers import RememberedScalars
    from .remembered import Form, Moment, Table

Found = TypeVar("Found")
Work = Callable[[Sequence[str]], List[Found]]  # what it finds of runs, in any order

# What is looked at of a run, and where that is.
GUILD, STARTED, EXIT, STOPPED, OPREF = range(5)
_PLACES = ("", "/attrs/started", "/attrs/exit_status", "/attrs/stopped", "/opref")
_OPEN = (rundir.LOCK_REMOTE, rundir.PENDING, rundir.STAGED, rundir.LOCK_LOST, rundir.BATCH)
_STATUSES = ("completed", "error", "terminated")
# Any run; one with folders that are no links, and none of the marks of _OPEN; such a copy.
_ANY, _OWN, _COPY = range(3)
_UNSEEN = 255  # in place of these: the other process has not found out which it is
_LARGE = 1 << 62  # what a column holds
# Runs that are looked at in one way before the same are in another: for so long a processor has
# at hand what the kernel knows of them.
_AT_A_TIME = 250
_BY_TWO = 10_000  # runs, of fewer of which two processes have no less to do than one


class Looks:
    """The runs `names` in the folder `top` as they are: all that is asked of one is read.

    With a guild home scalars of so many runs are remembered there.
    """

    def __init__(self, top: str, names: Sequence[str] = (), home: str = "", count: int = 0) -> None:
        self.top = top
        self.names = names
        self._home = home
        self._count = count
        self._scalars: Optional[RememberedScalars] = None

    def keep(self) -> None:
        """Keep what was read, where that is worth it, so that it need not be read again."""
        if self._scalars is not None:
            self._scalars.keep()

    def scalars(self) -> Optional[RememberedScalars]:
        """What is remembered of scalars; None where they are to be read."""
        if self._scalars is None and self._home and self._count:
            from . import numbers  # most listings have no use for it

            self._scalars = numbers.of(self._home, self.top, self._count)
            self._count = self._count if self._scalars is not None else 0
        return self._scalars

    def every(self, work: Work[Found], reads: bool = False) -> List[Found]:
        """What `work` finds of all runs, of which it gets some at a time.

        `reads`: it reads of runs what these looks do not remember, and may remember that
        elsewhere, so it is done in this process alone.
        """
        return _of_parts(work, self.names)

    def times(self, names: Sequence[str]) -> List[Tuple[int, str]]:
        """Those that are runs, each behind when it started, as rundir.time_of has it."""
        above = self.top + "/"
        found = ((rundir.time_of(above + name), name) for name in names)
        return [(time, name) for time, name in found if time is not None]

    def likely_times(self) -> List[Tuple[int, str]]:
        """As `times` of all, as cheap as can be: one may be later than it is, of what is no run."""
        return self.times(self.names)

    def indexed(self, names: Sequence[str]) -> List[str]:
        """Those that have an index."""
        return rundir.indexed(self.top, names)

    def with_status(self, names: Sequence[str], wanted: Collection[str]) -> List[str]:
        """Those that have one of the statuses."""
        return [name for name in names if self.status(self.top + "/" + name) in wanted]

    def of_operation(self, names: Sequence[str], is_meant: Callable[[Opref], bool]) -> List[str]:
        """Those whose operation is meant."""
        return [name for name in names if is_meant(self.opref(self.top + "/" + name))]

    def maybe_open(self) -> Sequence[str]:
        """Those that may be open, or torn copies: no other is."""
        return self.names

    def status(self, directory: str) -> str:
        """The text of the run's status."""
        return rundir.status(directory).text

    def opref(self, directory: str) -> Opref:
        """As rundir.opref."""
        return rundir.opref(directory)


def _of_parts(work: Work[Found], names: Sequence[str]) -> List[Found]:
    """What `work` finds of these, so few at a time that several looks cost little more than one."""
    parts = (names[first : first + _AT_A_TIME] for first in range(0, len(names), _AT_A_TIME))
    return [found for part in parts for found in work(part)]


READ = Looks("")


@contextmanager
def of(home: str, deleted: bool = False, names: Optional[Sequence[str]] = None) -> Iterator[Looks]:
    """Looks at all runs of this guild home; what is read of many is remembered after `with`.

    Where it is known, their order is near to that of a listing. `names`: of all, where known.
    """
    top = rundir.runs_dir(home, deleted)
    names = rundir.names(top) if names is None else names
    found = Looks(top, names)
    if len(names) >= MANY_RUNS and not deleted:
        from . import remembered  # most guild homes have fewer runs

        now = remembered.moment(home)
        if now is not None:
            found = Remembering(home, top, names, now, remembered.read(home, now, form()))
    yield found
    found.keep()


@contextmanager
def of_values(home: str, count: int, deleted: bool = False) -> Iterator[Looks]:
    """Looks at so many runs of this guild home, each of which is asked for values; as `of`."""
    is_worth_it = count >= MANY_RUNS and not deleted
    found = Looks(rundir.runs_dir(home, deleted), home=home if is_worth_it else "", count=count)
    yield found
    found.keep()


def form() -> Form:
    """What is remembered of a run."""
    from .remembered import Form

    return Form("bqbbi", {GUILD: _COPY, EXIT: len(_STATUSES) - 1}, texts=(OPREF,), order=STARTED)


class Remembering(Looks):
    """Runs as they are, of which what was read before is remembered where it holds."""

    def __init__(
        self, home: str, top: str, names: Sequence[str], now: Moment, table: Table
    ) -> None:
        from . import remembered

        self._now = now
        self._settled = remembered.settled()
        self._table = table
        self._kinds: Dict[str, int] = {}  # of the runs that were looked at so far
        self._news = 0
        # In a process that looks at half of them: those that are not as they were, for the first
        # to read. None in the first.
        self._asked: Optional[Set[str]] = None
        rows = table.rows
        is_here, others = bytearray(len(table.ids)), []
        for name in names:
            row = rows.get(name, -1)
            if row >= 0:
                is_here[row] = True
            else:
                others.append(name)
        self._gone = is_here.count(False)
        super().__init__(top, [*compress(table.ids, is_here), *others], home, len(names))

    def every(self, work: Work[Found], reads: bool = False) -> List[Found]:
        known = len(self._table.ids) - self._gone  # the first of all names
        if reads or known < _BY_TWO:
            return super().every(work)
        from . import beside

        if not beside.is_sooner():
            return super().every(work)
        half = known // 2
        names, rest = self.names[half:known], [*self.names[:half], *self.names[known:]]
        found, told = beside.both(
            lambda: _of_parts(work, rest), lambda: self._known_alone(work, names)
        )
        if told is None:
            return [*found, *_of_parts(work, names)]
        others, kinds, asked = told
        self._kinds.update((n, kind) for n, kind in zip(names, kinds) if kind != _UNSEEN)
        return [*found, *others, *_of_parts(work, asked)]

    def _known_alone(
        self, work: Work[Found], names: Sequence[str]
    ) -> Tuple[List[Found], bytes, List[str]]:
        """What `work` finds of those that are as they were, the kinds of all, and the other runs.

        Nothing is read. What it changes here is lost: it is called in a process of its own.
        """
        self._asked = set()
        found = _of_parts(work, names)
        kinds = bytes(self._kinds.get(name, _UNSEEN) for name in names)
        return found, kinds, [*self._asked]

    def keep(self) -> None:
        super().keep()
        from . import remembered

        # Often enough that little is read again, and seldom enough that it costs little.
        if max(self._news, self._gone) > len(self.names) // 100:
            now = remembered.still(self._home, self._now)
            if now is not None:
                remembered.write(self._home, now, self._table, set(self.names))

    def times(self, names: Sequence[str]) -> List[Tuple[int, str]]:
        plain, others = self._plain_of(names)
        return [*self._started(plain), *super().times(others)]

    def likely_times(self) -> List[Tuple[int, str]]:
        return self.every(self._started)

    def indexed(self, names: Sequence[str]) -> List[str]:
        plain, others = self._plain_of(names)
        if not others:
            return plain
        found = {*plain, *super().indexed(others)}
        return [name for name in names if name in found]

    def with_status(self, names: Sequence[str], wanted: Collection[str]) -> List[str]:
        plain, others = self._plain_of(names)
        same, changed = self._known(EXIT, plain)
        ids, statuses = self._table.ids, self._table.values[EXIT]
        codes = {code for code, status in enumerate(_STATUSES) if status in wanted}
        found = [ids[row] for row in same if statuses[row] in codes]
        return [*found, *super().with_status([*changed, *others], wanted)]

    def of_operation(self, names: Sequence[str], is_meant: Callable[[Opref], bool]) -> List[str]:
        plain, others = self._plain_of(names)
        same, changed = self._known(OPREF, plain)
        ids, texts, oprefs = self._table.ids, self._table.texts, self._table.values[OPREF]
        places = {oprefs[row] for row in same}
        meant = {place for place in places if is_meant(rundir.parsed_opref(texts[place]))}
        found = [ids[row] for row in same if oprefs[row] in meant]
        return [*found, *super().of_operation([*changed, *others], is_meant)]

    def maybe_open(self) -> Sequence[str]:
        return self.every(self._maybe_open)

    def _maybe_open(self, names: Sequence[str]) -> List[str]:
        plain, found = self._plain_of(names)
        copies = [name for name in plain if self._kinds[name] == _COPY]
        for what in (EXIT, STOPPED, STARTED):
            same, changed = self._known(what, copies)
            copies = [self._table.ids[row] for row in same]
            found += changed
        return found

    def status(self, directory: str) -> str:
        row = self._row_of(directory, EXIT)
        return super().status(directory) if row < 0 else _STATUSES[self._table.values[EXIT][row]]

    def opref(self, directory: str) -> Opref:
        row = self._row_of(directory, OPREF)
        if row < 0:
            return super().opref(directory)
        return rundir.parsed_opref(self._table.texts[self._table.values[OPREF][row]])

    def _row_of(self, directory: str, what: int) -> int:
        """The row of a run that is as it was there; else -1."""
        plain, _ = self._plain_of([directory[len(self.top) + 1 :]])
        same, _ = self._known(what, plain)
        return same[0] if same else -1

    def _started(self, names: Sequence[str]) -> List[Tuple[int, str]]:
        same, changed = self._known(STARTED, names)
        ids, times = self._table.ids, self._table.values[STARTED]
        return [*((times[row], ids[row]) for row in same), *super().times(changed)]

    def _plain_of(self, names: Sequence[str]) -> Tuple[List[str], List[str]]:
        """Those whose folders are no links, with none of the marks of `_OPEN`; and the others."""
        kinds, known = self._kinds, self._table.values[GUILD]
        same, changed = self._known(GUILD, [name for name in names if name not in kinds])
        kinds.update(zip(changed, (_kind(self.top + "/" + name) for name in changed)))
        kinds.update((self._table.ids[row], known[row]) for row in same)
        return (
            [name for name in names if kinds.get(name, _ANY) != _ANY],
            [name for name in names if kinds.get(name) == _ANY],
        )

    def _known(self, what: int, names: Sequence[str]) -> Tuple[List[int], List[str]]:
        """The rows of those that are as they were there, and the others, which are to be read.

        In a process that reads none the others are noted in `_asked`, and not returned.
        A look at each run, and no other call: it is what a listing spends its time on.
        """
        same: List[int] = []
        others: List[str] = []
        above, place, lstat = self.top + "/", "/.guild" + _PLACES[what], os.lstat
        inodes, changes = self._table.inodes[what], self._table.changes[what]
        device, rows = self._now.device, self._table.rows
        for name in names:
            try:
                seen = lstat(above + name + place)
            except OSError as e:
                refuse_exhaustion(e)
                others.append(name)
                continue
            row = rows.get(name, -1)
            if (
                row >= 0
                and seen.st_ctime_ns == changes[row]
                and seen.st_ino == inodes[row]
                and seen.st_dev == device
            ):
                same.append(row)
            else:
                others.append(name)
                if self._asked is None:
                    self._learn(name, what, seen)
        if self._asked is not None:
            self._asked.update(others)
            others = []
        return same, others

    def _learn(self, name: str, what: int, seen: os.stat_result) -> None:
        """Remember what is there, as it was when it was looked at just before or has changed since.

        Nothing where it has changed so short a time before that it may do so unseen.
        """
        is_settled = seen.st_ctime_ns < self._settled and seen.st_dev == self._now.device
        if not is_settled or not (modes.S_ISDIR if what == GUILD else modes.S_ISREG)(seen.st_mode):
            return
        value = self._value(self.top + "/" + name, what)
        if value is None:
            return
        table = self._table
        row = table.row_of(name)
        table.values[what][row] = value
        table.inodes[what][row] = seen.st_ino
        table.changes[what][row] = seen.st_ctime_ns
        self._news += 1

    def _value(self, directory: str, what: int) -> Optional[int]:
        """What a run says there, as the table has it; None for what it is not to remember."""
        if what == GUILD:
            return _kind(directory) or None
        if what == OPREF:
            text = rundir.read_text(directory + "/.guild", "opref") or ""
            is_batch = rundir.parsed_opref(text)["name"] == rundir.OF_BATCH
            return None if is_batch else self._table.place_of(text)
        name = _PLACES[what].rpartition("/")[2]
        text = rundir.attr_texts(directory, (name,))[0] or ""
        if not text.strip():
            return None
        if what == EXIT:
            return _STATUSES.index(rundir.status_at_exit(text))
        if what == STOPPED:
            return 0
        try:
            started = int(text)
        except ValueError:
            return None
        return started if abs(started) < _LARGE else None


def _kind(directory: str) -> int:
    try:
        handle = inside.opened(directory + "/.guild")
    except OSError:
        return _ANY
    try:
        os.close(inside.opened("attrs", handle))  # a link leads to what is not the run's
        if any(os.access(mark, os.F_OK, dir_fd=handle) for mark in _OPEN):
            return _ANY
        is_copy = os.access(rundir.LOCK_CONFIRMED, os.F_OK, dir_fd=handle)
    except OSError:
        return _ANY
    finally:
        os.close(handle)
    return _COPY if is_copy else _OWN
