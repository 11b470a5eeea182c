"""`flags` and `flags-import` of an operation in guild.yml, with what its module offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.declarations.spellings import (
    as_written,
    imported_flag,
    recorded_default,
    skipped,
)
from guild_sync.programs.modules import find_module
from guild_sync.programs.offered import ImportedFlag
from guild_sync.project.definitions import NAME
from guild_sync.project.flags import Flag
from guild_sync.project.values import is_number, words_of

_FLAG_KEYS = {
    "default", "choices", "type", "required", "min", "max", "arg-name", "arg-switch",
    "description", "arg-skip", "arg-split", "arg-encoding",
}  # fmt: skip
_TYPES = ("string", "number", "int", "float", "boolean", "path", "existing-path", "filename")


def flags_of(
    entry: Mapping[Any, Any], main: str | None, dest: str | None, folder: Path, place: Place
) -> tuple[dict[str, Flag], str]:
    """The flags that an operation declares and imports from its module, and where they go."""
    declared = entry.get("flags") or {}
    if not isinstance(declared, dict):
        place.fault("flags: must be a mapping")
        declared = {}
    imported: Mapping[str, ImportedFlag] = {}
    wanted = entry.get("flags-import")
    if main and words_of(main) and wanted not in ("no", False):
        path = find_module(words_of(main)[0], [folder])
        if path is not None:
            imported, dest = _imported(path, words_of(main)[1:], dest, place)
    flags = {}
    for name, found in imported.items():
        if _is_wanted(name, wanted) or name in declared:
            flags[name] = imported_flag(found)
    for name, value in declared.items():
        if str(name).startswith("$"):
            place.at("flags").pass_over(name)
            continue
        flags[str(name)] = _declared(
            str(name), value, flags.get(str(name)), dest, place.at("flags").at(str(name))
        )
    if not isinstance(skip := entry.get("default-flag-arg-skip", False), bool):
        place.fault("default-flag-arg-skip: must be yes or no")
    elif skip:
        flags = {name: skipped(flag, declared.get(name)) for name, flag in flags.items()}
    return flags, dest or "args"


def _imported(
    path: Path, words: Sequence[str], dest: str | None, place: Place
) -> tuple[Mapping[str, ImportedFlag], str | None]:
    from guild_sync.project.module_flags import module_flags  # commands have no module

    try:
        found = module_flags(path.read_text(encoding="utf-8"), str(path), words)
    except (SyntaxError, ValueError, OSError) as e:
        place.warn(f"cannot read flags from {path.name}: {e}")
        return {}, dest
    if dest in (None, found.dest, found.dest.partition(":")[0]):
        return found.flags, found.dest
    return {}, dest


def _declared(name: str, value: Any, base: Flag | None, dest: str | None, place: Place) -> Flag:
    base = base or Flag(name, global_name=name.replace("-", "_") if dest == "globals" else None)
    given = value if isinstance(value, dict) else {"default": value}
    for key in given:
        if key not in _FLAG_KEYS:
            place.pass_over(key)
    choices = given.get("choices", list(base.choices))
    if not isinstance(choices, list):
        place.fault("choices: must be a list")
        choices = []
    for key in ("min", "max"):
        if not is_number(given.get(key, 0)):
            place.fault(f"{key}: must be a number")
    if given.get("type") is not None and given["type"] not in _TYPES:
        place.fault(f"type: must be one of {', '.join(_TYPES)}")
    if not _is_option_name(given.get("arg-name", "x")):
        place.fault("arg-name: must be an option's name without dashes")
    return Flag(
        name=name,
        default=recorded_default(given, base, place),
        type=given.get("type", base.type),
        choices=tuple(c["value"] if isinstance(c, dict) and "value" in c else c for c in choices),
        required=bool(given.get("required", base.required)),
        minimum=given.get("min"),
        maximum=given.get("max"),
        arg_name=given.get("arg-name", base.arg_name),
        switch=given.get("arg-switch", base.switch),
        several=base.several,
        global_name=base.global_name,
        description=str(given.get("description", base.description)),
        spelling=as_written(base.spelling, given, place),
        own=base.own,
    )


def _is_option_name(value: object) -> bool:
    return isinstance(value, str) and bool(NAME.match(value))


def _is_wanted(name: str, wanted: Any) -> bool:
    if wanted is None or wanted in ("all", True):
        return True
    return name in wanted if isinstance(wanted, list) else name == wanted
