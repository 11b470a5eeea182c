"""Outlines of a run's curves: so few of their points that a picture of them looks the same."""

from __future__ import annotations

import itertools
import re
from typing import Dict, List, Sequence

from .. import forms, json_text
from ..protocol import Figure, Outline
from ..store import inside, rundir
from . import derived, kept
from .files import MOST_READ, is_name

_MOST_PIECES = 1000
# Nobody asks for times: a third of what there is to read. In a name its quotes are others.
_TIMES = re.compile(rb'"times":\[[-0-9,]*\],')


def outlines(home: str, run_id: str, pieces: int) -> Dict[str, Outline]:
    """By name, of each of so many pieces of a scalar's curve its lowest and its highest point.

    Of what is no finite number one is told in each piece that has some.
    """
    directory = rundir.run_dir(home, run_id)
    pieces = max(1, min(pieces, _MOST_PIECES))
    is_whole = kept.is_whole(directory, kept.own(directory))
    others = {
        name: _outline(points["step"], points["value"], pieces)
        for name, points in derived.points(directory).items()
    }
    own = _own(directory, pieces)
    return {**others, **own} if is_whole else {**own, **others}


def _own(directory: str, pieces: int) -> Dict[str, Outline]:
    """Those that the run's runner has kept."""
    found: Dict[str, Outline] = {}
    try:
        text = inside.read(rundir.guild_dir(directory), kept.SERIES, MOST_READ)
    except OSError:
        return found
    for line in text.split(b"\n"):
        try:
            value = json_text.read(_TIMES.sub(b"", line, count=1)) if line else None
            if isinstance(value, dict):
                name = forms.read(str, value.get("name"))
                if not is_name(name):
                    continue
                steps = forms.read(List[int], value.get("steps"))
                values = forms.read(List[Figure], value.get("values"))
                found[name] = _outline([*itertools.accumulate(steps)], values, pieces)
        except ValueError:  # torn, or none of ours
            continue
    return found


def _outline(steps: Sequence[int], values: Sequence[Figure], pieces: int) -> Outline:
    count = min(len(steps), len(values))
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        places = _extremes(numbers, count, pieces)
    else:
        places = _extremes_between(values, count, pieces)
    return {
        "step": [steps[at] for at in places],
        "value": [values[at] for at in places],
        "of": count,
    }


def _extremes(values: Sequence[float], count: int, pieces: int) -> List[int]:
    if count <= 2 * pieces:
        return list(range(count))
    places: List[int] = []
    for piece in range(pieces):
        start = piece * count // pieces
        part = values[start : (piece + 1) * count // pieces]
        low, high = part.index(min(part)), part.index(max(part))
        if low == high:
            places.append(start + low)
        elif low < high:
            places += (start + low, start + high)
        else:
            places += (start + high, start + low)
    if places[-1] != count - 1:
        places.append(count - 1)  # the last number is what people look for
    return places


def _extremes_between(values: Sequence[Figure], count: int, pieces: int) -> List[int]:
    """As `_extremes`, where some are no finite numbers."""
    places: List[int] = []
    size = max(1, count // pieces)
    for start in range(0, count, size):
        numbers: Dict[int, float] = {}
        others: List[int] = []
        for at in range(start, min(start + size, count)):
            value = values[at]
            if isinstance(value, str):
                others.append(at)
            else:
                numbers[at] = value
        ends = [find(numbers, key=numbers.__getitem__) for find in (min, max)] if numbers else []
        places += sorted({*ends, *others[:1]})
    return places
