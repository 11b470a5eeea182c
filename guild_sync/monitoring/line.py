"""A line of `guild check`: what was looked at, and what to do where it is not right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from guild_sync.errors import Exit, GuildError
from guild_sync.output.tables import table
from guild_sync.output.terminal import clean


class Line(NamedTuple):
    """One thing that was looked at. Where it is not right, `hint` says what to do."""

    name: str
    text: str
    hint: str = ""
    ok: bool = True
    exit: Exit = Exit.OK
    figures: Mapping[str, float] | None = None  # what the text says, for programs


def fault(name: str, error: GuildError) -> Line:
    return Line(name, error.message, error.hint, ok=False, exit=error.exit)


def to_do(name: str, text: str, hint: str) -> Line:
    return Line(name, text, hint, ok=False, exit=Exit.ERROR)


def told(name: str, lines: Sequence[Line]) -> Iterator[str]:
    """The lines of one host as people read them, each that is to be done with what to do."""
    yield clean(name)
    rows = [("", line.name, "ok" if line.ok else "to do", clean(line.text)) for line in lines]
    for row, line in zip(table(rows), lines, strict=True):
        yield row
        yield from (f"      {clean(hint)}" for hint in ([] if line.ok else line.hint.splitlines()))
