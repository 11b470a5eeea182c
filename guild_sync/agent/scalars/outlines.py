"""Outlines of curves: so few of their points that a picture of them looks the same."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ..protocol import OUTLINE_PIECES, Figure, Outline


def outline(steps: Sequence[int], values: Sequence[Figure], pieces: int) -> Outline:
    """Of each of so many pieces of a curve its lowest and its highest point; and its ends.

    Of what is no finite number one is told in each piece that has some.
    """
    count = min(len(steps), len(values))
    numbers = [value for value in values if not isinstance(value, str)]
    if count <= 2 * pieces:
        places = list(range(count))
    elif len(numbers) == len(values):
        places = _with_ends(_extremes(numbers, count, pieces), count)
    else:
        places = _with_ends(_extremes_between(values, count, pieces), count)
    return {
        "step": [steps[at] for at in places],
        "value": [values[at] for at in places],
        "of": count,
    }


def is_worth_keeping(count: int) -> bool:
    """Whether an outline of a curve of so many points is much smaller than these."""
    return count > 4 * OUTLINE_PIECES


def _with_ends(places: List[int], count: int) -> List[int]:
    """With where a curve begins, and its last number, which is what people look for."""
    return [*range(min(places[0], 1)), *places, *range(max(places[-1] + 1, count - 1), count)]


def _extremes(values: Sequence[float], count: int, pieces: int) -> List[int]:
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
