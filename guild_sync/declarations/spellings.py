"""The `arg-` keys of a flag in guild.yml, and the flags that a module's source offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from guild_sync.config.faults import Place, yes_or_no
from guild_sync.programs import literals
from guild_sync.programs.literals import Constant
from guild_sync.programs.offered import ImportedFlag
from guild_sync.programs.spelling import PLAIN, SHELL, Spelling
from guild_sync.project.definitions import Yaml
from guild_sync.project.flags import Flag
from guild_sync.project.values import FlagValue, as_value


def as_written(base: Spelling, given: Mapping[Yaml, Yaml], place: Place) -> Spelling:
    """The spelling of a flag with these keys; every fault of theirs is told."""
    made = base
    if base.negative and isinstance(name := given.get("arg-name"), str):
        made = replace(made, negative=f"--no-{name}")
    if not _is_scalar(given.get("arg-switch")):
        place.fault("arg-switch: must be yes, no or another single value")
    made = replace(made, skip=yes_or_no(given.get("arg-skip"), "arg-skip", place) is True)
    if "arg-split" in given:
        split = given["arg-split"]
        if not _is_scalar(split):
            place.fault(f"arg-split: must be yes, {SHELL}, or what is between words")
        separator = SHELL if split is True else str(split) if split else None
        made = replace(made, split=separator)
    encoding = given.get("arg-encoding") or {}
    if not isinstance(encoding, dict) or not all(
        map(_is_scalar, (*encoding.keys(), *encoding.values()))
    ):
        place.fault("arg-encoding: must be a mapping of values to texts")
        return made
    pairs = tuple((as_value(key), as_value(value)) for key, value in encoding.items())
    return replace(made, encoding=pairs)


def _is_scalar(value: Yaml) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def recorded_default(given: Mapping[Yaml, Yaml], base: Flag) -> FlagValue:
    """The default that guild.yml gives, else the source's, as a run records it."""
    return base.default if given.get("default") is None else as_value(given["default"])


def skipped(flag: Flag, declared: Yaml) -> Flag:
    """The flag where `default-flag-arg-skip` says that it is no argument unless it says so."""
    says = declared.get("arg-skip") if isinstance(declared, dict) else None
    return flag if says is not None else replace(flag, spelling=replace(flag.spelling, skip=True))


def imported_flag(found: ImportedFlag) -> Flag:
    """The flag that a module offers."""
    return Flag(
        name=found.name,
        default=literals.recorded(found.default),
        type=found.type or _kind_of(found),
        choices=tuple(map(literals.recorded, found.choices)),
        required=found.required,
        switch=found.switch,
        several=found.several,
        global_name=found.name if found.spelling is None else None,
        description=found.help,
        spelling=found.spelling or PLAIN,
        own=literals.tagged(found.default),
    )


def _kind_of(found: ImportedFlag) -> str | None:
    """The type of a flag whose source does not say one."""
    default: Constant = found.default
    if isinstance(default, str):
        return "string"
    if found.spelling is not None and found.switch is None:
        # What argparse makes of an option without a type; but 3 is 3 where the default is 2.
        return "string" if default is None and not found.several else None
    if isinstance(default, bool):
        return "boolean"
    return "number" if isinstance(default, (int, float)) else None
