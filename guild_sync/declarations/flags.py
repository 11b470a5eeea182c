"""`flags` and `flags-import` of an operation in guild.yml, with what its module offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from guild_sync.agent.protocol import Value
from guild_sync.config.faults import Place
from guild_sync.declarations import destinations
from guild_sync.declarations.spellings import (
    as_written,
    imported_flag,
    recorded_default,
    skipped,
)
from guild_sync.programs.modules import find_module
from guild_sync.programs.offered import ImportedFlag
from guild_sync.project.definitions import NAME, Yaml
from guild_sync.project.flags import PATH_TYPES, Choice, Flag
from guild_sync.project.values import FlagValue, Several, is_number, shown, variable_text, words_of

_FLAG_KEYS = {
    "default", "choices", "type", "required", "min", "max", "arg-name", "arg-switch",
    "description", "arg-skip", "arg-split", "arg-encoding", "allow-other", "alias", "env-name",
    "env-encoding", "null-label", "distribution",
}  # fmt: skip
_TYPES = ("string", "number", "int", "float", "boolean", "path", "existing-path", "filename")
_CONSTRAINTS = {"type", "choices", "min", "max"}
_NAMES = ("alias", "env-name", "null-label")


def flags_of(
    entry: Mapping[Any, Any],
    main: str | None,
    dest: str | None,
    root: Path,
    place: Place,
    folder: Path,
) -> tuple[dict[str, Flag], str]:
    """The flags that an operation declares and imports from its module, and where they go.

    `root` is the folder that has the module, `folder` the project's.
    """
    declared = entry.get("flags") or {}
    if not isinstance(declared, dict):
        place.fault("flags: must be a mapping")
        declared = {}
    wanted, left_out = entry.get("flags-import"), _listed(entry.get("flags-import-skip"))
    if entry.get("flag-encoder"):
        place.fault("flag-encoder: guild runs no code of a project to make the values of flags")
    imported: Mapping[str, ImportedFlag] = {}
    there: dict[str, Flag] = {}
    if destinations.is_nested(dest):
        assert dest is not None
        there = destinations.offered(dest, main, root, folder, place)
    elif main and words_of(main) and wanted not in ("no", False):
        path = find_module(words_of(main)[0], [root])
        if path is not None:
            imported, dest = _imported(path, words_of(main)[1:], dest, place)
    there.update((name, imported_flag(found)) for name, found in imported.items())
    flags = {}
    renamed = {arg: str(name) for name, value in declared.items() if (arg := _arg_name(value))}
    renamed = {arg: name for arg, name in renamed.items() if arg in there}
    for name, flag in there.items():
        if name in renamed:
            flags[renamed[name]] = _called(flag, renamed[name])
            continue
        if name in renamed.values():  # it is another one's here
            continue
        is_left_out = name in left_out or not _is_wanted(name, wanted)
        if name in declared or not is_left_out:
            flags[name] = replace(flag, offered=wanted is None and name not in declared)
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
    for name, flag in flags.items():
        if flag.type in PATH_TYPES:
            flags[name] = replace(flag, folder=str(folder))
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
    given = value if isinstance(value, dict) else {"default": value}
    # One with a variable of its own needs no global.
    is_global = dest == "globals" and not given.get("env-name")
    called = (_arg_name(value) or name).replace("-", "_")
    base = base or Flag(name, global_name=called if is_global else None)
    for key in given:
        if key not in _FLAG_KEYS:
            place.pass_over(key)
    for key in ("min", "max"):
        if not is_number(given.get(key, 0)):
            place.fault(f"{key}: must be a number")
    choices = given.get("choices", list(base.choices))
    if not isinstance(choices, list):
        place.fault("choices: must be a list")
        choices = []
    kind = given.get("type", base.type)
    if not isinstance(kind, (str, type(None))):
        place.fault("type: must be text")
    elif kind not in (None, "auto", *_TYPES):
        place.warn(f"type: {kind} is none of {', '.join(_TYPES)}: its values are taken as they are")
    for key in _NAMES:
        if key in given and not isinstance(given[key], (str, int, float, bool, type(None))):
            place.fault(f"{key}: must be text")
    texts = given.get("env-encoding")
    if not isinstance(texts, (dict, type(None))):
        place.fault("env-encoding: must be a mapping of values to texts")
        texts = None
    if not _is_option_name(given.get("arg-name", "x")):
        place.fault("arg-name: must be an option's name without dashes")
    return Flag(
        name=name,
        default=_default(recorded_default(given, base, place), base),
        type=base.type if "type" not in given else kind if kind in _TYPES else None,
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
        details=tuple(_choices(choices, place)) or base.details,
        allow_other=given.get("allow-other") is True,
        checked=given.get("default") is not None and bool(_CONSTRAINTS & given.keys()),
        env_texts=None if texts is None else {shown(k): variable_text(v) for k, v in texts.items()},
        is_words=base.is_words,
        there=base.there,
        alias=_text(given.get("alias")),
        env_name=_text(given.get("env-name")),
        null_label=_text(given.get("null-label")),
    )


def _default(value: FlagValue, base: Flag) -> FlagValue:
    """A default of guild.yml: a list makes a batch, unless the flag's values are lists."""
    if (
        isinstance(value, list)
        and value
        and not base.several
        and not isinstance(base.default, list)
    ):
        return Several(tuple(value))
    return value


def _choices(choices: list[Value], place: Place) -> Iterator[Choice]:
    """What is said of the choices that are mappings."""
    for given in choices:
        if not isinstance(given, dict) or "value" not in given:
            continue
        flags, alias = given.get("flags") or {}, given.get("alias")
        if not isinstance(flags, dict):
            place.fault("choices: the flags of a choice must be a mapping")
            flags = {}
        yield Choice(
            given["value"],
            None if alias is None else _text(alias),
            str(given.get("description") or ""),
            {str(name): value for name, value in flags.items()},
        )


def _arg_name(declared: Any) -> str | None:
    """What the flag is called where it goes, if guild.yml says that."""
    name = declared.get("arg-name") if isinstance(declared, dict) else None
    return name if isinstance(name, str) else None


def _called(flag: Flag, name: str) -> Flag:
    """The flag that is there, as guild.yml calls it."""
    option = flag.spelling.option or f"--{flag.name}"
    return replace(flag, name=name, spelling=replace(flag.spelling, option=option))


def _listed(value: Yaml) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _text(value: Value) -> str | None:
    """A name as YAML has it: `yes` is one too."""
    return value if isinstance(value, str) or value is None else shown(value)


def _is_option_name(value: object) -> bool:
    return isinstance(value, str) and bool(NAME.match(value))


def _is_wanted(name: str, wanted: Any) -> bool:
    if wanted is None or wanted in ("all", True):
        return True
    return name in wanted if isinstance(wanted, list) else name == wanted
