"""`steps` of an operation in guild.yml, read into frozen records."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from guild_sync.agent.protocol import Value
from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import is_expression, is_one_line
from guild_sync.declarations import step_options
from guild_sync.declarations.requirements import numbered
from guild_sync.project.batches import is_range
from guild_sync.project.definitions import NAME, Expectation, Step, Yaml
from guild_sync.project.values import as_value, shown

_OWN_KEYS = ("run", "name", "flags", "isolate-runs", "expect")
_EXPECTATION_KEYS = ("file", "compare-to", "contains", "output")


def steps_of(value: Yaml, place: Place) -> tuple[Step, ...]:
    """The steps of a pipeline, each `'OPERATION FLAG=VALUE ...'` or a mapping."""
    found: list[Step] = []
    if value is not None and not isinstance(value, list):
        place.at("steps").fault("must be a list")
        return ()
    for number, entry in numbered(value):
        step = _step(entry, place.at(f"steps{number}"))
        if step is not None:
            found.append(_with_own_name(step, found))
    return tuple(found)


def _with_own_name(step: Step, others: list[Step]) -> Step:
    """The step, its name numbered where an earlier one has it."""
    taken = {other.name for other in others}
    name, number = step.name, 2
    while name in taken:
        name, number = f"{step.name}_{number}", number + 1
    return replace(step, name=name)


def _step(entry: Yaml, place: Place) -> Step | None:
    given: Mapping[Yaml, Yaml] = {"run": entry} if isinstance(entry, str) else {}
    if isinstance(entry, dict):
        given = entry
    line = given.get("run")
    if not isinstance(line, str):
        place.fault("must be 'OPERATION FLAG=VALUE ...', or have run")
        return None
    before = len(place.faults)
    read = _line(line, place) or _Line("_", {}, (), {})  # what else is wrong is told as well
    options = {**read.options, **_options_of_keys(given, place)}
    step = Step(
        _name(given, read.spec, place),
        read.spec,
        {**read.flags, **_flags(given.get("flags"), place)},
        batch_files=read.files,
        isolated=yes_or_no(given.get("isolate-runs"), "isolate-runs", place),
        expect=_expectations(given.get("expect"), place),
        **step_options.fields_of(options, place),
    )
    return None if len(place.faults) > before else step


class _Line(NamedTuple):
    """What a line of words asks for."""

    spec: str
    flags: dict[str, str]
    files: tuple[str, ...]
    options: dict[str, Yaml]


def _line(text: str, place: Place) -> _Line | None:
    """A line as it could follow `guild run`; None where it is none."""
    try:
        words = shlex.split(text)
    except ValueError as e:
        place.fault(f"run: {str(e).lower()}: {shown(text)}")
        return None
    before = len(place.faults)
    words, options = step_options.taken_from(words, place)
    if len(place.faults) > before:
        return None  # what follows an option that is none may be its value
    if not words or "=" in words[0] or words[0].startswith("@") or not is_one_line(words[0]):
        place.fault("run: must be a line of words, the first of them an operation")
        return None
    flags, files = {}, []
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if word.startswith("@") and len(word) > 1:
            files.append(word[1:])
        elif equals and name:
            flags[name] = value
        else:
            place.fault(f"run: {word!r} is not a flag: a flag is NAME=VALUE")
    return _Line(words[0], flags, tuple(files), options)


def _options_of_keys(given: Mapping[Yaml, Yaml], place: Place) -> dict[str, Yaml]:
    """The options that keys of the step stand for."""
    found: dict[str, Yaml] = {}
    for key, value in given.items():
        if key in _OWN_KEYS:
            continue
        option = step_options.named(key)
        if key in step_options.REFUSED:
            place.fault(f"{key}: guild has no such option")
        elif option is None:
            place.pass_over(key)
        elif value is not None:
            found[option] = value
    return found


def _name(given: Mapping[Yaml, Yaml], spec: str, place: Place) -> str:
    """What the step is called: a link in the pipeline's run has this name."""
    name = given.get("name")
    if name is None and spec:
        own = re.sub(r"[^A-Za-z0-9_.-]", "_", spec.strip(":").replace(":", "-"))
        name = own if NAME.match(own) else f"_{own}"
    if not isinstance(name, str) or not NAME.match(name):
        place.fault(f"name: {name!r} is none: it has letters, digits, '-', '_', '.'")
        return ""
    return name


def _flags(value: Yaml, place: Place) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        place.fault("flags: must be a mapping")
        return {}
    try:
        return {str(name): _word_for(as_value(of_flag)) for name, of_flag in value.items()}
    except ValueError as e:
        place.fault(f"flags: {e}")
        return {}


def _word_for(value: Value) -> str:
    """A value as it is written behind `FLAG=`."""
    if isinstance(value, str) and ("${" in value or is_range(value)):
        return value
    return shown(value)


def _expectations(value: Yaml, place: Place) -> tuple[Expectation, ...]:
    """What is checked once the step has completed: one entry, or a list of them."""
    found = [_expectation(entry, place.at(f"expect{number}")) for number, entry in numbered(value)]
    return tuple(expectation for expectation in found if expectation is not None)


def _expectation(entry: Yaml, place: Place) -> Expectation | None:
    if not isinstance(entry, dict) or ("file" in entry) == ("output" in entry):
        place.fault("must have one of file and output")
        return None
    unknown = [key for key in entry if key not in _EXPECTATION_KEYS]
    if unknown:  # it would check less than it says
        place.fault(f"{unknown[0]} is not one of {', '.join(_EXPECTATION_KEYS)}")
        return None
    before = len(place.faults)
    if "output" in entry:
        found = Expectation(contains=_pattern(_of_output(entry), place))
        if "compare-to" in entry or not found.contains:
            place.fault("output: must be a regular expression, or have contains")
    else:
        found = Expectation(
            _path(entry["file"], "file", place),
            _of_project(entry["compare-to"], place) if "compare-to" in entry else "",
            _pattern(entry["contains"], place) if "contains" in entry else "",
        )
        if found.file.startswith("/"):
            place.fault("file: must be a path in the run")
    return None if len(place.faults) > before else found


def _of_project(value: Yaml, place: Place) -> str:
    """A path of the project, which may be written with the variable that names its folder."""
    found = value.removeprefix("${PROJECT_DIR}/") if isinstance(value, str) else value
    return _path(found, "compare-to", place)


def _of_output(entry: Mapping[Yaml, Yaml]) -> Yaml:
    """`output: PATTERN`, `output: {contains: PATTERN}`, or `output` with `contains` beside it."""
    told = entry["output"]
    if isinstance(told, dict):
        return told.get("contains") if list(told) == ["contains"] else None
    return entry.get("contains", told)


def _pattern(value: Yaml, place: Place) -> str:
    text = str(value) if isinstance(value, (int, float)) else value
    if not isinstance(text, str) or isinstance(value, bool) or not is_expression(text):
        place.fault(f"contains: {value!r} is not a regular expression")
        return ""
    return text


def _path(value: Yaml, key: str, place: Place) -> str:
    if is_one_line(value) and ".." not in value.split("/"):
        return value
    place.fault(f"{key}: must be a path without '..'")
    return ""
