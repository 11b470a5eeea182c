"""What a run keeps of its operation, so that it can be made again without its project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from guild_sync.agent.protocol import Recipe, Value
from guild_sync.errors import GuildError
from guild_sync.jobs import label
from guild_sync.programs import spelling
from guild_sync.project import batches, builtin
from guild_sync.project.definitions import (
    ConfigFile,
    Expectation,
    Needs,
    Operation,
    Requirement,
    SourceCode,
    SourceRule,
    Step,
    Supervision,
)
from guild_sync.project.flags import Choice, Flag
from guild_sync.project.values import FlagValue, Several


def definition(operation: Operation) -> dict[str, Value]:
    """The operation as JSON, for a run's job."""
    flags = {
        name: replace(flag, default=batches.plain(flag.default))
        for name, flag in operation.flags.items()
    }
    operation = replace(operation, flags=flags)
    kept = asdict(operation, dict_factory=_without_what_was_said)
    made: dict[str, Value] = json.loads(json.dumps(kept, default=str))
    return made


def _without_what_was_said(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """What a run keeps of a record: not what was said of guild.yml when it was made."""
    return {name: value for name, value in pairs if name not in ("faults", "warnings")}


def is_builtin(recipe: Recipe) -> bool:
    """Whether the run's operation is one that guild brings along."""
    return (recipe["work"] or {}).get("builtin") in builtin.OPERATIONS


def operation_of(recipe: Recipe) -> Operation | None:
    """The operation that the run's job keeps; None where it keeps none.

    Raises GuildError for one that cannot be read.
    """
    data = (recipe["work"] or {}).get("operation")
    if data is None:
        return None
    try:
        return _operation(data)
    except (TypeError, KeyError, AttributeError) as e:
        raise GuildError(f"the job of run {recipe['id']} cannot be read: {e}") from None


# What fields of an operation hold that are kept as they are, by how they are declared.
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "bool": (bool,),
    "Mapping[str, str]": (dict,),
    "Mapping[str, Value]": (dict,),
}


def _operation(data: Mapping[str, Any]) -> Operation:
    known = {f.name: data[f.name] for f in fields(Operation) if f.name in data}
    for field in fields(Operation):
        kinds = _PLAIN.get(str(field.type))
        if kinds and field.name in known and not isinstance(known[field.name], kinds):
            raise TypeError(f"{field.name} is no {field.type}")
    if not all(isinstance(text, str) for text in known.get("env", {}).values()):
        raise TypeError("env has text")
    config = known.get("config")
    return Operation(
        **{
            **known,
            "flags": {name: _flag(given) for name, given in data["flags"].items()},
            "later_keys": tuple(data["later_keys"]),
            "sourcecode": _source_code(data.get("sourcecode")),
            "tags": tuple(data.get("tags", ())),
            "env_secrets": tuple(data.get("env_secrets", ())),
            "python_path": tuple(data.get("python_path", ())),
            "python_requires": tuple(data.get("python_requires", ())),
            "requires": tuple(_requirement(given) for given in data.get("requires", ())),
            "steps": tuple(_step(given) for given in data.get("steps", ())),
            "config": ConfigFile(**config) if config else None,
            "supervision": _supervision(data.get("supervision")),
            "needs": _needs(data.get("needs")),
            "job": _job(data.get("job")),
        }
    )


def _supervision(data: Any) -> Supervision:
    """How attempts are looked after; an earlier version knew nothing of it."""
    given = data or {}
    found = Supervision(**{f.name: given[f.name] for f in fields(Supervision) if f.name in given})
    times = (found.retry_delay, found.time_limit, found.stall)
    if not all(isinstance(time, (int, float)) and time >= 0 for time in (found.retry, *times)):
        raise TypeError("supervision has numbers")
    if not isinstance(found.retry_on, str):
        raise TypeError("retry_on is text")
    return found


def _needs(data: Any) -> Needs:
    """What it needs of its host; an earlier version knew nothing of it."""
    given = data or {}
    found = Needs(**{f.name: given[f.name] for f in fields(Needs) if f.name in given})
    if not all(isinstance(n, int) and n >= 0 for n in (found.gpus, found.cpus, found.memory)):
        raise TypeError("needs has numbers")
    return found


def _job(data: Value) -> Mapping[str, Value]:
    """What it asks of a scheduler; an earlier version knew nothing of it."""
    if not data:
        return {}
    if not isinstance(data, dict):
        raise TypeError("job is a mapping")
    from guild_sync.agent.scheduling import options  # few runs are jobs

    if faults := options.checked(data):
        raise TypeError(f"job: {faults[0]}")
    return data


