"""A run's label, made from its flags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from guild_sync.agent.protocol import RUN_ID, Value
from guild_sync.agent.value_words import in_label
from guild_sync.jobs.needs import VARIABLE
from guild_sync.project.batches import plain
from guild_sync.project.definitions import Operation
from guild_sync.project.values import FlagValue, Several, shown

# What a label has in place of a value whose filter there is none of, as in Guild AI 0.9.
NO_FILTER = "#error#"
_HUGE = re.compile(r"\d{4}|\*")  # in a format: a width that fills the memory


def label_of(operation: Operation, values: Mapping[str, FlagValue]) -> str:
    """The run's label: what guild.yml says, else its flags."""
    if operation.label is not None:
        return filled(operation.label, operation, values)
    return _of_flags(operation, values)


def label_with_tags(
    operation: Operation, values: Mapping[str, FlagValue], tags: Sequence[str]
) -> str:
    """The run's label; where the user tags it, the tags and its flags, as in Guild AI 0.9."""
    if not tags:
        return label_of(operation, values)
    return " ".join([*tags, _of_flags(operation, values)]).rstrip()


def _of_flags(operation: Operation, values: Mapping[str, FlagValue]) -> str:
    values = _with_short_ids(operation, values)
    parts = [f"{name}={_shown(value)}" for name, value in values.items() if value is not None]
    text = " ".join(sorted(parts))
    return text if len(text) <= 200 else text[:197] + "..."


def filled(template: str, operation: Operation, values: Mapping[str, FlagValue]) -> str:
    """The label that a template makes of values: `${flag}`, `${flag|FILTER|...}` filled in.

    A flag without a value, or that is not there, is no text. `default_label` is the flags.
    """
    own = _of_flags(operation, values)
    values = _with_short_ids(operation, values)

    def text_of(match: re.Match[str]) -> str:
        name, *filters = match[1].split("|")
        value = values.get(name)
        if not filters:
            if name == "default_label" and name not in values:
                return own
            return "" if value is None else _shown(value)
        found = plain(value)
        for words in filters:
            found = _filtered(words, found)
        return "" if found is None else str(found)

    return VARIABLE.sub(lambda m: text_of(m) if m[1] else m[0], template)


def _filtered(words: str, value: Value) -> Value:
    """A value as one filter makes it: `default:TEXT`, `basename`, `unquote`, or a `%` format."""
    name, _, argument = words.partition(":")
    if name == "default":
        return argument if value is None else value
    if name == "basename":
        return None if value is None else str(value).rstrip("/\\").rpartition("/")[2]
    if name == "unquote":  # for what would be quoted, which a filtered value is not
        return value
    if name.startswith("%"):
        return _formatted(name, value)
    return NO_FILTER


def _formatted(template: str, value: Value) -> Value:
    """A value in a `%` format; as it is where that is none for it."""
    if _HUGE.search(template):
        return value
    try:
        return template % (value,)
    except (TypeError, ValueError, OverflowError):
        return value


def _shown(value: FlagValue) -> str:
    return shown(value) if isinstance(value, Several) else in_label(value)


def _with_short_ids(operation: Operation, values: Mapping[str, FlagValue]) -> dict[str, FlagValue]:
    return {name: _short_id(operation, name, value) for name, value in values.items()}


def _short_id(operation: Operation, name: str, value: FlagValue) -> FlagValue:
    is_run = name in operation.flags and operation.flags[name].is_run
    return value[:8] if is_run and isinstance(value, str) and RUN_ID.match(value) else value
