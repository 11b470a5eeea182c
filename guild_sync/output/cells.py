"""Columns that were asked for, as people see them: headings, and what a run has there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guild_sync.agent import columns
from guild_sync.agent.protocol import ListedRun, ListedRuns, Run, ScalarForm, Value, flags_of
from guild_sync.errors import GuildError
from guild_sync.output.formats import date, finite, lasted, shown
from guild_sync.output.terminal import Styled, clean

_DATES = ("started", "stopped", "initialized", "staged")


def headings(asked: Sequence[str]) -> list[str]:
    """What is above these columns."""
    return [Styled.of(clean(columns.column(text).heading), "bold") for text in asked]


def cells(asked: Sequence[str], run: ListedRun) -> list[str]:
    """What a run has in these columns; empty where nothing."""
    pairs = zip(asked, run["cells"], strict=False)  # a remote may tell of fewer
    found = [_shown(columns.column(text).text, cell["value"], run) for text, cell in pairs]
    return found + [""] * (len(asked) - len(found))


def scalar(name: str, found: ScalarForm) -> str:
    """A scalar in a line: `loss: 0.25 (step 9; min 0.2, max 0.9, 10 values)`."""
    parts = [f"min {shown(found['min'])}", f"max {shown(found['max'])}"]
    counts = f"{found['count']} value{'' if found['count'] == 1 else 's'}"
    told = ", ".join([*(parts if found["count"] > 1 and found["min"] is not None else []), counts])
    return f"{clean(name)}: {shown(found['last'])} (step {found['step']}; {told})"


def last_ones(found: Mapping[str, ScalarForm], most: int) -> str:
    """The last values of so many scalars: `loss 0.25, acc 0.9`; empty where there is none."""
    told = [f"{clean(name)} {shown(one['last'])}" for name, one in [*found.items()][:most]]
    more = f", {len(found) - most} more" if len(found) > most else ""
    return ", ".join(told) + more


def nowhere(answers: Sequence[ListedRuns]) -> list[GuildError]:
    """What is to be said of each column that no run has, on any of the hosts that were asked."""
    first, *others = [answer["unknown"] for answer in answers] or [{}]
    found: list[GuildError] = []
    for name, alike in first.items():
        if all(name in one for one in others):
            meant = f"Did you mean {clean(alike[0])!r}? " if alike else ""
            there = next((one["there"] for one in answers if one["there"]), "")
            told = f"There are {clean(there)}." if there else ""
            found.append(GuildError(f"no run has {clean(name)!r}", (meant + told).strip()))
    return found


def _shown(text: str, value: Value, run: Run) -> str:
    return date(value) if is_date(text, value) else as_lasting(text, value, run)


def as_lasting(text: str, value: Value, run: Run) -> str:
    """What a run has under a column's text: seconds that it took as such, all else as it is."""
    name = columns.name(text)
    is_span = name.is_time and (name.kind == "attr" or name.name not in flags_of(run))
    return lasted(finite(value)) if is_span and columns.is_number(value) else shown(value)


def is_date(text: str, value: Value) -> bool:
    """Whether what a run has under a column's text is a time, in microseconds since 1970."""
    name = columns.name(text)
    is_attribute = not name.is_scalar and name.kind != "flag"
    return name.name in _DATES and is_attribute and columns.is_number(value)
