"""Which columns runs beside each other have: those that are asked for, or that tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from guild_sync.agent import columns as written
from guild_sync.agent.protocol import ColumnCell, ComparedRun, Value, flags_of
from guild_sync.fleet.listing import PlacedRun
from guild_sync.output import formats, runs
from guild_sync.output.cells import is_date

Placed = PlacedRun[ComparedRun]
# What a column tells of: the run itself; what guild.yml says under `compare`; what was asked for.
RUN, COMPARE, FLAG, SCALAR, ASKED = "run", "compare", "flag", "scalar", "asked"
DURATION = "duration"  # a cell that every run is to have, behind those that were asked for
SYSTEM = "sys/"  # what the scalars of the machine begin with, by Guild AI's name for them
# How much a column matters where there is no room for all: the first of these is kept longest.
_WEIGHTS = {ASKED: 2, COMPARE: 3, FLAG: 3, SCALAR: 4}
_CORE_WEIGHTS = {"run": 0, "status": 5, "time": 6, "operation": 7, "label": 8, "started": 9}


@dataclass(frozen=True)
class SideColumn:
    """A column: the value of each run in it; `weight` grows as it matters less."""

    heading: str
    kind: str
    value: Callable[[Placed], Value]
    weight: int = 9
    title: str = ""  # what it was to be called, where another one is called so
    text: str = ""  # what was asked for, as people write it

    @property
    def name(self) -> str:
        """Its heading where another kind of column has that one: `=lr`, `scalar:time`."""
        sign = {FLAG: "=", SCALAR: "scalar:"}.get(self.kind, f"{self.kind}:")
        return sign + self.heading


@dataclass(frozen=True)
class WantedColumns:
    """What of runs is to be beside each other."""

    asked: Sequence[str] = ()  # columns as people write them, first of all
    order: str = ""  # one that is shown though nothing else shows it: behind these, by its cell
    only_asked: bool = False
    core: bool = True  # status, time, operation, started, label
    of_operation: bool = True  # what guild.yml says, flags, scalars
    same: bool = False  # also flags that are the same in all runs
    extra: bool = False  # also who started them
    system: bool = False  # also scalars of the machine
    unchanged: bool = True  # also other columns that are the same in all runs
    placed: bool = False  # which of several remotes a run is on
    objective: str = ""  # a scalar to be shown first


def chosen(placed: Sequence[Placed], wanted: WantedColumns) -> list[SideColumn]:
    """The columns for these runs, in their order, each with a heading of its own."""
    found = [_core("run", lambda one: one.run["id"][:8])]
    if wanted.placed:
        found.append(_core("remote", lambda one: one.remote))
    own = {column.heading: column for column in _CORE if column.heading in wanted.asked}
    asked = [*_of_cells(ASKED, wanted.asked, placed)]
    found += [own.get(column.heading, column) for column in asked]
    if wanted.extra:
        found.append(_core("started_by", lambda one: runs.starter(one.run)))
    if not wanted.only_asked:
        found += _of_operations(placed, wanted) if wanted.of_operation else ()
    if wanted.order:
        found += _of_cells(ASKED, [wanted.order], placed)
    if not wanted.only_asked:
        found += _CORE if wanted.core else ()
    found = _with_own_headings(found, placed)
    if not wanted.unchanged and len(placed) > 1:
        found = [c for c in found if c.heading == "run" or not is_same(c, placed)]
    return found


def is_same(column: SideColumn, placed: Sequence[Placed]) -> bool:
    """Whether all runs have the same in a column."""
    values = [column.value(one) for one in placed]
    return all(value == values[0] and type(value) is type(values[0]) for value in values)


def tell_the_same(first: SideColumn, second: SideColumn, placed: Sequence[Placed]) -> bool:
    """Whether in the second column each run has what it has in the first, where it has anything."""
    told = [(value, second.value(one)) for one in placed if (value := first.value(one)) is not None]
    return all(one == other for one, other in told)


def heading(text: str) -> str:
    """The heading of a column as people write it."""
    return written.column(text).heading


def flags(placed: Iterable[Placed]) -> list[SideColumn]:
    """A column for each flag that one of the runs has."""
    names = dict.fromkeys(name for one in placed for name in flags_of(one.run))
    return [_flag(name) for name in names]


def scalars(placed: Iterable[Placed]) -> list[SideColumn]:
    """A column for each scalar that one of the runs has: its last number."""
    names = dict.fromkeys(name for one in placed for name in one.run["scalars"])
    return [_scalar(name, written.Name(name)) for name in names]


def scalar(text: str) -> SideColumn:
    """The column of a scalar as people write it: `loss`, `min loss`."""
    return _scalar(heading(text), written.name(text))


def _scalar(title: str, name: written.Name) -> SideColumn:
    def value(one: Placed) -> Value:
        found = one.run["scalars"].get(name.name)
        return None if found is None else written.figure_of(found, name.qualifier, name.is_step)

    return SideColumn(title, SCALAR, value, _WEIGHTS[SCALAR])


def _of_operations(placed: Sequence[Placed], wanted: WantedColumns) -> list[SideColumn]:
    """What guild.yml says of the operations; of others their flags and scalars."""
    named = dict.fromkeys(cell["heading"] for one in placed for cell in one.run["compare"])
    found = [*_of_cells(COMPARE, [*named], placed)]
    others = [one for one in placed if not one.run["compare"]]
    shows_all = wanted.same or len(placed) == 1
    found += [c for c in flags(others) if shows_all or not is_same(c, placed)]
    shown = scalars(others)
    if wanted.objective:
        objective = scalar(wanted.objective)
        if not any(tell_the_same(objective, column, placed) for column in found):
            shown.insert(0, objective)
    return found + [c for c in shown if wanted.system or not c.heading.startswith(SYSTEM)]


def _of_cells(kind: str, texts: Sequence[str], placed: Sequence[Placed]) -> Iterator[SideColumn]:
    """A column for each of these texts of which runs have a cell of that kind."""
    there = {cell["heading"] for one in placed for cell in _cells(kind, one)}
    for text in dict.fromkeys(texts):
        # What guild.yml names is known by its heading alone.
        column = written.column(text) if kind == ASKED else written.Column(text, text)
        if column.heading in there:
            yield _of_cell(kind, column)


def _cells(kind: str, one: Placed) -> Sequence[ColumnCell]:
    return one.run["cells"] if kind == ASKED else one.run["compare"]


def _of_cell(kind: str, column: written.Column) -> SideColumn:
    def value(one: Placed) -> Value:
        cells = _cells(kind, one)
        found = next((cell["value"] for cell in cells if cell["heading"] == column.heading), None)
        flag = flags_of(one.run).get(column.heading) if kind == COMPARE else None
        is_time = is_date(column.text, found) and found != flag
        return formats.date(found) if is_time else found

    return SideColumn(column.heading, kind, value, _WEIGHTS[kind], text=column.text)


def _flag(name: str) -> SideColumn:
    return SideColumn(name, FLAG, lambda one: flags_of(one.run).get(name), _WEIGHTS[FLAG])


def _core(heading: str, value: Callable[[Placed], Value]) -> SideColumn:
    return SideColumn(heading, RUN, value, _CORE_WEIGHTS.get(heading, 1))


def seconds(one: Placed) -> Value:
    """How long a run took, or has taken as far as its host knows; None where that is not known."""
    # The last of these: a column of one's own may be called so, too.
    found = [cell["value"] for cell in one.run["cells"] if cell["heading"] == DURATION]
    return formats.finite(found[-1]) if found else None


def _started(one: Placed) -> Value:
    return formats.date(one.run["started"] or one.run["initialized"])


_CORE = (
    _core("status", lambda one: one.run["status"]),
    _core("time", seconds),
    _core("operation", lambda one: runs.operation(one.run)),
    _core("started", _started),
    _core("label", lambda one: one.run["label"]),
)
CORE = ("run", "remote", *(column.heading for column in _CORE))  # what every run has


def _with_own_headings(found: Sequence[SideColumn], placed: Sequence[Placed]) -> list[SideColumn]:
    """The columns, none with the heading of another.

    What guild.yml or the command line names counts before what it is called like. A flag, a scalar
    and what every run has are columns of their own where they have one name.
    """
    kept: dict[str, SideColumn] = {}
    own = {column.heading for column in found if column.kind == RUN}
    for column in found:
        heading = column.heading
        if column.kind == RUN:
            kept.setdefault(heading, column)
            continue
        if column.kind in (FLAG, SCALAR) and heading in own:
            heading = column.name
        before = kept.get(heading)
        if before and (before.kind == column.kind or _is_told(column, before, placed)):
            continue
        if before and before.kind in (COMPARE, ASKED) and tell_the_same(before, column, placed):
            kept[heading] = _filled(before, column)
        else:
            heading = column.name if before else heading
            kept.setdefault(heading, replace(column, heading=heading, title=column.heading))
    return [*kept.values()]


def _is_told(column: SideColumn, before: SideColumn, placed: Sequence[Placed]) -> bool:
    """Whether what was asked for is what a column tells that is there already."""
    return column.kind == ASKED and tell_the_same(column, before, placed)


def _filled(first: SideColumn, second: SideColumn) -> SideColumn:
    def value(one: Placed) -> Value:
        found = first.value(one)
        return second.value(one) if found is None else found

    return replace(first, value=value)
