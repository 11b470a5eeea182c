"""The command, environment and globals of an operation with its values."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping

from guild_sync.agent.protocol import Job, Value
from guild_sync.errors import ConfigError, GuildError
from guild_sync.jobs.arguments import arguments, forced, global_form, is_own
from guild_sync.jobs.needs import VARIABLE, request_of
from guild_sync.project.definitions import Operation, Step
from guild_sync.project.values import shown, variable_text, words_of


def own_values(operation: Operation, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that are the operation's, and not those that say which runs it requires."""
    of_runs = {name for name, flag in operation.flags.items() if flag.is_run}
    return {name: value for name, value in values.items() if name not in of_runs}


def step_flags(step: Step, values: Mapping[str, Value]) -> dict[str, str]:
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
        whole = VARIABLE.fullmatch(text)
        if whole and whole[1] in values and values[whole[1]] is None:
            continue
        found[name] = VARIABLE.sub(value_of, text)
    return found


def with_values(text: str, values: Mapping[str, Value]) -> str:
    """A text about a step, `${flag}` in it replaced by the pipeline's values."""

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"the pipeline has no flag {match[1]!r}")
        return variable_text(values[match[1]])

    return VARIABLE.sub(value_of, text)


def command_of(operation: Operation, values: Mapping[str, Value]) -> Job:
    """What a runner is to do (agent/running/): the command, its environment, its globals."""
    if not operation.main and not operation.exec:
        keys = f" (it has {', '.join(operation.later_keys)})" if operation.later_keys else ""
        raise GuildError(
            f"operation {operation.full_name!r} has none of main, exec and steps{keys}"
        )
    all_values = values
    values = own_values(operation, values)
    requires = [request_of(needed, all_values, values) for needed in operation.requires]
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
    made: Job = {"op": operation.full_name, "env": env}
    if operation.sourcecode.dest != ".":
        made["source_dest"] = operation.sourcecode.dest
    if requires:
        made["requires"] = requires
    if operation.exec:
        made["argv"] = _exec_argv(operation, operation.exec, values)
        return made
    words = words_of(operation.main or "")
    if not words:
        raise ConfigError(f"main of {operation.full_name} is no line of words: {operation.main}")
    made["module"], *made["args"] = _filled("main", words, operation.main or "", values)
    if operation.flags_dest.partition(":")[0] == "args":
        made["args"] = arguments(operation, values, made["args"])
    elif operation.flags_dest == "globals":
        env.update(_globals(operation, values))
    return made


def _globals(operation: Operation, values: Mapping[str, Value]) -> dict[str, str]:
    """Which global each flag sets; none whose value is what the module has, or that has none."""
    flags = {name: operation.flags.get(name, forced(name)) for name in values}
    put = {
        name: flag.global_name
        for name, flag in flags.items()
        if flag.global_name and not flag.spelling.skip and not is_own(flag, values[name])
        if values[name] is not None or flag.own is not None
    }
    forms = {}
    for name, target in put.items():
        form = global_form(flags[name], values[name])
        if form != values[name] or isinstance(form, dict):
            forms[target] = form
    made = {"GUILD_GLOBALS": json.dumps(put)}
    return {**made, "GUILD_GLOBAL_FORMS": json.dumps(forms)} if forms else made


def _exec_argv(operation: Operation, command: str, values: Mapping[str, Value]) -> list[str]:
    """The words of an `exec`, each `${flag}` replaced within its word: no value adds a word."""
    try:
        words = shlex.split(command)
    except ValueError as e:
        raise ConfigError(f"exec: {e}: {command}") from None
    if not words:
        raise ConfigError("exec: is empty")

    argv = []
    for word in words:
        if word == "${flag_args}":
            argv += arguments(operation, values, ())
        else:
            argv += _filled("exec", [word], command, values)
    return argv


def _filled(key: str, words: list[str], line: str, values: Mapping[str, Value]) -> list[str]:
    """The words, each `${flag}` in them replaced within its word."""

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"{key}: there is no flag {match[1]!r}: {line}")
        return variable_text(values[match[1]])

    return [VARIABLE.sub(value_of, word) for word in words]


def _variable_name(flag: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", flag).upper()
