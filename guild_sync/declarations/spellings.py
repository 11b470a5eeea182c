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
from guild_sync.project.flags import AS_TYPED, Flag
from guild_sync.project.values import FlagValue, as_value


def as_written(base: Spelling, given: Mapping[Yaml, Yaml], place: Place) -> Spelling:
    """The spelling of a flag with these keys; every fault of theirs is told."""
    made = base
    if base.negative and isinstance(name := given.get("arg-name"), str):
        made = replace(made, negative=f"--no-{name}")
    if not _is_scalar(given.get("arg-switch")):
        place.must_be("yes, no or another single value", "arg-switch")
    made = replace(made, skip=yes_or_no(given.get("arg-skip"), "arg-skip", place) is True)
    if "arg-split" in given:
        split = given["arg-split"]
        if not _is_scalar(split):
            place.must_be(f"yes, {SHELL}, or what is between words", "arg-split")
        separator = SHELL if split is True else str(split) if split else None
        made = replace(made, split=separator)
    encoding = given.get("arg-encoding") or {}
    if not isinstance(encoding, dict) or not all(
        map(_is_scalar, (*encoding.keys(), *encoding.values()))
    ):
        place.must_be("a mapping of values to texts", "arg-encoding")
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


def imported_flag(found: ImportedFlag, dest: str) -> Flag:
    """The flag that a module offers, whose flags go to `dest`."""
    return Flag(
        name=found.name,
        default=literals.recorded(found.default),
        type=_kind_of(found, dest),
        choices=tuple(map(literals.recorded, found.choices)),
        required=found.required,
        switch=found.switch,
        several=found.several,
        global_name=found.name if found.spelling is None else None,
        description=found.help,
        spelling=found.spelling or PLAIN,
        own=literals.tagged(found.default),
    )


def _kind_of(found: ImportedFlag, dest: str) -> str | None:
    """The flag's type: as the source says it, or else as its default tells."""
    default: Constant = found.default
    if found.type not in (None, "string"):
        return found.type
    option = found.spelling if found.switch is None else None
    is_one = option is not None and not found.several
    if found.type or isinstance(default, str) or (is_one and default is None):
        return AS_TYPED if is_one and dest != "args:fire" else "string"
    is_number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if option is not None:
        # argparse makes text of an option without a type, though its default is a number.
        is_untyped = dest == "args" and option.yes == "1" and option.bare is None
        return AS_TYPED if is_one and is_number and is_untyped else None
    if isinstance(default, bool):
        return "boolean"
    return "number" if is_number else None
