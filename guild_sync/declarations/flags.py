"""`flags` and `flags-import` of an operation in guild.yml, with what its module offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from guild_sync.agent.protocol import Value
from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import short
from guild_sync.declarations import destinations
from guild_sync.declarations.destinations import ProgramSource
from guild_sync.declarations.spellings import (
    as_written,
    imported_flag,
    recorded_default,
    skipped,
)
from guild_sync.project.definitions import NAME, Yaml
from guild_sync.project.flags import PATH_TYPES, Choice, Flag
from guild_sync.project.values import (
    FlagValue,
    Several,
    as_value,
    is_number,
    shown,
    variable_text,
)

_FLAG_KEYS = {
    "default", "choices", "type", "required", "min", "max", "arg-name", "arg-switch",
    "description", "arg-skip", "arg-split", "arg-encoding", "allow-other", "alias", "env-name",
    "env-encoding", "null-label", "distribution",
}  # fmt: skip
# Keys of an operation that a flag is hardly called, with what is below them.
_OF_OPERATION = {"requires", "steps", "env", "sourcecode", "job", "run-attrs", "objective"}
_TYPES = ("string", "number", "int", "float", "boolean", "path", "existing-path", "filename")
_CONSTRAINTS = {"type", "choices", "min", "max"}
_NAMES = ("alias", "env-name", "null-label")


def flags_of(
    entry: Mapping[Yaml, Yaml], dest: str | None, program: ProgramSource, place: Place
) -> tuple[dict[str, Flag], str]:
    """The flags that an operation declares and imports from its program, and where they go."""
    given = entry.get("flags") or {}
    if not isinstance(given, dict):
        place.must_be("a mapping", "flags")
        given = {}
    declared = {str(name): value for name, value in given.items()}
    if entry.get("flag-encoder"):
        place.fault("flag-encoder: guild runs no code of a project to make the values of flags")
    there, dest = _there(entry.get("flags-import"), dest, program, place)
    flags = _imported(there, entry, declared)
    within = place.at("flags")
    for name, value in declared.items():
        if name.startswith("$"):
            within.pass_over(name)
            continue
        if _is_misplaced(name, value):
            within.warn(f"{name} is a flag here: as a key of the operation it is not below flags")
        flags[name] = _declared(name, value, flags.get(name), dest, within.at(name))
    skip = entry.get("default-flag-arg-skip")
    if yes_or_no(skip, "default-flag-arg-skip", place):
        flags = {name: skipped(flag, declared.get(name)) for name, flag in flags.items()}
    for name, flag in flags.items():
        if flag.type in PATH_TYPES:
            flags[name] = replace(flag, folder=str(program.folder))
    return flags, dest or "args"


def _there(
    wanted: Yaml, dest: str | None, program: ProgramSource, place: Place
) -> tuple[dict[str, Flag], str | None]:
    """The flags that there are to be set in the program, and where they go."""
    if dest is not None and destinations.is_nested(dest):
        return destinations.offered(dest, program, place), dest
    path = program.path if wanted not in ("no", False) else None
    if path is None:
        return {}, dest
    from guild_sync.project.module_flags import module_flags  # commands have no module

    try:
        below, _, module = program.words[0].rpartition("/")
        text, roots = path.read_text(encoding="utf-8"), (program.root, program.root / below)
        found = module_flags(text, str(path), program.words[1:], module, roots)
    except (SyntaxError, ValueError, OSError) as e:
        place.warn(f"cannot read flags from {path.name}: {e}")
        return {}, dest
    if dest not in (None, found.dest, found.dest.partition(":")[0]):
        return {}, dest
    return {name: imported_flag(flag, found.dest) for name, flag in found.flags.items()}, found.dest


def _imported(
    there: Mapping[str, Flag], entry: Mapping[Yaml, Yaml], declared: Mapping[str, Yaml]
) -> dict[str, Flag]:
    """Those of the flags that are there which the operation has: it declares or imports them.

    What `arg-name` of one says is there under the name that guild.yml gives it.
    """
    wanted, left_out = entry.get("flags-import"), _listed(entry.get("flags-import-skip"))
    renamed = {arg: name for name, value in declared.items() if (arg := _arg_name(value))}
    renamed = {arg: name for arg, name in renamed.items() if arg in there}
    flags = {}
    for name, flag in there.items():
        if name in renamed:
            flags[renamed[name]] = _called(flag, renamed[name])
            continue
        if name in renamed.values():  # it is another one's here
            continue
        is_imported = name not in left_out and _is_wanted(name, wanted)
        if name in declared or is_imported:
            flags[name] = replace(flag, offered=wanted is None and name not in declared)
    return flags


def _declared(name: str, value: Yaml, base: Flag | None, dest: str | None, place: Place) -> Flag:
    """A flag as guild.yml declares it, over what its source says (`base`)."""
    said: Mapping[Yaml, Yaml] = value if isinstance(value, dict) else {"default": value}
    given = {key: item for key, item in said.items() if item is not None}
    # One with a variable of its own needs no global.
    is_global = dest == "globals" and not given.get("env-name")
    called = (_arg_name(value) or name).replace("-", "_")
    base = base or Flag(name, global_name=called if is_global else None)
    try:
        as_value(value)
    except ValueError as e:
        place.fault(str(e))
        return base
    _check(given, place)
    choices, details = _choices(given, base, place)
    kind = given.get("type", base.type)
    return replace(
        base,
        name=name,
        default=_default(recorded_default(given, base), base),
        type=base.type if "type" not in given else kind if kind in _TYPES else None,
        choices=choices,
        required=bool(given.get("required", base.required)),
        minimum=_number(given.get("min")),
        maximum=_number(given.get("max")),
        arg_name=_text(given.get("arg-name", base.arg_name)),
        switch=as_value(given["arg-switch"]) if "arg-switch" in given else base.switch,
        description=str(given.get("description", base.description)),
        spelling=as_written(base.spelling, given, place),
        details=details,
        allow_other=given.get("allow-other") is True,
        checked=given.get("default") is not None and bool(_CONSTRAINTS & given.keys()),
        env_texts=_env_texts(given.get("env-encoding"), place),
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


def _is_misplaced(name: str, value: Yaml) -> bool:
    """Whether it is a key of the operation, with a value that no flag would have."""
    is_mapping = isinstance(value, dict) and value and not {*_FLAG_KEYS} & {*value}
    is_list = isinstance(value, list) and name in ("requires", "steps")
    return name in _OF_OPERATION and bool(is_mapping or is_list)


def _check(given: Mapping[Yaml, Yaml], place: Place) -> None:
    """Tell what is wrong with the keys of a flag that are read as they are."""
    for key in given:
        if key not in _FLAG_KEYS:
            place.pass_over(key)
    for key in ("min", "max"):
        if not is_number(given.get(key, 0)):
            place.must_be("a number", key)
    kind = given.get("type")
    if not isinstance(kind, (str, type(None))):
        place.must_be("text", "type")
    elif kind not in (None, "auto", *_TYPES):
        place.warn(f"type: {kind} is none of {', '.join(_TYPES)}: its values are taken as they are")
    for key in _NAMES:
        if isinstance(given.get(key), (list, dict)):
            place.must_be("text", key)
    option = given.get("arg-name", "x")
    if not isinstance(option, str) or not NAME.match(option):
        place.must_be("an option's name without dashes", "arg-name")


def _choices(
    given: Mapping[Yaml, Yaml], base: Flag, place: Place
) -> tuple[tuple[Value, ...], tuple[Choice, ...]]:
    """The values that the flag can have, and what is said of those that are mappings."""
    if "choices" not in given:
        return base.choices, base.details
    choices = given["choices"]
    if not isinstance(choices, list):
        place.must_be("a list", "choices")
        return (), base.details
    values, details = [], []
    for item in choices:
        if isinstance(item, dict) and "value" in item:
            details.append(_choice(item, place))
            values.append(details[-1].value)
        else:
            values.append(as_value(item))
    return tuple(values), tuple(details) or base.details


def _choice(given: Mapping[Yaml, Yaml], place: Place) -> Choice:
    flags = given.get("flags") or {}
    if not isinstance(flags, dict):
        place.fault(f"choices: the flags of a choice must be a mapping, not {short(flags)}")
        flags = {}
    return Choice(
        as_value(given["value"]),
        _text(given.get("alias")),
        str(given.get("description") or ""),
        {str(name): as_value(value) for name, value in flags.items()},
    )


def _env_texts(value: Yaml, place: Place) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        place.must_be("a mapping of values to texts", "env-encoding")
        return None
    return {shown(as_value(k)): variable_text(as_value(v)) for k, v in value.items()}


def _number(value: Yaml) -> float | None:
    return value if isinstance(value, (int, float)) else None


def _arg_name(declared: Yaml) -> str | None:
    """What the flag is called where it goes, if guild.yml says that."""
    name = declared.get("arg-name") if isinstance(declared, dict) else None
    return name if isinstance(name, str) else None


def _called(flag: Flag, name: str) -> Flag:
    """The flag that is there, as guild.yml calls it."""
    option = flag.spelling.option or f"--{flag.name}"
    return replace(flag, name=name, spelling=replace(flag.spelling, option=option))


def _listed(value: Yaml) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _text(value: Yaml) -> str | None:
    """A name as YAML has it: `yes` is one too."""
    return value if isinstance(value, str) or value is None else shown(as_value(value))


def _is_wanted(name: str, wanted: Yaml) -> bool:
    if wanted is None or wanted in ("all", True):
        return True
    return name in wanted if isinstance(wanted, list) else name == wanted
