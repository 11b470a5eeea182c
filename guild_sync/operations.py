"""guild.yml: which operations a project offers, and what a command line makes of one."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from guild_sync.agent import attrs
from guild_sync.errors import ConfigError, GuildError, UsageError
from guild_sync.imports import ImportedFlag, find_module, module_flags

GUILDFILE = "guild.yml"

_OPERATION_KEYS = {
    "main", "exec", "flags", "flags-import", "flags-dest", "env", "description", "default",
    "label", "sourcecode",
}  # fmt: skip
_LATER_KEYS = {"requires", "steps", "pip-freeze", "stoppable", "output-scalars", "plugins"}
_FLAG_KEYS = {
    "default", "choices", "type", "required", "min", "max", "arg-name", "arg-switch",
    "description",
}  # fmt: skip
_TYPES = ("string", "number", "int", "float", "boolean", "path", "existing-path", "filename")
_TEXT_TYPES = ("string", "path", "existing-path", "filename")
_DESTINATIONS = ("args", "globals", "env")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+\Z")
_SEXAGESIMAL = re.compile(r"[-+]?\d+(:\d+)+(\.\d*)?\Z")  # a time of day, not a number
_QUOTED = re.compile(r"[\s'\"\\$;&|<>(),\[\]{}`*?!#~]")  # what a reader could misread
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Flag:
    """One flag of an operation, and how its value reaches what runs."""

    name: str
    default: Any = None
    type: str | None = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    arg_name: str | None = None
    switch: bool | None = None
    several: bool = False
    global_name: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """An operation as guild.yml defines it, with the flags of its module."""

    name: str
    model: str = ""
    description: str = ""
    main: str | None = None
    exec: str | None = None
    flags: Mapping[str, Flag] = field(default_factory=dict)
    flags_dest: str = "args"
    env: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    default: bool = False
    later_keys: tuple[str, ...] = ()
    sourcecode: Any = None

    @property
    def full_name(self) -> str:
        return f"{self.model}:{self.name}" if self.model else self.name


@dataclass(frozen=True)
class Package:
    """A `package` entry: what the project's wheel is called and needs."""

    name: str | None = None
    version: str = "0.0.0"
    description: str = ""
    python_requires: str | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A folder with a guild.yml."""

    folder: Path
    operations: tuple[Operation, ...] = ()
    package: Package = Package()
    sourcecode: Any = None
    warnings: tuple[str, ...] = ()

    @property
    def guildfile(self) -> Path:
        return self.folder / GUILDFILE


def load(folder: Path) -> Project:
    """The project in `folder`. Raises ConfigError with every fault of its guild.yml."""
    path = folder / GUILDFILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GuildError(
            f"there is no {GUILDFILE} in {folder}", "Change to a project's folder, or make one."
        ) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None
    return _Reader(path).project(_parsed(path, text))


def _parsed(path: Path, text: str) -> Any:
    import yaml

    from guild_sync.config import yaml_error

    try:
        return yaml.safe_load(text)  # not libyaml's loader: deep nesting ends the process
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise yaml_error(path, e) from None


class _Reader:
    """Reads guild.yml in both its forms; gathers every fault and every unknown key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.package = Package()
        self.sourcecode: Any = None

    def project(self, data: Any) -> Project:
        operations: list[Operation] = []
        if isinstance(data, list):
            for number, entry in enumerate(data, 1):
                operations += self._entry(entry, f"entry {number}")
        elif isinstance(data, dict):
            operations += self._operations(data, "")
        elif data is not None:
            self.faults.append("must be a mapping of operations, or a list of entries")
        if self.faults:
            count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
            raise ConfigError(
                f"{self.path} has {count}:", "\n".join(f"  {fault}" for fault in self.faults)
            )
        return Project(
            self.folder, tuple(operations), self.package, self.sourcecode, tuple(self.warnings)
        )

    def _entry(self, entry: Any, place: str) -> list[Operation]:
        if not isinstance(entry, dict):
            self.faults.append(f"{place}: must be a mapping")
            return []
        if "package" in entry:
            self._package(entry, place)
            return []
        if "config" in entry:
            self.warnings.append(f"{place}: config is passed over: guild does not know it yet")
            return []
        model = entry.get("model") or ""
        if not isinstance(model, str) or (model and not _NAME.match(model)):
            self.faults.append(f"{place}: model: must be a name")
            return []
        for key in entry:
            if key not in ("model", "operations", "description", "sourcecode"):
                self._pass_over(place, key)
        if "sourcecode" in entry:
            self.sourcecode = entry["sourcecode"]
        operations = entry.get("operations") or {}
        if not isinstance(operations, dict):
            self.faults.append(f"{place}: operations: must be a mapping")
            return []
        return self._operations(operations, model)

    def _package(self, entry: Mapping[Any, Any], place: str) -> None:
        for key in entry:
            if key in ("data-files",) or key not in (
                "package", "version", "description", "python-requires", "requires",
            ):  # fmt: skip
                self._pass_over(place, key)
        name, version = entry["package"], str(entry.get("version") or "0.0.0")
        requires = entry.get("requires") or []
        if not isinstance(name, str) or not _NAME.match(name):
            self.faults.append(f"{place}: package: must be a name")
        if not _is_version(version):
            self.faults.append(f"{place}: version: must be a version, such as 1.0")
        requires = [requires] if isinstance(requires, str) else requires
        if not isinstance(requires, list) or not all(_one_line(r) for r in requires):
            self.faults.append(f"{place}: requires: must be a list of packages")
            requires = []
        python_requires = entry.get("python-requires")
        if python_requires is not None and not _one_line(python_requires):
            self.faults.append(f"{place}: python-requires: must be text, such as '>=3.8'")
        self.package = Package(
            str(name),
            version,
            str(entry.get("description") or ""),
            python_requires,
            tuple(requires),
        )

    def _operations(self, operations: Mapping[Any, Any], model: str) -> list[Operation]:
        found = []
        for name, entry in operations.items():
            place = f"{model}:{name}" if model else str(name)
            if not isinstance(name, str) or not _NAME.match(name):
                self.faults.append(
                    f"{place}: an operation's name has letters, digits, '-', '_', '.'"
                )
            elif isinstance(entry, str):
                found.append(self._operation(name, model, {"main": entry}, place))
            elif isinstance(entry, dict):
                found.append(self._operation(name, model, entry, place))
            else:
                self.faults.append(f"{place}: must be a mapping")
        return found

    def _operation(self, name: str, model: str, entry: Mapping[Any, Any], place: str) -> Operation:
        before = len(self.faults)
        later = tuple(key for key in entry if key in _LATER_KEYS)
        for key in entry:
            if key not in _OPERATION_KEYS and key not in _LATER_KEYS:
                self._pass_over(place, key)
        for key in ("main", "exec", "label", "description"):
            if not isinstance(entry.get(key, ""), str):
                self.faults.append(f"{place}: {key}: must be text")
        for key in ("main", "exec"):
            if isinstance(entry.get(key), str) and not _words(entry[key]):
                self.faults.append(f"{place}: {key}: must be a line of words")
        if not isinstance(entry.get("default", False), bool):
            self.faults.append(f"{place}: default: must be yes or no")
        main, command = entry.get("main"), entry.get("exec")
        if main and command:
            self.faults.append(f"{place}: main and exec exclude each other")
        dest = entry.get("flags-dest")
        if dest is not None and dest not in _DESTINATIONS:
            self.faults.append(f"{place}: flags-dest: must be one of {', '.join(_DESTINATIONS)}")
        env = entry.get("env") or {}
        if not isinstance(env, dict):
            self.faults.append(f"{place}: env: must be a mapping")
            env = {}
        if len(self.faults) > before:
            return Operation(name)
        flags, dest = self._flags(entry, main if isinstance(main, str) else None, dest, place)
        return Operation(
            name,
            model,
            entry.get("description", ""),
            main,
            command,
            flags,
            dest,
            {str(key): _variable_text(value) for key, value in env.items()},
            entry.get("label"),
            entry.get("default") is True,
            later,
            entry.get("sourcecode"),
        )

    def _flags(
        self, entry: Mapping[Any, Any], main: str | None, dest: str | None, place: str
    ) -> tuple[dict[str, Flag], str]:
        declared = entry.get("flags") or {}
        if not isinstance(declared, dict):
            self.faults.append(f"{place}: flags: must be a mapping")
            declared = {}
        imported: Mapping[str, ImportedFlag] = {}
        wanted = entry.get("flags-import")
        if main and _words(main) and wanted not in ("no", False):
            path = find_module(_words(main)[0], [self.folder])
            if path is not None:
                imported, dest = self._imported(path, dest)
        flags = {}
        for name, found in imported.items():
            if _is_wanted(name, wanted) or name in declared:
                flags[name] = _flag_of(found)
        for name, value in declared.items():
            if str(name).startswith("$"):
                self._pass_over(f"{place}: flags", name)
                continue
            flags[str(name)] = self._declared(
                str(name), value, flags.get(str(name)), dest, f"{place}: flags: {name}"
            )
        return flags, dest or "args"

    def _imported(
        self, path: Path, dest: str | None
    ) -> tuple[Mapping[str, ImportedFlag], str | None]:
        try:
            found = module_flags(path.read_text(encoding="utf-8"), str(path))
        except (SyntaxError, ValueError, OSError) as e:
            self.warnings.append(f"cannot read flags from {path.name}: {e}")
            return {}, dest
        if dest is None or dest == found.dest:
            return found.flags, found.dest
        return {}, dest

    def _declared(
        self, name: str, value: Any, base: Flag | None, dest: str | None, place: str
    ) -> Flag:
        base = base or Flag(name, global_name=name.replace("-", "_") if dest == "globals" else None)
        given = value if isinstance(value, dict) else {"default": value}
        for key in given:
            if key not in _FLAG_KEYS:
                self._pass_over(place, key)
        choices = given.get("choices", list(base.choices))
        if not isinstance(choices, list):
            self.faults.append(f"{place}: choices: must be a list")
            choices = []
        for key in ("min", "max"):
            if not _is_number(given.get(key, 0)):
                self.faults.append(f"{place}: {key}: must be a number")
        if given.get("type") is not None and given["type"] not in _TYPES:
            self.faults.append(f"{place}: type: must be one of {', '.join(_TYPES)}")
        if not _is_option_name(given.get("arg-name", "x")):
            self.faults.append(f"{place}: arg-name: must be an option's name without dashes")
        if not isinstance(given.get("arg-switch", None), (bool, type(None))):
            self.faults.append(f"{place}: arg-switch: must be yes or no")
        return Flag(
            name=name,
            default=given.get("default", base.default),
            type=given.get("type", base.type),
            choices=tuple(
                c["value"] if isinstance(c, dict) and "value" in c else c for c in choices
            ),
            required=bool(given.get("required", base.required)),
            minimum=given.get("min"),
            maximum=given.get("max"),
            arg_name=given.get("arg-name", base.arg_name),
            switch=given.get("arg-switch", base.switch),
            several=base.several,
            global_name=base.global_name,
            description=str(given.get("description", base.description)),
        )

    def _pass_over(self, place: str, key: object) -> None:
        self.warnings.append(f"{place}: {key} is passed over: guild does not know it")


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_option_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.match(value))


