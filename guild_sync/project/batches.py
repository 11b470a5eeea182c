"""Batches: flag lists and ranges on the command line, and one set of values for each trial."""

from __future__ import annotations

import itertools
import math
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from guild_sync.agent.protocol import Value
from guild_sync.errors import UsageError
from guild_sync.project.values import FlagValue, Several, list_in

MAX_TRIALS = 10_000  # more is a slip of the keyboard
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(
    rf"(?P<kind>range|linspace|logspace|)\[(?P<first>{_NUMBER}):(?P<last>{_NUMBER})"
    rf"(?::(?P<third>{_NUMBER}))?\]\Z"
)
_SPACED = 5  # values of a linspace or logspace that does not say how many


def listed(text: str) -> list[Value] | None:
    """What `[1,2,3]`, `[1:5]`, `[0:1:0.1]`, `linspace[0:1:5]` stand for; None for another text.

    A range has its end in it. Raises UsageError for one that has too many values, or none.
    """
    if match := _RANGE.match(text):
        try:
            found: list[Value] = list(itertools.islice(_values(match, text), MAX_TRIALS + 1))
        except OverflowError:
            raise UsageError(f"{text!r} has too large numbers") from None
        if not found or len(found) > MAX_TRIALS:
            count = f"more than {MAX_TRIALS}" if found else "no"
            raise UsageError(f"{text!r} has {count} values", "A range is [FIRST:LAST:STEP].")
        return found
    return list_in(text)


def is_range(text: str) -> bool:
    """Whether it stands for the values of a range."""
    return _RANGE.match(text) is not None


def _values(match: re.Match[str], text: str) -> Iterator[int | float]:
    first, last = _number(match["first"]), _number(match["last"])
    third = _number(match["third"]) if match["third"] else None
    if match["kind"] in ("", "range"):
        step = 1 if third is None else third
        if step == 0:
            raise UsageError(f"{text!r} has a step of 0")
        count = math.floor((last - first) / step + 1e-9) + 1
        for number in range(count):
            value = first + number * step
            yield round(value, 12) if isinstance(value, float) else value
        return
    count = int(third if third is not None else _SPACED)
    for number in range(count):
        value = first + (last - first) * (number / (count - 1) if count > 1 else 0)
        yield round(float(10**value if match["kind"] == "logspace" else value), 12)


def _number(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise UsageError(f"{text!r} is too large a number")
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else number


def is_batch(values: Mapping[str, FlagValue]) -> bool:
    """Whether some flag has several values."""
    return any(isinstance(value, Several) for value in values.values())


def with_rows(
    values: Mapping[str, FlagValue], rows: Sequence[Mapping[str, FlagValue]]
) -> dict[str, FlagValue]:
    """The values of a batch with what its files have: of each flag in them, all its values."""
    found = dict(values)
    for name in {name: None for row in rows for name in row}:
        items = [item for row in rows if name in row for item in _items(row[name])]
        distinct = {repr(item): item for item in items}
        found[name] = Several(tuple(distinct.values()))
    return found


def _items(value: FlagValue) -> tuple[Value, ...]:
    return value.items if isinstance(value, Several) else (value,)


def trials(
    values: Mapping[str, FlagValue],
    limit: int | None = None,
    seed: int | None = None,
    rows: Sequence[Mapping[str, FlagValue]] = (),
) -> list[dict[str, Value]]:
    """The flag values of each trial: every combination, the last flag changing fastest.

    With `rows`, those of each row in turn.
    Where there are more than `limit`, so many of them are drawn at random, in their order;
    the same `seed` draws the same. Raises UsageError for more than MAX_TRIALS.
    """
    wholes = [{**values, **row} for row in rows] or [dict(values)]
    choices = [list(map(_items, whole.values())) for whole in wholes]
    counts = [math.prod(map(len, of_row)) for of_row in choices]
    count = sum(counts)
    # Before any is made: the combinations may be more than memory holds.
    if (count if limit is None else min(count, limit)) > MAX_TRIALS:
        raise UsageError(
            f"these flags make {count} trials, more than {MAX_TRIALS}",
            "Use --max-trials for so many of them, drawn at random.",
        )
    wanted = range(count) if limit is None or limit >= count else _drawn(count, limit, seed)
    found = []
    row = before = 0
    for number in wanted:
        while number - before >= counts[row]:
            before, row = before + counts[row], row + 1
        combination = _combination(choices[row], number - before)
        found.append(dict(zip(wholes[row], combination, strict=True)))
    return found


def _drawn(count: int, limit: int, seed: int | None) -> list[int]:
    """So many of the first `count` numbers, at random, in their order."""
    generator = random.Random(seed)
    if count <= sys.maxsize:
        return sorted(generator.sample(range(count), limit))
    drawn: set[int] = set()  # a range as long as that has no length
    while len(drawn) < limit:
        drawn.add(generator.randrange(count))
    return sorted(drawn)


def _combination(choices: list[tuple[Value, ...]], number: int) -> list[Value]:
    """The combination with a number, as `itertools.product` would count them."""
    found = []
    for items in reversed(choices):
        number, at = divmod(number, len(items))
        found.append(items[at])
    return found[::-1]


def plain(value: FlagValue) -> Value:
    """The value as an attribute of the batch's run has it: several as a list."""
    return list(value.items) if isinstance(value, Several) else value
