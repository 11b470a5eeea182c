"""The command, environment and globals of an operation with its values."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath

from guild_sync.agent.protocol import ConfigForm, Job, Value
from guild_sync.declarations import config_files, destinations
from guild_sync.errors import ConfigError, GuildError
from guild_sync.jobs.arguments import arguments, forced, global_form, is_own
from guild_sync.jobs.needs import VARIABLE, put_in, request_of
from guild_sync.project.batches import plain
from guild_sync.project.builtin import PASS
from guild_sync.project.definitions import ConfigFile, Operation, Step
from guild_sync.project.flags import OF_RUN, Flag, words_in
from guild_sync.project.values import shown, variable_text, words_of

FLAG_ARGS = "${flag_args}"  # in an `exec`: each flag as `--name value`
ALONE = "${flag_args} stands for several words: write it as a word of its own, outside quotes."


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
    return put_in(text, values, lambda m: ConfigError(f"the pipeline has no flag {m[1]!r}"))


def command_of(operation: Operation, values: Mapping[str, Value]) -> Job:
    """What a runner is to do (agent/running/): the command, its environment, its globals."""
    if not operation.main and not operation.exec:
        keys = f" (it has {', '.join(operation.later_keys)})" if operation.later_keys else ""
        raise GuildError(
            f"operation {operation.full_name!r} has none of main, exec and steps{keys}"
        )
    all_values, named = values, _named(operation, values)
    values = own_values(operation, values)
    placed = _placed(operation, values) if operation.requires else {}
    requires = [request_of(needed, all_values, placed) for needed in operation.requires]
    env = _environment(operation, values, named)
    made: Job = {"op": operation.full_name, "env": env, **_run_keys(operation)}
    if operation.sourcecode.dest != ".":
        made["source_dest"] = operation.sourcecode.dest
    if operation.config is not None:
        made["config"] = _config_form(operation.config, nested_values(operation, values))
    if paths := _paths_elsewhere(operation, values):
        made["paths"] = paths
    if requires:
        made["requires"] = requires
    if operation.exec:
        made["argv"] = _exec_argv(operation, operation.exec, values, named)
        return made
    words = words_of(operation.main or "")
    if not words:
        raise ConfigError(f"main of {operation.full_name} is no line of words: {operation.main}")
    if words[0] == PASS.main:
        made["argv"] = ["true"]
        return made
    words = [_with_flags(word, named, "main", operation.main or "") for word in words]
    made["module"], *made["args"] = words
    if operation.flags_dest.partition(":")[0] == "args":
        made["args"] = arguments(operation, values, made["args"])
    elif operation.flags_dest == "globals":
        env.update(_globals(operation, values))
    elif destinations.is_nested(operation.flags_dest) and operation.config is None:
        env["GUILD_NESTED"] = json.dumps(nested_values(operation, values))
    return made


def _named(operation: Operation, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that texts can name: all but the run of a requirement that is not known yet."""
    needed = {r.flag for r in operation.requires if r.kind == "operation" and not r.optional}
    return {n: v for n, v in values.items() if n not in needed or v not in (None, "")}


def _environment(
    operation: Operation, values: Mapping[str, Value], named: Mapping[str, Value]
) -> dict[str, str]:
    """The variables that say the flags' values, and those of `env`, with any flag's in them."""
    env = {
        **_flag_variables(operation, values),
        "GUILD_FLAGS_DEST": operation.flags_dest,
        **{
            name: _with_flags(text, named, f"env: {name}", text)
            for name, text in operation.env.items()
        },
        **_flag_variables(operation, values, named=True),
    }
    for name, value in env.items():
        if "\0" in name + value:
            raise GuildError(f"a value of {name} has a NUL character in it")
        if not name or "=" in name:
            raise GuildError(f"{name!r} cannot be the name of an environment variable")
    return env