def _words(text: str) -> list[str]:
    """The words of a command line; none where its quotes do not match."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _one_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\n" not in value and "\r" not in value


def _is_wanted(name: str, wanted: Any) -> bool:
    if wanted is None or wanted in ("all", True):
        return True
    return name in wanted if isinstance(wanted, list) else name == wanted


def _flag_of(found: ImportedFlag) -> Flag:
    kind = found.type or _kind_of(found.default)
    if found.arg_name and kind is None and found.switch is None and not found.nargs:
        kind = "string"  # what argparse makes of an option without a type
    return Flag(
        name=found.name,
        default=found.default,
        type=kind,
        choices=found.choices,
        required=found.required,
        arg_name=found.arg_name,
        switch=found.switch,
        several=found.nargs,
        global_name=found.name if found.arg_name is None else None,
        description=found.help,
    )


# ---- choosing an operation


def find(project: Project, spec: str | None) -> Operation:
    """The operation that `spec`, `[PACKAGE/][MODEL:]NAME`, names, or the default one."""
    if spec is None:
        defaults = [o for o in project.operations if o.default]
        if not defaults and len(project.operations) == 1:
            defaults = list(project.operations)
        if not defaults:
            raise UsageError(
                "which operation?", "Try 'guild operations' for a list of available operations."
            )
        return defaults[0]
    wanted = spec.rpartition("/")[2]
    for operation in project.operations:
        if wanted in (operation.full_name, operation.name):
            return operation
    raise GuildError(
        f"operation {spec!r} is not defined for this project",
        _did_you_mean(wanted, [o.full_name for o in project.operations])
        + "Try 'guild operations' for a list of available operations.",
    )


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 3, 0.5)
    return f"Did you mean {' or '.join(near)}?\n" if near else ""


def flag_values(
    operation: Operation, assignments: Sequence[str], force: bool = False
) -> dict[str, Any]:
    """The value of every flag: what `FLAG=VALUE` words say, else its default.

    Raises GuildError for a flag that the operation does not have (unless `force`), and
    for a value that is not one of its.
    """
    values = {name: flag.default for name, flag in operation.flags.items()}
    for word in assignments:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is not a flag: a flag is NAME=VALUE")
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise GuildError(f"flag {name!r}: its value is not UTF-8 text")
        flag = operation.flags.get(name)
        if flag is None and not force:
            raise GuildError(
                f"unsupported flag {name!r} for {operation.full_name}",
                _did_you_mean(name, operation.flags)
                + "Try 'guild operations -v' for the flags, or --force-flags to skip this check.",
            )
        values[name] = _typed(flag or Flag(name), text, force)
    for name, flag in operation.flags.items():
        if flag.required and values[name] in (None, ""):
            raise GuildError(f"flag {name!r} needs a value", f"Give it as {name}=VALUE.")
    return values


def _typed(flag: Flag, text: str, force: bool) -> Any:
    """The value that `text` stands for, as the flag's type has it."""
    of_text = flag.type in _TEXT_TYPES or (
        flag.type is None and bool(flag.choices) and all(isinstance(c, str) for c in flag.choices)
    )
    value: Any = text if of_text else plain_value(text)
    if flag.type == "float" and _is_number(value):
        value = float(value)
    problem = None if force or value is None else _problem(flag, value)
    if problem:
        raise GuildError(
            f"invalid value {_short(text)} for flag {flag.name!r}: {problem}",
            "Use --force-flags to skip this check.",
        )
    return value


