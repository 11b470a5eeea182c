"""guild.yml: what a project offers, read into frozen records; every fault in one message."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.errors import ConfigError, GuildError
from guild_sync.project import requirements
from guild_sync.project.definitions import GUILDFILE, NAME, Operation, Package, Project, Requirement
from guild_sync.project.flags import Flag
from guild_sync.project.module_flags import ImportedFlag, find_module, module_flags
from guild_sync.project.values import SCIENTIFIC, TIME_OF_DAY, is_number, variable_text, words_of

_OPERATION_KEYS = {
    "main", "exec", "flags", "flags-import", "flags-dest", "env", "description", "default",
    "label", "sourcecode", "requires", "steps",
}  # fmt: skip
_LATER_KEYS = {"pip-freeze", "stoppable", "output-scalars", "plugins"}
_FLAG_KEYS = {
    "default", "choices", "type", "required", "min", "max", "arg-name", "arg-switch",
    "description",
}  # fmt: skip
_TYPES = ("string", "number", "int", "float", "boolean", "path", "existing-path", "filename")
_DESTINATIONS = ("args", "globals", "env")


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


def of_script(path: Path) -> tuple[Project, Operation]:
    """The project and operation that a Python script by itself is."""
    if not path.is_file():
        raise GuildError(f"there is no script {path}", "Give the path of a Python file.")
    folder = path.absolute().parent
    reader = _Reader(folder / GUILDFILE)
    flags, dest = reader._flags({}, shlex.quote(path.stem), None, reader.file.at(path.name))
    operation = Operation(path.name, main=shlex.quote(path.stem), flags=flags, flags_dest=dest)
    return Project(folder, (operation,), warnings=tuple(reader.file.warnings)), operation


def _parsed(path: Path, text: str) -> Any:
    import yaml

    try:
        # Not libyaml's loader: deep nesting ends the process.
        return yaml.load(text, _loader())
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        from guild_sync.config.file import yaml_error

        raise yaml_error(path, e) from None


def _loader() -> type[Any]:
    """YAML's safe loader, to which values are what they are on a command line.

    `1e-3` is a number, and neither `12:30` nor `2026-01-01` is: they are text.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [
            ("tag:yaml.org,2002:str", TIME_OF_DAY),
            *(pair for pair in known if pair[0] != "tag:yaml.org,2002:timestamp"),
            ("tag:yaml.org,2002:float", SCIENTIFIC),
        ]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


