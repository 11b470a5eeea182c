"""What a name stands for in a run: an attribute, a flag, a scalar, or how long it took."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, Optional, Union

from .. import columns
from ..columns import Name
from ..protocol import (
    NOT_FINITE,
    Opref,
    ScalarForm,
    Value,
    moment_of,
    name_in_project,
    now,
    number,
)
from ..remembering.looks import READ, Looks
from ..store import rundir

if TYPE_CHECKING:
    Number = Union[int, float]


class RunValues:
    """What names stand for in one run. What several of them are read from is read once.

    `flags`: what the attribute says, where that was read before.
    """

    def __init__(self, directory: str, seen: Looks = READ, flags: Value = None) -> None:
        self._directory = directory
        self._seen = seen
        self._flags = None if flags is None else rundir.mapping(flags)
        self._scalars: Optional[Dict[str, ScalarForm]] = None

    def value(self, text: str) -> Value:
        """The first that there is of that name; None where there is nothing.

        That is an attribute, else a flag, else a scalar. A number may be one that JSON has not.
        """
        return next((value for value in self._found(columns.name(text)) if value is not None), None)

    def number(self, text: str) -> Optional[Number]:
        """The first of that name that is a number: a flag's text stands before no scalar.

        None where there is none; what is not a number (nan) is none.
        """
        return _first_number(self._found(columns.name(text)))

    def judged(self, text: str) -> Optional[Number]:
        """As `number`, of that by which runs are to be ordered: a scalar stands before a flag.

        Who sets `loss` to where it begins, and prints what it becomes, means the latter.
        """
        name = columns.name(text)
        printed = _first_number((self._figure(name),)) if not name.kind else None
        return _first_number(self._found(name)) if printed is None else printed

    @property
    def flags(self) -> Dict[str, Value]:
        """The run's flags."""
        if self._flags is None:
            self._flags = rundir.mapping(rundir.read_attr(self._directory, "flags"))
        return self._flags

    def _attr(self, name: str) -> Value:
        """An attribute; with it the flags are read, which are asked for next."""
        known = self._seen.scalars()
        if known is not None and known.lacks_attr(self._directory, name):
            return None
        if self._flags is not None:
            return rundir.read_attr(self._directory, name)
        found = rundir.read_attrs(self._directory, (name, "flags"))
        self._flags = rundir.mapping(found["flags"])
        return found[name]

    @property
    def scalars(self) -> Dict[str, ScalarForm]:
        """The run's scalars."""
        if self._scalars is None:
            known = self._seen.scalars()
            if known is not None:
                self._scalars = known.read(self._directory)
            else:
                from ..scalars import kept  # most questions are about something else

                self._scalars = kept.summaries(self._directory)
        return self._scalars

    def _found(self, name: Name) -> Iterator[Value]:
        is_any = name.kind == "" and not name.is_scalar
        if (is_any and not name.is_time) or name.kind == "attr":
            yield self._attribute(name.name)
        if is_any or name.kind == "flag":
            yield self._flag(name.name)
        if name.is_time:
            yield self._duration()
        if is_any or name.is_scalar:
            yield self._figure(name)

    def _attribute(self, name: str) -> Value:
        seen, directory = self._seen, self._directory
        if name == "operation":
            return operation_name(directory, seen)
        if name == "op":
            return seen.opref(directory)["name"]
        if name == "status":
            return seen.status(directory)
        if name == "id":
            return os.path.basename(directory)
        return self._attr(name) if rundir.is_attr_name(name) else None

    def _flag(self, name: str) -> Value:
        known = self._seen.scalars() if self._flags is None else None
        if known is not None and known.lacks_flag(self._directory, name):
            return None
        return self.flags.get(name)

    def _figure(self, name: Name) -> Value:
        known = self._seen.scalars() if self._scalars is None else None
        if known is not None:
            is_known, figure = known.figure(self._directory, name)
            if is_known:
                return number(figure) if isinstance(figure, str) else figure
        scalar = self.scalars.get(name.name)
        if scalar is None:
            return None
        figure = columns.figure_of(scalar, name.qualifier, name.is_step)
        return number(figure) if isinstance(figure, str) else figure

    def _duration(self) -> Value:
        """Seconds from the run's start to its end, or to when it was last known to run."""
        started, stopped = (
            moment_of(rundir.read_attr(self._directory, n)) for n in ("started", "stopped")
        )
        if started is None:
            return None
        if stopped is None or stopped < started:
            if self._seen.status(self._directory) != "running":
                return None
            known = rundir.confirmed(self._directory)  # of a copy: by its remote's word
            stopped = known["time"] if known else now()
        return max(stopped - started, 0) / 1e6


def _first_number(values: Iterable[Value]) -> Optional[Number]:
    """The first that is a number; nan is none."""
    for value in values:
        is_bool = isinstance(value, bool)
        if isinstance(value, (int, float)) and not is_bool and value == value:
            return value
    return None


def operation_name(directory: str, seen: Looks = READ) -> str:
    """`gpkg.hello/model:op`, as a listing shows it."""
    return name_of(seen.opref(directory))


def name_of(opref: Opref) -> str:
    """The name of an operation, with its package and model before it."""
    name = name_in_project(opref)
    return "%s/%s" % (opref["package"], name) if opref["type"] == "package" else name


def travelling(value: Value) -> Value:
    """A value as JSON can carry it: numbers that it has not become texts of NOT_FINITE."""
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return NOT_FINITE[0] if value != value else NOT_FINITE[1 if value > 0 else 2]
    return value