def _source_code(data: object) -> SourceCode:
    """What is source code; in the job of an earlier version it is as guild.yml has it."""
    if not isinstance(data, dict) or "rules" not in data:
        return SourceCode()
    rules = [SourceRule(**{**rule, "patterns": tuple(rule["patterns"])}) for rule in data["rules"]]
    return SourceCode(**{**data, "rules": tuple(rules)})


def _requirement(data: Mapping[str, Any]) -> Requirement:
    known = {f.name: data[f.name] for f in fields(Requirement) if f.name in data}
    if "if_empty" not in data:  # as the version that knew nothing of it had it
        known.update(if_empty="fail", unpack=False)
    if "flag" not in data and data["kind"] == "operation":  # whose flag was called as it is itself
        known["flag"] = data["name"]
    rename = tuple((pattern, text) for pattern, text in data["rename"])
    patterns = {key: tuple(data.get(key, ())) for key in ("select", "least", "greatest")}
    return Requirement(**{**known, **patterns, "rename": rename})


def _step(data: Mapping[str, Any]) -> Step:
    known = {f.name: data[f.name] for f in fields(Step) if f.name in data}
    lists = {name: tuple(known.get(name) or ()) for name in ("tags", "batch_files")}
    rows = tuple(_row(row) for row in known.get("rows") or ())
    expect = tuple(Expectation(**given) for given in known.get("expect") or ())
    operation = _operation(data["operation"])
    return Step(**{**known, **lists, "rows": rows, "expect": expect, "operation": operation})


def _flag(data: Mapping[str, Any]) -> Flag:
    known = {f.name: data[f.name] for f in fields(Flag) if f.name in data}
    return Flag(
        **{
            **known,
            "choices": tuple(known.get("choices") or ()),
            "details": tuple(Choice(**given) for given in known.get("details") or ()),
            "spelling": spelling.from_job(known.get("spelling")),
        }
    )


def with_values(operation: Operation, values: Mapping[str, FlagValue]) -> Operation:
    """The operation with a run's flag values as its defaults."""
    flags = {
        name: replace(flag, default=values[name], offered=False, checked=False)
        if name in values
        else flag
        for name, flag in operation.flags.items()
    }
    extra = {name: Flag(name, default=values[name]) for name in values if name not in flags}
    return replace(operation, flags={**flags, **extra})


def flags_of(recipe: Recipe) -> dict[str, FlagValue]:
    """The run's flag values."""
    found: dict[str, FlagValue] = dict(recipe["flags"]) if isinstance(recipe["flags"], dict) else {}
    for name in (recipe["work"] or {}).get("several", ()):
        if isinstance(value := found.get(name), list):
            found[name] = Several(tuple(value))
    return found


def row_form(row: Mapping[str, FlagValue]) -> dict[str, Value]:
    """A row of a batch file as JSON, for a run's job."""
    return {
        name: {"items": list(value.items)} if isinstance(value, Several) else value
        for name, value in row.items()
    }


def _row(data: Mapping[str, Value]) -> dict[str, FlagValue]:
    found: dict[str, FlagValue] = {}
    for name, value in data.items():
        items = value.get("items") if isinstance(value, dict) and len(value) == 1 else None
        found[name] = Several(tuple(items)) if isinstance(items, list) else value
    return found


def rows_of(recipe: Recipe) -> tuple[Mapping[str, FlagValue], ...]:
    """What the run's batch files had, a row or item each; none where it had no file."""
    return tuple(_row(row) for row in (recipe["work"] or {}).get("rows") or ())


def name_of(recipe: Recipe) -> str:
    """`[MODEL:]NAME` of the run's operation, as guild.yml has it."""
    model, name = recipe["opref"]["model"], recipe["opref"]["name"].rstrip("+")
    return f"{model}:{name}" if model else str(name)


def new_label(recipe: Recipe, operation: Operation, values: Mapping[str, FlagValue]) -> str | None:
    """The label for other values, where the run's label was made from its values; else None."""
    earlier, tags = flags_of(recipe), recipe["tags"] if isinstance(recipe["tags"], list) else []
    if recipe["label"] is None:
        return label.label_of(operation, values)
    for count in range(len(tags) + 1):  # those that the user gave it come first
        given = [str(tag) for tag in tags[:count]]
        if recipe["label"] == label.label_with_tags(operation, earlier, given):
            return label.label_with_tags(operation, values, given)
    return None
