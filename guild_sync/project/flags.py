"""The flags of an operation, and their values: checked, and in the forms that they take."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from guild_sync.agent.protocol import Value
from guild_sync.agent.value_words import plain_value
from guild_sync.errors import GuildError, UsageError
from guild_sync.programs.spelling import PLAIN, Spelling
from guild_sync.project.batches import listed, plain
from guild_sync.project.values import (
    FlagValue,
    Several,
    argument_text,
    is_number,
    mapping_in,
    shown,
)

PATH_TYPES = ("path", "existing-path")
_TEXT_TYPES = ("string", *PATH_TYPES, "filename")
# Of an option whose program makes text of it: what is typed arrives as it is, and is recorded
# as a number where it is one.
AS_TYPED = "as typed"


@dataclass(frozen=True)
class Choice:
    """A value that a flag can have, where guild.yml says more of it."""

    value: Value
    alias: str | None = None  # what stands for the value on the command line
    description: str = ""
    flags: Mapping[str, Value] = field(default_factory=dict)  # what choosing it sets


OF_RUN = "operation:"  # and what is required: the flag that says which run is taken


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
    details: tuple[Choice, ...] = ()  # of those among the choices that have any
    allow_other: bool = False  # than the choices
    alias: str | None = None  # another name for it on the command line
    env_name: str | None = None
    env_texts: Mapping[str, str] | None = None  # value as `shown` writes it, and its variable's
    null_label: str | None = None  # what a question shows for no value
    offered: bool = False  # its source has it, and none asks for it: only a value given counts
    checked: bool = False  # its default is checked as a value that is given
    folder: str | None = None  # what a path is relative to
    is_words: bool = False  # its value stands for a list, a word an item
    there: Value = None  # what a nested destination has in its place


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
    texts = _assigned(operation, assignments, force)
    flags = {**{name: Flag(name) for name in texts}, **operation.flags}
    values: dict[str, FlagValue] = {}
    for name in (*operation.flags, *(name for name in texts if name not in operation.flags)):
        if name in texts:
            values[name] = _value_or_several(flags[name], texts[name], force)
        elif not flags[name].offered:
            values[name] = _default(flags[name], force)
    for name, value in _set_by_choices(operation, texts, values).items():
        if name not in texts or values.get(name) is None:
            values[name] = value
    for name, flag in operation.flags.items():
        # What none asks for is left to the program, that may have it from elsewhere.
        if flag.required and name in values and values[name] in (None, ""):
            raise GuildError(f"flag {name!r} needs a value", f"Give it as {name}=VALUE.")
    return values


def own_name(operation: Flagged, name: str) -> str:
    """The name of the flag that a word means: `prepare` is `operation:prepare`, an alias its flag.

    So it is for Guild AI 0.9, also where the operation has a flag of its own of that name.
    """
    of_run = OF_RUN + name
    if of_run in operation.flags and operation.flags[of_run].is_run:
        return of_run
    if name in operation.flags:
        return name
    plain = name.removeprefix(OF_RUN)  # as guild 0.1 calls it, in the runs that it made
    if plain in operation.flags and operation.flags[plain].is_run:
        return plain
    return next((flag.name for flag in operation.flags.values() if flag.alias == name), name)


def _assigned(operation: Flagged, assignments: Sequence[str], force: bool) -> dict[str, str]:
    """The text of each flag that is given, by the flag's own name."""
    texts = {}
    for word in assignments:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is not a flag: a flag is NAME=VALUE")
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise GuildError(f"flag {name!r}: its value is not UTF-8 text")
        name = own_name(operation, name)
        if name not in operation.flags and not force:
            raise GuildError(
                f"unsupported flag {name!r} for {operation.full_name}",
                did_you_mean(name, operation.flags)
                + "Try 'guild operations -v' for the flags, or --force-flags to skip this check.",
            )
        texts[name] = text
    return texts


def _set_by_choices(
    operation: Flagged, texts: Mapping[str, str], values: Mapping[str, FlagValue]
) -> dict[str, Value]:
    """What the choices that are made set of other flags."""
    found: dict[str, Value] = {}
    for name, flag in operation.flags.items():
        if name not in texts and not flag.checked:
            continue
        if isinstance(values[name], Several) and any(choice.flags for choice in flag.details):
            raise GuildError(
                f"flag {name!r} takes one value: what it is sets other flags",
                "Start a run for each of its values.",
            )
        default = flag.default if isinstance(flag.default, str) else shown(flag.default)
        choice = _chosen(flag, texts.get(name, default))
        found.update(choice.flags if choice else {})
    return found


def _default(flag: Flag, force: bool) -> FlagValue:
    """The flag's default, in the form that its type has, and checked where guild.yml says it."""
    if not flag.checked or flag.default is None:
        return flag.default
    if isinstance(flag.default, Several):
        return Several(tuple(_as_typed(flag, item, force) for item in flag.default.items))
    return _as_typed(flag, flag.default, force)


def _as_typed(flag: Flag, value: Value, force: bool) -> Value:
    """A value of guild.yml in the form that the flag's type has."""
    if isinstance(value, (list, dict)):
        return value
    if flag.type == "boolean" and is_number(value) and value in (0, 1):
        return bool(value)
    if flag.type in _TEXT_TYPES and not isinstance(value, str):
        value = argument_text(value)
    if isinstance(value, str):
        return _typed(flag, value, force)
    if _is_float(flag, value):
        value = float(shown(value))
    return _checked(flag, value, shown(value), force)


def _is_float(flag: Flag, value: Value) -> bool:
    return flag.type == "float" and isinstance(value, int) and not isinstance(value, bool)


