"""The flags of an operation, and their values: checked, and in the forms that they take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from guild_sync.agent.protocol import Value
from guild_sync.errors import GuildError, UsageError
from guild_sync.programs.spelling import PLAIN, Spelling
from guild_sync.project.batches import listed
from guild_sync.project.values import FlagValue, Several, is_number, plain_value, shown

_TEXT_TYPES = ("string", "path", "existing-path", "filename")


@dataclass(frozen=True)
class Flag:
    """One flag of an operation, and how its value reaches what runs."""

    name: str
    default: FlagValue = None
    type: str | None = None
    choices: tuple[Value, ...] = ()
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    arg_name: str | None = None
    switch: FlagValue = None  # the value that giving the option means, where it takes none
    several: bool = False
    global_name: str | None = None
    description: str = ""
    is_run: bool = False  # says which run a requirement means, and is not the operation's
    spelling: Spelling = PLAIN
    own: Value = None  # the source's own default, as `literals.tagged` writes it


class Flagged(Protocol):
    """An operation, as far as its flags are concerned."""

    @property
    def full_name(self) -> str: ...

    @property
    def flags(self) -> Mapping[str, Flag]: ...


def flag_values(
    operation: Flagged, assignments: Sequence[str], force: bool = False
) -> dict[str, FlagValue]:
    """The value of every flag: what `FLAG=VALUE` words say, else its default.

    Raises GuildError for a flag that the operation does not have (unless `force`), and
    for a value that is not one of its.
    """
    values = {name: flag.default for name, flag in operation.flags.items()}
    for word in assignments:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is not a flag: a flag is NAME=VALUE")
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise GuildError(f"flag {name!r}: its value is not UTF-8 text")
        flag = operation.flags.get(name)
        if flag is None and not force:
            raise GuildError(
                f"unsupported flag {name!r} for {operation.full_name}",
                did_you_mean(name, operation.flags)
                + "Try 'guild operations -v' for the flags, or --force-flags to skip this check.",
            )
        values[name] = _value_or_several(flag or Flag(name), text, force)
    for name, flag in operation.flags.items():
        if flag.required and values[name] in (None, ""):
            raise GuildError(f"flag {name!r} needs a value", f"Give it as {name}=VALUE.")
    return values


def possible_texts(flag: Flag) -> list[str]:
    """The texts that stand for the values of a flag, where it takes only some."""
    values = flag.choices
    if not values and (flag.type == "boolean" or isinstance(flag.default, bool)):
        values = (True, False)
    return [value if isinstance(value, str) else shown(value) for value in values]


def _value_or_several(flag: Flag, text: str, force: bool) -> FlagValue:
    """The value that `text` stands for, or the values that a list or a range stands for.

    Of a flag whose values are lists, a list is one value, and a list of lists several.
    """
    items = listed(text)
    takes_lists = flag.several or isinstance(flag.default, list)
    if not items or (takes_lists and not all(isinstance(item, list) for item in items)):
        return _typed(flag, text, force)
    if takes_lists:
        return Several(tuple(items))
    return Several(tuple(_typed(flag, _item_text(item), force) for item in items))


def _item_text(item: Value) -> str:
    return item if isinstance(item, str) else shown(item)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 3, 0.5)
    return f"Did you mean {' or '.join(near)}?\n" if near else ""


def _typed(flag: Flag, text: str, force: bool) -> Value:
    """The value that `text` stands for, as the flag's type has it; of several words, each has."""
    items = listed(text) if flag.several else None
    if items is not None:
        return [_typed(_of_item(flag, item), _item_text(item), force) for item in items]
    words = flag.spelling.as_words(text)
    if len(words) > 1:
        for word in words:
            _typed(_of_item(flag, word), word, force)
        return text
    of_text = flag.type in _TEXT_TYPES or (
        flag.type is None and bool(flag.choices) and all(isinstance(c, str) for c in flag.choices)
    )
    value: Value = text if of_text else plain_value(text)
    if flag.type == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    problem = None if force or value is None else _problem(flag, value)
    if problem:
        raise GuildError(
            f"invalid value {_short(text)} for flag {flag.name!r}: {problem}",
            "Use --force-flags to skip this check.",
        )
    return value


def _of_item(flag: Flag, item: Value) -> Flag:
    """The flag as one of its several values has it."""
    return replace(flag, several=isinstance(item, list), spelling=PLAIN)


def _problem(flag: Flag, value: FlagValue) -> str | None:
    """What keeps `value` from being one of the flag's, None where nothing does."""
    bounded = flag.minimum is not None or flag.maximum is not None
    if flag.type == "boolean" and not isinstance(value, bool):
        return "neither yes nor no"
    if flag.type == "int" and (not isinstance(value, int) or isinstance(value, bool)):
        return "not a whole number"
    if (flag.type in ("number", "float") or bounded) and not is_number(value):
        return "not a number"
    # Written so that nan, which no comparison holds for, is out of bounds.
    number = value if isinstance(value, (int, float)) else math.nan
    if flag.minimum is not None and not number >= flag.minimum:
        return f"less than {flag.minimum}"
    if flag.maximum is not None and not number <= flag.maximum:
        return f"more than {flag.maximum}"
    if flag.choices and not any(_same(choice, value) for choice in flag.choices):
        return f"not one of {', '.join(shown(choice) for choice in flag.choices)}"
    return None


def _same(one: FlagValue, other: FlagValue) -> bool:
    """Equality in which yes is not 1, as it is in Python."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "..."
