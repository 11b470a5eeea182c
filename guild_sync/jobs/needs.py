"""What an operation requires, with its flags' values put in, as its run keeps it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from guild_sync.agent.protocol import RequirementForm, Value
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Requirement
from guild_sync.project.values import variable_text

VARIABLE = re.compile(r"\$\{([^}]*)\}")


def request_of(
    requirement: Requirement, values: Mapping[str, Value], own: Mapping[str, Value] | None = None
) -> RequirementForm:
    """It as the agent takes it; `own` are the values that a configuration gets."""
    source = _filled(requirement.source, values)
    chosen = values.get(requirement.flag) if requirement.flag else None
    if requirement.kind != "operation" and chosen not in (None, ""):
        source = variable_text(chosen)
    made: RequirementForm = {
        "kind": requirement.kind,
        "source": source,
        "name": requirement.name,
        "select": [_filled(text, values) for text in requirement.select],
        "rename": [(_filled(p, values), _filled(text, values)) for p, text in requirement.rename],
        "target_path": _filled(requirement.target_path, values),
        "copy": requirement.copy,
        "keep_folders": requirement.keep_folders,
        "flag": requirement.flag,
        "least": [_filled(text, values) for text in requirement.least],
        "greatest": [_filled(text, values) for text in requirement.greatest],
        "unpack": requirement.unpack,
        "optional": requirement.optional,
        "if_empty": requirement.if_empty,
        "sha256": _filled(requirement.sha256, values),
        "replace": requirement.replace,
        "help": _filled(requirement.help, values),
        "post_process": _command(requirement.post_process, values),
        "always": requirement.always,
        "model": requirement.model,
    }
    if requirement.kind == "config":
        params = {name: _param(value, values) for name, value in requirement.params.items()}
        made["values"] = {**params, **(own or {})}
    return made


def put_in(
    text: str, values: Mapping[str, Value], unknown: Callable[[re.Match[str]], GuildError]
) -> str:
    """A text with the values of flags in it. Raises `unknown` for a flag that is not there."""

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise unknown(match)
        return variable_text(values[match[1]])

    return VARIABLE.sub(value_of, text)


def _param(value: Value, values: Mapping[str, Value]) -> Value:
    """A value for a configuration: `${flag}` alone is that flag's, whatever its type."""
    if not isinstance(value, str):
        return value
    whole = VARIABLE.fullmatch(value)
    return values[whole[1]] if whole and whole[1] in values else _filled(value, values)


def _filled(text: str, values: Mapping[str, Value]) -> str:
    """`text` with values of flags in it; a name that no flag has may be the text's own."""
    return VARIABLE.sub(
        lambda match: variable_text(values[match[1]]) if match[1] in values else match[0], text
    )


def _command(text: str, values: Mapping[str, Value]) -> str:
    """A line for a shell, in which values are variables: none of them is read as a command."""
    given: dict[str, str] = {}

    def variable(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        given.setdefault(match[1], f"GUILD_VALUE_{len(given) + 1}")
        return f"${{{given[match[1]]}}}"

    line = VARIABLE.sub(variable, text)
    lines = [
        f"export {variable_name}={shlex.quote(variable_text(values[name]))}"
        for name, variable_name in given.items()
    ]
    return "\n".join([*lines, line])
