"""What a run keeps of its operation, so that it can be made again without its project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from guild_sync import operations
from guild_sync.errors import GuildError
from guild_sync.flags import Flag
from guild_sync.guildfile import Operation


def definition(operation: Operation) -> dict[str, Any]:
    """The operation as JSON, for a run's job."""
    made: dict[str, Any] = json.loads(json.dumps(asdict(operation), default=str))
    return made


def operation_of(recipe: Mapping[str, Any]) -> Operation | None:
    """The operation that the run's job keeps; None where it keeps none.

    Raises GuildError for one that cannot be read.
    """
    data = (recipe["job"] or {}).get("operation")
    if data is None:
        return None
    try:
        flags = {name: _flag(given) for name, given in data["flags"].items()}
        known = {f.name: data[f.name] for f in fields(Operation) if f.name in data}
        return Operation(**{**known, "flags": flags, "later_keys": tuple(data["later_keys"])})
    except (TypeError, KeyError, AttributeError) as e:
        raise GuildError(f"the job of run {recipe['id']} cannot be read: {e}") from None


def _flag(data: Mapping[str, Any]) -> Flag:
    known = {f.name: data[f.name] for f in fields(Flag) if f.name in data}
    return Flag(**{**known, "choices": tuple(known.get("choices") or ())})


def with_values(operation: Operation, values: Mapping[str, Any]) -> Operation:
    """The operation with a run's flag values as its defaults."""
    flags = {
        name: replace(flag, default=values.get(name, flag.default))
        for name, flag in operation.flags.items()
    }
    extra = {name: Flag(name, default=values[name]) for name in values if name not in flags}
    return replace(operation, flags={**flags, **extra})


def flags_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The run's flag values."""
    return dict(recipe["flags"]) if isinstance(recipe["flags"], dict) else {}


def name_of(recipe: Mapping[str, Any]) -> str:
    """`[MODEL:]NAME` of the run's operation, as guild.yml has it."""
    model, name = recipe["opref"]["model"], recipe["opref"]["name"]
    return f"{model}:{name}" if model else str(name)


def new_label(
    recipe: Mapping[str, Any], operation: Operation, values: Mapping[str, Any]
) -> str | None:
    """The label for other values, where the run's label was made from its values; else None."""
    made = operations.label(operation, flags_of(recipe))
    return operations.label(operation, values) if recipe["label"] in (None, made) else None