def nested_values(operation: Operation, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that a nested destination does not have itself, a list where words stand for one.

    No value is left as it is, unless there is one in its place.
    """
    changed = {}
    for name, value in values.items():
        there = operation.flags.get(name, Flag(name)).there
        if type(value) is not type(there) or value != there:
            changed[name] = value
    return _placed(operation, changed, with_none=True)


def _placed(
    operation: Operation, values: Mapping[str, Value], with_none: bool = False
) -> dict[str, Value]:
    """The values by the names that they have where they go, a list where words stand for one."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        flag = operation.flags.get(name, Flag(name))
        if value is not None or with_none:
            found[flag.arg_name or name] = plain(words_in(value)) if flag.is_words else value
    return found


def _config_form(config: ConfigFile, values: Mapping[str, Value]) -> ConfigForm:
    name = PurePosixPath(config.path).name
    if config.problem:
        return {"path": name, "source": config.path, "text": "", "problem": config.problem}
    text = config_files.with_values(config, values)
    return {"path": name, "source": config.path, "text": text, "problem": ""}


def _paths_elsewhere(operation: Operation, values: Mapping[str, Value]) -> dict[str, str]:
    """The paths that have to be there where the run is: those on this machine are looked for."""
    flags = {n: f for n, f in operation.flags.items() if f.type == "existing-path" and not f.folder}
    return {name: str(values[name]) for name in flags if values.get(name) not in (None, "")}


def _flag_variables(
    operation: Operation, values: Mapping[str, Value], named: bool = False
) -> dict[str, str]:
    """The variables with the values of flags; `named`: of those whose names guild.yml says."""
    found = {}
    for name, value in values.items():
        flag = operation.flags.get(name, Flag(name))
        if bool(flag.env_name) is named:
            text = (flag.env_texts or {}).get(shown(value), variable_text(value))
            found[flag.env_name or f"FLAG_{_variable_name(name)}"] = text
    return found


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


def _run_keys(operation: Operation) -> Job:
    """What the job says of how the operation is called, and how it ends."""
    made: Job = {}
    if operation.python_path:
        made["python_path"] = list(operation.python_path)
    if operation.python_requires:
        made["python_requires"] = list(operation.python_requires)
    if operation.stoppable:
        made["stoppable"] = True
    if operation.pip_freeze:
        made["pip_freeze"] = True
    if operation.env_secrets:
        made["secrets"] = [name for name in operation.env_secrets if name not in operation.env]
    return {**made, **supervision_of(operation)}


def supervision_of(operation: Operation) -> Job:
    """What the job says of how the runner looks after the attempts."""
    made: Job = {}
    given = operation.supervision
    if given.retry:
        made["retry"] = {
            "count": given.retry,
            "delay": given.retry_delay,
            "pattern": given.retry_on,
        }
    if given.time_limit:
        made["time_limit"] = given.time_limit
    if given.stall:
        made["stall"] = given.stall
    return made


def _with_flags(text: str, values: Mapping[str, Value], where: str, line: str) -> str:
    """A text with the values of flags in it.

    Raises ConfigError for one that is not there; `line` is what people wrote.
    """

    def unknown(match: re.Match[str]) -> ConfigError:
        hint = ALONE if match[0] == FLAG_ARGS and where == "exec" else ""
        if match[1].startswith(OF_RUN):
            variable = f"FLAG_{_variable_name(match[1])}"
            hint = (
                f"Of a step, or a staged run, it is known when that starts: {variable} has it then."
            )
        return ConfigError(f"{where}: there is no flag {match[1]!r}: {line}", hint)

    return put_in(text, values, unknown)


def _exec_argv(
    operation: Operation, command: str, own: Mapping[str, Value], values: Mapping[str, Value]
) -> list[str]:
    """The words of an `exec`, each `${flag}` replaced within its word: no value adds a word.

    Its `own` flags are arguments; all `values` can be named, those that say a run too.
    """
    try:
        words = shlex.split(command)
    except ValueError as e:
        raise ConfigError(f"exec: {e}: {command}") from None
    if not words:
        raise ConfigError("exec: is empty")
    argv: list[str] = []
    for word in words:
        if word == FLAG_ARGS:
            argv += arguments(operation, own, ())
        else:
            argv.append(_with_flags(word, values, "exec", command))
    return argv


def _variable_name(flag: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", flag).upper()