def _problem(flag: Flag, value: Any) -> str | None:
    """What keeps `value` from being one of the flag's, None where nothing does."""
    bounded = flag.minimum is not None or flag.maximum is not None
    if flag.type == "boolean" and not isinstance(value, bool):
        return "neither yes nor no"
    if flag.type == "int" and (not isinstance(value, int) or isinstance(value, bool)):
        return "not a whole number"
    if (flag.type in ("number", "float") or bounded) and not _is_number(value):
        return "not a number"
    # Written so that nan, which no comparison holds for, is out of bounds.
    if flag.minimum is not None and not value >= flag.minimum:
        return f"less than {flag.minimum}"
    if flag.maximum is not None and not value <= flag.maximum:
        return f"more than {flag.maximum}"
    if flag.choices and not any(_same(choice, value) for choice in flag.choices):
        return f"not one of {', '.join(shown(choice) for choice in flag.choices)}"
    return None


def _same(one: Any, other: Any) -> bool:
    """Equality in which yes is not 1, as it is in Python."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "..."


def _kind_of(default: Any) -> str | None:
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, (int, float)):
        return "number"
    return "string" if isinstance(default, str) else None


def plain_value(text: str) -> Any:
    """The value of a word on the command line: a number, yes or no, null, a list, else text."""
    if "\n" in text or len(text) > 1000 or not text.strip() or _SEXAGESIMAL.match(text):
        return text
    if _SCIENTIFIC.match(text):  # a string to YAML 1.1, a number to everybody else
        return float(text) if math.isfinite(float(text)) else text
    if text[0] in "[{'\"" or text[0].isalnum() or text[0] in "+-.~":
        try:
            value = attrs.decode(text)
        except attrs.AttrError:
            return text
        if isinstance(value, dict) or (isinstance(value, list) and text[0] != "["):
            return text
        return value
    return text


# ---- what runs


def shown(value: Any) -> str:
    """A flag's value as people write it: `10`, `yes`, `'a b'`, `[1, 2]`; always on one line.

    `plain_value` reads a text on one line back as it was.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {shown(v)}' for k, v in value.items())}}}"
    if not isinstance(value, str):
        return attrs.encode(value).strip()
    if "\n" in value or "\r" in value:
        return repr(value)
    if value and plain_value(value) == value and not _QUOTED.search(value):
        return value
    return "'" + value.replace("'", "''") + "'"  # as YAML quotes


