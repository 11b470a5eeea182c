"""An operation chosen, and what a runner is to do for it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from guild_sync.errors import ConfigError, GuildError, UsageError
from guild_sync.flags import (
    Flag,
    argument_text,
    did_you_mean,
    is_number,
    plain_value,
    shown,
    variable_text,
)
from guild_sync.guildfile import Operation, Project, words_of

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def find(project: Project, spec: str | None) -> Operation:
    """The operation that `spec`, `[PACKAGE/][MODEL:]NAME`, names, or the default one."""
    if spec is None:
        defaults = [o for o in project.operations if o.default]
        if not defaults and len(project.operations) == 1:
            defaults = list(project.operations)
        if not defaults:
            raise UsageError(
                "which operation?", "Try 'guild operations' for a list of available operations."
            )
        return defaults[0]
    wanted = spec.rpartition("/")[2]
    for operation in project.operations:
        if wanted in (operation.full_name, operation.name):
            return operation
    raise GuildError(
        f"operation {spec!r} is not defined for this project",
        did_you_mean(wanted, [o.full_name for o in project.operations])
        + "Try 'guild operations' for a list of available operations.",
    )


def label(operation: Operation, values: Mapping[str, Any]) -> str:
    """The run's label: what guild.yml says, else its flags."""
    if operation.label is not None:
        return _VARIABLE.sub(lambda m: variable_text(values.get(m[1], m[0])), operation.label)
    parts = [f"{name}={shown(value)}" for name, value in values.items() if value is not None]
    text = " ".join(sorted(parts))
    return text if len(text) <= 200 else text[:197] + "..."


def job(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a runner is to do (agent/runner.py): the command, its environment, its globals."""
    if not operation.main and not operation.exec:
        keys = f" (it has {', '.join(operation.later_keys)})" if operation.later_keys else ""
        raise GuildError(
            f"operation {operation.full_name!r} has neither main nor exec{keys}",
            "Steps come with a later version of guild." if "steps" in operation.later_keys else "",
        )
    env = {
        **{f"FLAG_{_variable_name(name)}": variable_text(value) for name, value in values.items()},
        "GUILD_FLAGS_DEST": operation.flags_dest,
        **operation.env,
    }
    for name, value in env.items():
        if "\0" in name + value:
            raise GuildError(f"a value of {name} has a NUL character in it")
        if not name or "=" in name:
            raise GuildError(f"{name!r} cannot be the name of an environment variable")
    made: dict[str, Any] = {"op": operation.full_name, "env": env}
    if operation.exec:
        made["argv"] = _exec_argv(operation.exec, values)
        return made
    words = words_of(operation.main or "")
    if not words:
        raise ConfigError(f"main of {operation.full_name} is no line of words: {operation.main}")
    made["module"], arguments = words[0], words[1:]
    if operation.flags_dest == "args":
        arguments += _arguments(operation, values)
    elif operation.flags_dest == "globals":
        names = {
            n: f.global_name for n, f in operation.flags.items() if f.global_name and n in values
        }
        names.update({n: n.replace("-", "_") for n in values if n not in operation.flags})
        env["GUILD_GLOBALS"] = json.dumps(names)
    made["args"] = arguments
    return made


def _exec_argv(command: str, values: Mapping[str, Any]) -> list[str]:
    """The words of an `exec`, each `${flag}` replaced within its word: no value adds a word."""
    try:
        words = shlex.split(command)
    except ValueError as e:
        raise ConfigError(f"exec: {e}: {command}") from None
    if not words:
        raise ConfigError("exec: is empty")

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"exec: there is no flag {match[1]!r}: {command}")
        return variable_text(values[match[1]])

    argv = []
    for word in words:
        if word == "${flag_args}":
            for name, value in values.items():
                argv += [f"--{name}", argument_text(value)] if value is not None else []
        else:
            argv.append(_VARIABLE.sub(value_of, word))
    return argv


def _arguments(operation: Operation, values: Mapping[str, Any]) -> list[str]:
    arguments: list[str] = []
    for name, value in values.items():
        flag = operation.flags.get(name, Flag(name))
        option = f"--{flag.arg_name or name}"
        if flag.switch is not None:
            arguments += [option] if value == flag.switch and value is not None else []
        elif isinstance(value, list) and flag.several:
            texts = [argument_text(item) for item in value]
            dashed = any(
                text.startswith("-") and not is_number(plain_value(text)) for text in texts
            )
            arguments += [f"{option}={text}" for text in texts] if dashed else [option, *texts]
        elif value is not None:
            text = argument_text(value)
            # A text that begins with a dash would be read as an option of its own.
            arguments += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return arguments


def _variable_name(flag: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", flag).upper()
