"""Scalars as files have them: their summaries as one JSON object, their points as JSON lines."""

from __future__ import annotations

import itertools
import json
from typing import Dict, Iterable, List, Mapping, NamedTuple, Sequence

from .. import forms, json_text
from ..protocol import Points, ScalarForm, Value
from ..store import inside
from .reading import clean_name
from .series import MOST_NAMES, ScalarSeries

# What the files of a run's scalars have at most: where their points take more, fewer are kept.
MOST_BYTES = 3 << 20
MOST_READ = 1 << 23  # bytes of a file of these that is read
_LEAST_POINTS = 16


class SeriesLine(NamedTuple):
    """The points of one scalar, and whose they are: a file that they were read from, or empty."""

    name: str
    source: str
    points: Points


def summaries_of(found: Value) -> Dict[str, ScalarForm]:
    """The summaries in a mapping of names to them; what is none is passed over.

    So are names that none of ours has, and those of more scalars than a run can have.
    """
    read: Dict[str, ScalarForm] = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        if len(read) == MOST_NAMES:
            break
        try:
            form = forms.read(ScalarForm, value) if is_name(name) else None
            if form and all(map(_is_step, (form["step"], form["min_step"], form["max_step"]))):
                read[name] = form
        except forms.Misread:
            pass
    return read


def summaries_from(
    found: Mapping[str, ScalarSeries], is_partial: bool = False
) -> Dict[str, ScalarForm]:
    """The summaries of these; `is_partial`: of some of the numbers that there are."""
    forms_of = {name: series.summary() for name, series in found.items()}
    if is_partial:
        for form in forms_of.values():
            form["partial"] = True
    return forms_of


def points_text(
    found: Mapping[str, ScalarSeries], source: str = "", most_bytes: int = MOST_BYTES
) -> str:
    """Lines with the points of these, so few of each that they do not take too much."""
    while True:
        lines = [series_line(SeriesLine(name, source, s.points())) for name, s in found.items()]
        most = max((len(series.values) for series in found.values()), default=0)
        if sum(map(len, lines)) <= most_bytes or most <= _LEAST_POINTS:
            return "".join(lines)
        for series in found.values():
            series.keep_at_most(most // 2)


def series_line(line: SeriesLine) -> str:
    """One of those lines: times and steps as what each is more than the one before it."""
    kept = {
        "name": line.name,
        "source": line.source,
        "times": _differences(line.points["time"]),
        "steps": _differences(line.points["step"]),
        "values": line.points["value"],
    }
    if not line.source:
        del kept["source"]
    return json.dumps(kept, separators=(",", ":")) + "\n"


def series_lines(folder: str, path: str, names: Sequence[str] = ()) -> List[SeriesLine]:
    """The points in such a file, of all names where none is asked for; not what is torn."""
    try:
        text = inside.read(folder, path, MOST_READ)
    except OSError:
        return []
    found = []
    for line in text.split(b"\n"):
        try:
            value = json_text.read(line) if line else None
            read = _read_line(value) if isinstance(value, dict) else None
        except ValueError:
            continue
        if read and is_name(read.name) and (not names or read.name in names):
            found.append(read)
    return found


def is_name(name: str) -> bool:
    """Whether a scalar can have that name: a file of another's making may have any."""
    return bool(name) and clean_name(name) == name


def _read_line(value: Dict[str, Value]) -> SeriesLine:
    """Raises ValueError where that is none."""
    name, source = forms.read(str, value.get("name")), forms.read(str, value.get("source", ""))
    raw = {
        "time": _sums(forms.read(List[int], value.get("times"))),
        "step": _sums(forms.read(List[int], value.get("steps"))),
        "value": value.get("values"),
    }
    points = forms.read(Points, raw)
    if not len(points["time"]) == len(points["step"]) == len(points["value"]):
        raise ValueError("lists of several lengths")
    if not all(map(_is_step, points["step"])):
        raise ValueError("a step beyond all steps")
    return SeriesLine(name, source, points)


def _is_step(step: int) -> bool:
    """Whether a program can have counted so far: what is shown of steps is made for these."""
    return -(1 << 63) <= step < 1 << 63


def _differences(numbers: Sequence[int]) -> List[int]:
    return [after - before for before, after in zip([0, *numbers], numbers)]


def _sums(differences: Iterable[int]) -> List[int]:
    return [*itertools.accumulate(differences)]
