"""What a name stands for in a run: an attribute, a flag, a scalar, or how long it took."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Dict, Iterator, NamedTuple, Optional, Union

from ..protocol import NOT_FINITE, Figure, Opref, ScalarForm, Value, now, number
from ..store import rundir
from .looks import READ, Looks

if TYPE_CHECKING:
    Number = Union[int, float]

# What may stand before a scalar's name, and which of its numbers that is.
QUALIFIERS = ("last", "first", "min", "max", "mean", "count")
_ALIKE = {"avg": "mean"}  # as Guild AI has it
PREFIXES = (*QUALIFIERS, *_ALIKE)
# Whose step is kept, and where: of others it is not known when they were printed.
_STEPS = {"": "step", "last": "step", "min": "min_step", "max": "max_step"}
# How long a run took, in seconds: of a run that runs, until now.
OF_TIME = ("duration", "time")
KINDS = ("flag", "attr", "scalar")
_SIGNS = {"=": "flag", ".": "attr"}  # as Guild AI has them
_NAME = re.compile(
    r"(?:(?P<qualifier>%s)\s+(?=\S))?"
    r"(?:(?P<kind>%s):|(?P<sign>[=.]))?"
    r"(?P<name>\"[^\"]+\"|'[^']+'|.+?)"
    r"(?P<step>\s+step)?\Z" % ("|".join(PREFIXES), "|".join(KINDS)),
    re.S,
)


class Name(NamedTuple):
    """A name as people write it: `loss`, `min loss`, `flag:lr`, `=lr`, `.label`, `loss step`."""

    name: str
    kind: str = ""  # of KINDS; empty: what of that name there is
    qualifier: str = ""  # of QUALIFIERS; of a scalar, as `is_step`; empty: what else there is
    is_step: bool = False

    @property
    def is_scalar(self) -> bool:
        """Whether it means a scalar alone."""
        return bool(self.qualifier) or self.is_step or self.kind == "scalar"

    @property
    def is_time(self) -> bool:
        """Whether it may mean how long a run took."""
        return self.name in OF_TIME and not self.is_scalar and self.kind != "flag"


@lru_cache(maxsize=256)
def read(text: str) -> Name:
    """What a name's text means. One in quotes has no meaning beyond itself: `min "last loss"`."""
    found = _NAME.match(text.strip())
    if found is None:
        return Name(text)
    qualifier = found.group("qualifier") or ""
    kind = found.group("kind") or _SIGNS.get(found.group("sign") or "", "")
    name, is_step = found.group("name"), found.group("step") is not None
    if name[0] == name[-1] and name[0] in "'\"" and len(name) > 2:
        name = name[1:-1]
    if kind in ("flag", "attr") and (qualifier or is_step):  # which these have not
        return Name(text.strip())
    return Name(name, kind, _ALIKE.get(qualifier, qualifier), is_step)


def figure_of(scalar: ScalarForm, qualifier: str, is_step: bool = False) -> Optional[Figure]:
    """One of the numbers that are told of a scalar: its last where none is named."""
    figures: Dict[str, Optional[Figure]] = {
        "": scalar["last"],
        "last": scalar["last"],
        "first": scalar["first"],
        "min": scalar["min"],
        "max": scalar["max"],
        "mean": scalar["mean"],
        "count": scalar["count"],
        "step": scalar["step"],
        "min_step": scalar["min_step"],
        "max_step": scalar["max_step"],
    }
    if not is_step:
        return figures[qualifier]
    asked = _STEPS.get(qualifier)
    return None if asked is None or figures[qualifier] is None else figures[asked]


class RunValues:
    """What names stand for in one run. What several of them are read from is read once."""

    def __init__(self, directory: str, seen: Looks = READ) -> None:
        self._directory = directory
        self._seen = seen
        self._flags: Optional[Dict[str, Value]] = None
        self._scalars: Optional[Dict[str, ScalarForm]] = None

    def value(self, text: str) -> Value:
        """The first that there is of that name; None where there is nothing.

        That is an attribute, else a flag, else a scalar. A number may be one that JSON has not.
        """
        return next((value for value in self._found(read(text)) if value is not None), None)

    def number(self, text: str) -> Optional[Number]:
        """The first of that name that is a number: a flag's text stands before no scalar.

        None where there is none; what is not a number (nan) is none.
        """
        for value in self._found(read(text)):
            is_bool = isinstance(value, bool)
            if isinstance(value, (int, float)) and not is_bool and value == value:
                return value
        return None

    @property
    def flags(self) -> Dict[str, Value]:
        if self._flags is None:
            self._flags = rundir.mapping(rundir.read_attr(self._directory, "flags"))
        return self._flags

    @property
    def scalars(self) -> Dict[str, ScalarForm]:
        if self._scalars is None:
            from ..scalars import kept  # most questions are about something else

            self._scalars = kept.summaries(self._directory)
        return self._scalars

    def _found(self, name: Name) -> Iterator[Value]:
        is_any = name.kind == "" and not name.is_scalar
        if (is_any and not name.is_time) or name.kind == "attr":
            yield self._attribute(name.name)
        if is_any or name.kind == "flag":
            yield self.flags.get(name.name)
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
        return rundir.read_attr(directory, name) if rundir.is_attr_name(name) else None

    def _figure(self, name: Name) -> Value:
        scalar = self.scalars.get(name.name)
        if scalar is None:
            return None
        figure = figure_of(scalar, name.qualifier, name.is_step)
        return number(figure) if isinstance(figure, str) else figure

    def _duration(self) -> Value:
        """Seconds from the run's start to its end, or to when it was last known to run."""
        started, stopped = (rundir.read_attr(self._directory, n) for n in ("started", "stopped"))
        if not isinstance(started, int):
            return None
        if not isinstance(stopped, int) or stopped < started:
            if self._seen.status(self._directory) != "running":
                return None
            known = rundir.confirmed(self._directory)  # of a copy: by its remote's word
            stopped = known["time"] if known else now()
        return max(stopped - started, 0) / 1e6


def operation_name(directory: str, seen: Looks = READ) -> str:
    """`gpkg.hello/model:op`, as a listing shows it."""
    return name_of(seen.opref(directory))


def name_of(opref: Opref) -> str:
    """The name of an operation, with its package and model before it."""
    name = "%s:%s" % (opref["model"], opref["name"]) if opref["model"] else opref["name"]
    return "%s/%s" % (opref["package"], name) if opref["type"] == "package" else name


def is_number(value: object) -> bool:
    """Whether it is a number; a truth is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def travelling(value: Value) -> Value:
    """A value as JSON can carry it: numbers that it has not become texts of NOT_FINITE."""
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return NOT_FINITE[0] if value != value else NOT_FINITE[1 if value > 0 else 2]
    return value
