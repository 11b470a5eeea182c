"""Scalars as files have them: their summaries as one JSON object, their points as JSON lines."""

from __future__ import annotations

import itertools
import json
import re
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from .. import forms, json_text
from ..protocol import OUTLINE_PIECES, Figure, Outline, Points, ScalarForm, Value
from ..store import inside
from . import outlines
from .reading import clean_name
from .series import MOST_NAMES, ScalarSeries

# What the files of a run's scalars have at most: where their points take more, fewer are kept.
MOST_BYTES = 3 << 20
MOST_READ = 1 << 23  # bytes of a file of these that is read
_LEAST_POINTS = 16
# Who asks for an outline has no use for what is behind it in a line, or for times. In a name its
# quotes are others.
_BEHIND = b',"times":['
_TIMES = re.compile(rb'"times":\[[-0-9,]*\],')


class SeriesLine(NamedTuple):
    """The points of one scalar, and whose they are: a file that they were read from, or empty."""

    name: str
    source: str
    points: Points


class OutlineLine(NamedTuple):
    """As SeriesLine, of a scalar's outline."""

    name: str
    source: str
    outline: Outline


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
    """One of those lines: times and steps as what each is more than the one before it.

    Before many points there is their outline, so that whoever draws them need not read them.
    """
    steps, values = line.points["step"], line.points["value"]
    kept: Dict[str, object] = {"name": line.name}
    if line.source:
        kept["source"] = line.source
    if outlines.is_worth_keeping(len(values)):
        kept["outline"] = outlines.outline(steps, values, OUTLINE_PIECES)
    kept["times"] = _differences(line.points["time"])
    kept["steps"] = _differences(steps)
    kept["values"] = values
    return json.dumps(kept, separators=(",", ":")) + "\n"


def series_lines(folder: str, path: str, names: Sequence[str] = ()) -> List[SeriesLine]:
    """The points in such a file, of all names where none is asked for; not what is torn."""
    found = []
    for line in _lines(folder, path):
        try:
            value = json_text.read(line)
            read = _read_line(value) if isinstance(value, dict) else None
        except ValueError:
            continue
        if read and is_name(read.name) and (not names or read.name in names):
            found.append(read)
    return found


def outline_lines(folder: str, path: str, pieces: int) -> List[OutlineLine]:
    """The outlines of the points in such a file: those kept there, or else made of its points."""
    found = []
    for line in _lines(folder, path):
        try:
            kept = _kept_outline(line) if pieces == OUTLINE_PIECES else None
            read = kept or _made_outline(line, pieces)
        except ValueError:
            continue
        if read and is_name(read.name):
            found.append(read)
    return found


def _lines(folder: str, path: str) -> Iterator[bytes]:
    try:
        text = inside.read(folder, path, MOST_READ)
    except OSError:
        return iter(())
    return filter(None, text.split(b"\n"))


def _kept_outline(line: bytes) -> Optional[OutlineLine]:
    """The outline that a line begins with; None where it has none."""
    try:
        value = json_text.read(line[: line.index(_BEHIND)] + b"}")
        name, source = forms.read(str, value.get("name")), forms.read(str, value.get("source", ""))
        found = forms.read(Outline, value.get("outline"))
    except ValueError:
        return None
    is_one = 0 < len(found["step"]) == len(found["value"]) <= 4 * OUTLINE_PIECES
    is_one = is_one and _is_step(min(found["step"])) and _is_step(max(found["step"]))
    return OutlineLine(name, source, found) if is_one else None


def _made_outline(line: bytes, pieces: int) -> Optional[OutlineLine]:
    """The outline of the points in a line. Raises ValueError where it is none of ours."""
    value = json_text.read(_TIMES.sub(b"", line, count=1))
    if not isinstance(value, dict):
        return None
    name, source = forms.read(str, value.get("name")), forms.read(str, value.get("source", ""))
    steps = _sums(forms.read(List[int], value.get("steps")))
    values = forms.read(List[Figure], value.get("values"))
    if not all(map(_is_step, steps)):
        raise ValueError("a step beyond all steps")
    return OutlineLine(name, source, outlines.outline(steps, values, pieces))


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