def _chosen(flag: Flag, text: str) -> Choice | None:
    """The choice that a text means: one with an alias is meant by that alone."""
    for choice in flag.details:
        if choice.alias is not None and choice.alias == text:
            return choice
    value: Value = text if flag.type in _TEXT_TYPES else plain_value(text)
    for choice in flag.details:
        if choice.alias is None and (_same(choice.value, value) or _same(choice.value, text)):
            return choice
    return None


def words_in(value: FlagValue) -> FlagValue:
    """The list that a text of words stands for, each word read as on a command line."""
    if isinstance(value, str):
        try:
            return [plain_value(word) for word in shlex.split(value)]
        except ValueError:  # a quote without its end
            return [value]
    return value if isinstance(value, list) or value is None else [plain(value)]


def possible_texts(flag: Flag) -> list[str]:
    """The texts that stand for the values of a flag, where it takes only some."""
    values = said_choices(flag)
    if not values and (flag.type == "boolean" or isinstance(flag.default, bool)):
        values = [True, False]
    return [value if isinstance(value, str) else shown(value) for value in values]


def about(flag: Flag) -> str:
    """What is said of a flag in a list of them: its description, and its choices."""
    choices = ", ".join(map(shown, said_choices(flag)))
    others = ", or another value" if flag.allow_other else ""
    return "; ".join(filter(None, (flag.description, choices and f"{choices}{others}")))


def said_choices(flag: Flag) -> list[Value]:
    """The choices as one says them: by their aliases where they have some."""
    found: list[Value] = []
    for value in flag.choices:
        said = [choice.alias or value for choice in flag.details if _same(choice.value, value)]
        found += [item for item in said or [value] if not any(_same(item, f) for f in found)]
    return found


def _value_or_several(flag: Flag, text: str, force: bool) -> FlagValue:
    """The value that `text` stands for, or the values that a list or a range stands for.

    Of a flag whose values are lists, a list is one value, and a list of lists several; so it is,
    a level deeper, where an option comes again and again with several words each.
    """
    items = listed(text)
    takes_lists = flag.several or isinstance(flag.default, list)
    if not items or (takes_lists and not _are_lists(items)):
        return _typed(flag, text, force)
    if not takes_lists:
        return Several(tuple(_typed(flag, _item_text(item), force) for item in items))
    is_deep = flag.spelling.repeated and flag.spelling.words not in (None, "?")
    if is_deep and not all(isinstance(item, list) and _are_lists(item) for item in items):
        return _typed(flag, text, force)
    return Several(tuple(items))


def _are_lists(items: Sequence[Value]) -> bool:
    return bool(items) and all(isinstance(item, list) for item in items)


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
        flag.type in (None, AS_TYPED)
        and bool(flag.choices)
        and all(isinstance(c, str) for c in flag.choices)
    )
    by_alias = [choice.value for choice in flag.details if choice.alias == text]
    value: Value = by_alias[0] if by_alias else _unquoted(text) if of_text else plain_value(text)
    if flag.type == AS_TYPED and not (by_alias or of_text or _is_as_typed(flag, value, text)):
        value = _unquoted(text)
    if flag.global_name and isinstance(flag.default, dict):
        mapping = None if by_alias else mapping_in(text)
        value = value if mapping is None else mapping
    if _is_float(flag, value):
        value = float(shown(value))
    if flag.type in PATH_TYPES and flag.folder is not None and text and not by_alias:
        value = os.path.normpath(os.path.join(flag.folder, os.path.expanduser(text)))
    return _checked(flag, value, text, force)


def _is_as_typed(flag: Flag, value: Value, text: str) -> bool:
    """Whether a value that a text is read as will be that text again for the program.

    Where a number is the default, or asked for, any form of one does, and null is no value.
    """
    if value is None or isinstance(value, bool) or not is_number(value):
        return value is None and is_number(flag.default)
    return _is_bounded(flag) or is_number(flag.default) or argument_text(value) == text


def _is_bounded(flag: Flag) -> bool:
    return flag.minimum is not None or flag.maximum is not None


def _unquoted(text: str) -> str:
    """A text as it is, or what is in the quotes that it is in, as a value of YAML may be."""
    value = plain_value(text) if text[:1] in ("'", '"') and text[-1:] == text[0] else text
    return value if isinstance(value, str) else text


def _checked(flag: Flag, value: Value, text: str, force: bool) -> Value:
    """The value, as `text` says it. Raises GuildError where it is none of the flag's."""
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
    if flag.type == "boolean" and not isinstance(value, bool):
        return "neither yes nor no"
    if flag.type == "int" and (not isinstance(value, int) or isinstance(value, bool)):
        return "not a whole number"
    if (flag.type in ("number", "float") or _is_bounded(flag)) and not is_number(value):
        return "not a number"
    # Written so that nan, which no comparison holds for, is out of bounds.
    number = value if isinstance(value, (int, float)) else math.nan
    if flag.minimum is not None and not number >= flag.minimum:
        return f"less than {flag.minimum}"
    if flag.maximum is not None and not number <= flag.maximum:
        return f"more than {flag.maximum}"
    if flag.type == "existing-path" and flag.folder is not None and not _is_there(value):
        return f"there is no {shown(value)}"
    if (
        flag.choices
        and not flag.allow_other
        and not any(_same(choice, value) for choice in flag.choices)
    ):
        return f"not one of {', '.join(map(shown, said_choices(flag)))}"
    return None


def _is_there(path: FlagValue) -> bool:
    return path == "" or (isinstance(path, str) and "\0" not in path and os.path.exists(path))


def _same(one: FlagValue, other: FlagValue) -> bool:
    """Equality in which yes is not 1, as it is in Python."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "..."
