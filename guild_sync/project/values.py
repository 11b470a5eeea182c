"""The values of flags: as text, as words, as YAML shows them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from guild_sync.agent import value_words
from guild_sync.agent.protocol import Value
from guild_sync.agent.store import attrs


class Several(NamedTuple):
    """The values that a flag takes one after the other, in the trials of a batch."""

    items: tuple[Value, ...]


FlagValue = Value | Several


MOST_VALUES = 1_000_000  # in one file; aliases of YAML count each time


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_value(found: object, most: int = MOST_VALUES) -> Value:
    """What a YAML or JSON file holds, as a flag or an attribute has it: keys become text.

    Raises ValueError, with a message of one line, for what no flag can have, such as bytes, and
    for what is larger than that, or endless.
    """
    return _as_value(found, iter(range(most)), 0)


def _as_value(found: object, left: Iterator[int], depth: int) -> Value:
    if next(left, None) is None or depth > attrs.MAX_DEPTH:
        raise ValueError("it is too large, or nested too deeply")
    if isinstance(found, dict):
        return {str(key): _as_value(item, left, depth + 1) for key, item in found.items()}
    if isinstance(found, list):
        return [_as_value(item, left, depth + 1) for item in found]
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    raise ValueError(f"it has a value of the kind {type(found).__name__}, which no flag can have")


def mapping_in(text: str) -> dict[str, Value] | None:
    """The mapping that a word on the command line spells out; None for any other text."""
    value = None if "\n" in text else _spelled_out(text, "{}")
    return value if isinstance(value, dict) else None


def list_in(text: str) -> list[Value] | None:
    """The list that a word on the command line spells out; None for any other text."""
    value = _spelled_out(text, "[]")
    return value if isinstance(value, list) else None


def _spelled_out(text: str, brackets: str) -> Value:
    if not (text.startswith(brackets[0]) and text.endswith(brackets[1])):
        return None
    try:
        return attrs.decode(text)
    except attrs.AttrError:
        return None


def shown(value: FlagValue) -> str:
    """A flag's value as people write it, as `value_words.shown`; always on one line."""
    return value_words.shown([*value.items] if isinstance(value, Several) else value)


def argument_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    return value if isinstance(value, str) else attrs.encode(value).strip()


def variable_text(value: Value) -> str:
    """A value as an environment variable has it (as Guild AI 0.9: true is 1, false is empty)."""
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return value if isinstance(value, str) else str(value)


def words_of(text: str) -> list[str]:
    """The words of a command line; none where its quotes do not match."""
    try:
        return shlex.split(text)
    except ValueError:
        return []
