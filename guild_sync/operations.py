"""An operation chosen, and what a runner is to do for it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from guild_sync.batches import plain
from guild_sync.definitions import Operation, Project, Step
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
from guild_sync.guildfile import words_of

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def find(project: Project, spec: str | None, model: str = "") -> Operation:
    """The operation that `spec`, `[PACKAGE/][MODEL:]NAME`, names, or the default one.

    Where several models have one of that name, that of `model` is meant, or else the first.
    """
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
    for operation in sorted(project.operations, key=lambda o: o.model != model):
        if wanted in (operation.full_name, operation.name):
            return operation
    raise GuildError(
        f"operation {spec!r} is not defined for this project",
        did_you_mean(wanted, [o.full_name for o in project.operations])
        + "Try 'guild operations' for a list of available operations.",
    )


def with_steps(project: Project, operation: Operation, above: tuple[str, ...] = ()) -> Operation:
    """The operation, with the operations of its steps, and of theirs.

    Raises ConfigError where a step is the pipeline itself, or one that it is in.
    """
    if not operation.steps:
        return operation
    names = (*above, operation.full_name)
    steps = []
    for step in operation.steps:
        found = find(project, step.spec, operation.model)
        if found.full_name in names:
            raise ConfigError(f"steps: {' -> '.join([*names, found.full_name])} goes round")
        steps.append(replace(step, operation=with_steps(project, found, names)))
    return replace(operation, steps=tuple(steps))


def label(operation: Operation, values: Mapping[str, Any]) -> str:
    """The run's label: what guild.yml says, else its flags."""
    values = {name: _short_id(operation, name, value) for name, value in values.items()}
    if operation.label is not None:
        return _VARIABLE.sub(
            lambda m: variable_text(plain(values.get(m[1], m[0]))), operation.label
        )
    parts = [f"{name}={shown(value)}" for name, value in values.items() if value is not None]
    text = " ".join(sorted(parts))
    return text if len(text) <= 200 else text[:197] + "..."


def _short_id(operation: Operation, name: str, value: Any) -> Any:
    is_run = name in operation.flags and operation.flags[name].is_run
    return value[:8] if is_run and isinstance(value, str) else value


def own_values(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are the operation's, and not those that say which runs it requires."""
    of_runs = {name for name, flag in operation.flags.items() if flag.is_run}
    return {name: value for name, value in values.items() if name not in of_runs}


def step_flags(step: Step, values: Mapping[str, Any]) -> dict[str, str]:
    """The step's flags as words, `${flag}` in them replaced by the pipeline's values.

    A flag that is nothing but the name of one without a value keeps its default.
    """

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"step {step.name}: the pipeline has no flag {match[1]!r}")
        value = values[match[1]]
        return shown(value) if match[0] == match.string else variable_text(value)

    found = {}
    for name, text in step.flags.items():
        whole = _VARIABLE.fullmatch(text)
        if whole and whole[1] in values and values[whole[1]] is None:
            continue
        found[name] = _VARIABLE.sub(value_of, text)
    return found


def job(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a runner is to do (agent/runner.py): the command, its environment, its globals."""
    if not operation.main and not operation.exec:
        keys = f" (it has {', '.join(operation.later_keys)})" if operation.later_keys else ""
        raise GuildError(
            f"operation {operation.full_name!r} has none of main, exec and steps{keys}"
        )
    requires = [asdict(requirement) for requirement in operation.requires]
    values = own_values(operation, values)
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
    if requires:
        made["requires"] = requires
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
