"""A run's label, made from its flags."""

from __future__ import annotations

from collections.abc import Mapping

from guild_sync.agent.protocol import RUN_ID
from guild_sync.jobs.needs import VARIABLE
from guild_sync.project.batches import plain
from guild_sync.project.definitions import Operation
from guild_sync.project.values import FlagValue, shown, variable_text


def label_of(operation: Operation, values: Mapping[str, FlagValue]) -> str:
    """The run's label: what guild.yml says, else its flags."""
    values = {name: _short_id(operation, name, value) for name, value in values.items()}
    if operation.label is not None:
        return VARIABLE.sub(lambda m: variable_text(plain(values.get(m[1], m[0]))), operation.label)
    parts = [f"{name}={shown(value)}" for name, value in values.items() if value is not None]
    text = " ".join(sorted(parts))
    return text if len(text) <= 200 else text[:197] + "..."


def _short_id(operation: Operation, name: str, value: FlagValue) -> FlagValue:
    is_run = name in operation.flags and operation.flags[name].is_run
    return value[:8] if is_run and isinstance(value, str) and RUN_ID.match(value) else value
