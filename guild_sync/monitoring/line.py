"""A line of `guild check`: what was looked at, and what to do where it is not right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guild_sync.errors import Exit, GuildError


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