def label(operation: Operation, values: Mapping[str, Any]) -> str:
    """The run's label: what guild.yml says, else its flags."""
    if operation.label is not None:
        return _VARIABLE.sub(lambda m: _variable_text(values.get(m[1], m[0])), operation.label)
    parts = [f"{name}={shown(value)}" for name, value in values.items() if value is not None]
    text = " ".join(sorted(parts))
    return text if len(text) <= 200 else text[:197] + "..."


def job(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a runner is to do (agent/runner.py): the command, its environment, its globals."""
    if not operation.main and not operation.exec:
        keys = f" (it has {', '.join(operation.later_keys)})" if operation.later_keys else ""
        raise GuildError(
            f"operation {operation.full_name!r} has neither main nor exec{keys}",
            "Steps come with a later version of guild." if "steps" in operation.later_keys else "",
        )
    env = {
        **{f"FLAG_{_variable_name(name)}": _variable_text(value) for name, value in values.items()},
        "GUILD_FLAGS_DEST": operation.flags_dest,
        **operation.env,
    }
    for name, value in env.items():
        if "\0" in name + value:
            raise GuildError(f"a value of {name} has a NUL character in it")
        if not name or "=" in name:
            raise GuildError(f"{name!r} cannot be the name of an environment variable")
    made: dict[str, Any] = {"op": operation.full_name, "env": env}
    if operation.exec:
        made["argv"] = _exec_argv(operation.exec, values)
        return made
    words = _words(operation.main or "")
    if not words:
        raise ConfigError(f"main of {operation.full_name} is no line of words: {operation.main}")
    made["module"], arguments = words[0], words[1:]
    if operation.flags_dest == "args":
        arguments += _arguments(operation, values)
    elif operation.flags_dest == "globals":
        import json

        names = {
            n: f.global_name for n, f in operation.flags.items() if f.global_name and n in values
        }
        names.update({n: n.replace("-", "_") for n in values if n not in operation.flags})
        env["GUILD_GLOBALS"] = json.dumps(names)
    made["args"] = arguments
    return made


def _exec_argv(command: str, values: Mapping[str, Any]) -> list[str]:
    """The words of an `exec`, each `${flag}` replaced within its word: no value adds a word."""
    try:
        words = shlex.split(command)
    except ValueError as e:
        raise ConfigError(f"exec: {e}: {command}") from None
    if not words:
        raise ConfigError("exec: is empty")

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"exec: there is no flag {match[1]!r}: {command}")
        return _variable_text(values[match[1]])

    argv = []
    for word in words:
        if word == "${flag_args}":
            for name, value in values.items():
                argv += [f"--{name}", _argument_text(value)] if value is not None else []
        else:
            argv.append(_VARIABLE.sub(value_of, word))
    return argv


def _arguments(operation: Operation, values: Mapping[str, Any]) -> list[str]:
    arguments: list[str] = []
    for name, value in values.items():
        flag = operation.flags.get(name, Flag(name))
        option = f"--{flag.arg_name or name}"
        if flag.switch is not None:
            arguments += [option] if value == flag.switch and value is not None else []
        elif isinstance(value, list) and flag.several:
            texts = [_argument_text(item) for item in value]
            dashed = any(
                text.startswith("-") and not _is_number(plain_value(text)) for text in texts
            )
            arguments += [f"{option}={text}" for text in texts] if dashed else [option, *texts]
        elif value is not None:
            text = _argument_text(value)
            # A text that begins with a dash would be read as an option of its own.
            arguments += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return arguments


def _argument_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    return value if isinstance(value, str) else attrs.encode(value).strip()


def _variable_text(value: Any) -> str:
    """A value as an environment variable has it (as Guild AI 0.9: true is 1, false is empty)."""
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return value if isinstance(value, str) else str(value)


def _variable_name(flag: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", flag).upper()


def of_script(path: Path) -> tuple[Project, Operation]:
    """The project and operation that a Python script by itself is."""
    if not path.is_file():
        raise GuildError(f"there is no script {path}", "Give the path of a Python file.")
    folder = path.absolute().parent
    reader = _Reader(folder / GUILDFILE)
    flags, dest = reader._flags({}, shlex.quote(path.stem), None, path.name)
    operation = Operation(path.name, main=shlex.quote(path.stem), flags=flags, flags_dest=dest)
    return Project(folder, (operation,), warnings=tuple(reader.warnings)), operation