class _Reader:
    """Reads guild.yml in both its forms; `file` has every fault and every unknown key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        self.file = Place()
        self.package = Package()
        self.sourcecode: Any = None

    def project(self, data: Any) -> Project:
        operations: list[Operation] = []
        if isinstance(data, list):
            for number, entry in enumerate(data, 1):
                operations += self._entry(entry, self.file.at(f"entry {number}"))
        elif isinstance(data, dict):
            operations += self._operations(data, "")
        elif data is not None:
            self.file.fault("must be a mapping of operations, or a list of entries")
        self.file.refuse(self.path)
        warnings = tuple(self.file.warnings)
        return Project(self.folder, tuple(operations), self.package, self.sourcecode, warnings)

    def _entry(self, entry: Any, place: Place) -> list[Operation]:
        if not isinstance(entry, dict):
            place.fault("must be a mapping")
            return []
        if "package" in entry:
            self._package(entry, place)
            return []
        if "config" in entry:
            place.warn("config is passed over: guild does not know it yet")
            return []
        model = entry.get("model") or ""
        if not isinstance(model, str) or (model and not NAME.match(model)):
            place.fault("model: must be a name")
            return []
        for key in entry:
            if key not in ("model", "operations", "description", "sourcecode"):
                place.pass_over(key)
        if "sourcecode" in entry:
            self.sourcecode = entry["sourcecode"]
        operations = entry.get("operations") or {}
        if not isinstance(operations, dict):
            place.fault("operations: must be a mapping")
            return []
        return self._operations(operations, model)

    def _package(self, entry: Mapping[Any, Any], place: Place) -> None:
        for key in entry:
            if key in ("data-files",) or key not in (
                "package", "version", "description", "python-requires", "requires",
            ):  # fmt: skip
                place.pass_over(key)
        name, version = entry["package"], str(entry.get("version") or "0.0.0")
        requires = entry.get("requires") or []
        if not isinstance(name, str) or not NAME.match(name):
            place.fault("package: must be a name")
        if not _is_version(version):
            place.fault("version: must be a version, such as 1.0")
        requires = [requires] if isinstance(requires, str) else requires
        if not isinstance(requires, list) or not all(_one_line(r) for r in requires):
            place.fault("requires: must be a list of packages")
            requires = []
        python_requires = entry.get("python-requires")
        if python_requires is not None and not _one_line(python_requires):
            place.fault("python-requires: must be text, such as '>=3.8'")
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
            place = self.file.at(f"{model}:{name}" if model else str(name))
            if not isinstance(name, str) or not NAME.match(name):
                place.fault("an operation's name has letters, digits, '-', '_', '.'")
            elif isinstance(entry, str):
                found.append(self._operation(name, model, {"main": entry}, place))
            elif isinstance(entry, dict):
                found.append(self._operation(name, model, entry, place))
            else:
                place.fault("must be a mapping")
        return found

    def _operation(
        self, name: str, model: str, entry: Mapping[Any, Any], place: Place
    ) -> Operation:
        before = len(place.faults)
        later = tuple(key for key in entry if key in _LATER_KEYS)
        for key in entry:
            if key not in _OPERATION_KEYS and key not in _LATER_KEYS:
                place.pass_over(key)
        for key in ("main", "exec", "label", "description"):
            if not isinstance(entry.get(key, ""), str):
                place.fault(f"{key}: must be text")
        for key in ("main", "exec"):
            if isinstance(entry.get(key), str) and not words_of(entry[key]):
                place.fault(f"{key}: must be a line of words")
        if not isinstance(entry.get("default", False), bool):
            place.fault("default: must be yes or no")
        main, command = entry.get("main"), entry.get("exec")
        given = [key for key in ("main", "exec", "steps") if entry.get(key)]
        if len(given) > 1:
            place.fault(f"{' and '.join(given)} exclude each other")
        dest = entry.get("flags-dest")
        if dest is not None and dest not in _DESTINATIONS:
            place.fault(f"flags-dest: must be one of {', '.join(_DESTINATIONS)}")
        env = entry.get("env") or {}
        if not isinstance(env, dict):
            place.fault("env: must be a mapping")
            env = {}
        if len(place.faults) > before:
            return Operation(name)
        flags, dest = self._flags(entry, main if isinstance(main, str) else None, dest, place)
        requires = requirements.requirements(entry.get("requires"), place)
        steps = requirements.steps(entry.get("steps"), place)
        for requirement in requires:
            if requirement.kind == "operation":
                self._add_flag_of(requirement, flags, place)
        return Operation(
            name,
            model,
            entry.get("description", ""),
            main,
            command,
            flags,
            dest,
            {str(key): variable_text(value) for key, value in env.items()},
            entry.get("label"),
            entry.get("default") is True,
            later,
            entry.get("sourcecode"),
            requires,
            steps,
        )

    def _add_flag_of(self, requirement: Requirement, flags: dict[str, Flag], place: Place) -> None:
        """The flag that says which run is required."""
        if requirement.name in flags:
            place.fault(f"requires: {requirement.name} is a flag too: give it another name")
        flags[requirement.name] = Flag(
            requirement.name,
            type="string",
            is_run=True,
            description=f"the run of {requirement.source} to take; the latest completed one",
        )

    def _flags(
        self, entry: Mapping[Any, Any], main: str | None, dest: str | None, place: Place
    ) -> tuple[dict[str, Flag], str]:
        declared = entry.get("flags") or {}
        if not isinstance(declared, dict):
            place.fault("flags: must be a mapping")
            declared = {}
        imported: Mapping[str, ImportedFlag] = {}
        wanted = entry.get("flags-import")
        if main and words_of(main) and wanted not in ("no", False):
            path = find_module(words_of(main)[0], [self.folder])
            if path is not None:
                imported, dest = self._imported(path, dest)
        flags = {}
        for name, found in imported.items():
            if _is_wanted(name, wanted) or name in declared:
                flags[name] = _flag_of(found)
        for name, value in declared.items():
            if str(name).startswith("$"):
                place.at("flags").pass_over(name)
                continue
            flags[str(name)] = self._declared(
                str(name), value, flags.get(str(name)), dest, place.at("flags").at(str(name))
            )
        return flags, dest or "args"

    def _imported(
        self, path: Path, dest: str | None
    ) -> tuple[Mapping[str, ImportedFlag], str | None]:
        try:
            found = module_flags(path.read_text(encoding="utf-8"), str(path))
        except (SyntaxError, ValueError, OSError) as e:
            self.file.warn(f"cannot read flags from {path.name}: {e}")
            return {}, dest
        if dest is None or dest == found.dest:
            return found.flags, found.dest
        return {}, dest

    def _declared(
        self, name: str, value: Any, base: Flag | None, dest: str | None, place: Place
    ) -> Flag:
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
        if not isinstance(given.get("arg-switch", None), (bool, type(None))):
            place.fault("arg-switch: must be yes or no")
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


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_option_name(value: object) -> bool:
    return isinstance(value, str) and bool(NAME.match(value))


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


def _kind_of(default: object) -> str | None:
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, (int, float)):
        return "number"
    return "string" if isinstance(default, str) else None
