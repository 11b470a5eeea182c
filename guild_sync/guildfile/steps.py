"""`steps` of an operation in guild.yml, read into frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.guildfile.requirements import numbered
from guild_sync.project.definitions import NAME, Step
from guild_sync.project.values import shown, words_of

_STEP_KEYS = {"run", "flags", "name"}


def steps_of(value: Any, place: Place) -> tuple[Step, ...]:
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
    return Step(name, step.spec, step.flags)


def _step(entry: Any, place: Place) -> Step | None:
    given: Mapping[Any, Any] = {"run": entry} if isinstance(entry, str) else entry
    if not isinstance(given, dict) or not isinstance(given.get("run"), str):
        place.fault("must be 'OPERATION FLAG=VALUE ...', or have run")
        return None
    before = len(place.faults)
    for key in given:
        if key not in _STEP_KEYS:
            place.pass_over(key)
    words = words_of(given["run"])
    if not words:
        place.fault("run: must be a line of words")
        return None
    flags = {}
    for word in words[1:]:
        name, equals, text = word.partition("=")
        if not equals or not name or name.startswith("-"):
            place.fault(f"run: {word!r} is not a flag: a flag is NAME=VALUE")
        flags[name] = text
    more = given.get("flags") or {}
    if not isinstance(more, dict):
        place.fault("flags: must be a mapping")
        more = {}
    flags.update({str(name): _word_for(value) for name, value in more.items()})
    # A link in the pipeline's run has this name.
    name = given.get("name", words[0].replace("/", "_").replace(":", "_"))
    if not isinstance(name, str) or not NAME.match(name):
        place.fault(f"name: {name!r} is none: it has letters, digits, '-', '_', '.'")
    return None if len(place.faults) > before else Step(str(name), words[0], flags)


def _word_for(value: Any) -> str:
    """A value as it is written behind `FLAG=`."""
    is_reference = isinstance(value, str) and "${" in value
    return str(value) if is_reference else shown(value)
