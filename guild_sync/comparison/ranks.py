"""Which runs are best by a number: their ranks, and the tones that these are shown in."""

from __future__ import annotations

from collections.abc import Sequence

BEST, GOOD, FAIR, POOR = "best", "good", "fair", "poor"


def ranks(numbers: Sequence[float | None], greatest: bool = False) -> list[int | None]:
    """The rank of each number, 1 for the best; equal ones have the same, None has none."""
    known = sorted((n for n in numbers if n is not None), reverse=greatest)
    first: dict[float, int] = {}
    for at, number in enumerate(known):
        first.setdefault(number, at + 1)
    return [None if number is None else first[number] for number in numbers]


def tones(ranked: Sequence[int | None]) -> list[str]:
    """How good each rank is among all: `best`, then thirds; empty where nothing is to be told."""
    distinct = sorted({rank for rank in ranked if rank is not None})
    if len(distinct) < 2:
        return ["" for _ in ranked]
    place = {rank: at / (len(distinct) - 1) for at, rank in enumerate(distinct)}
    return ["" if rank is None else _tone(place[rank]) for rank in ranked]


def _tone(place: float) -> str:
    if not place:
        return BEST
    return GOOD if place <= 1 / 3 else FAIR if place <= 2 / 3 else POOR
