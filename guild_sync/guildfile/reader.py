"""guild.yml: what a project offers, read into frozen records; every fault in one message."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.errors import ConfigError, GuildError
from guild_sync.guildfile.flags import flags_of
from guild_sync.guildfile.package import package
from guild_sync.guildfile.requirements import requirements_of
from guild_sync.guildfile.steps import steps_of
from guild_sync.project.definitions import GUILDFILE, NAME, Operation, Package, Project, Requirement
from guild_sync.project.flags import Flag
from guild_sync.project.values import SCIENTIFIC, TIME_OF_DAY, variable_text, words_of

_OPERATION_KEYS = {
    "main", "exec", "flags", "flags-import", "flags-dest", "env", "description", "default",
    "label", "sourcecode", "requires", "steps",
}  # fmt: skip
_LATER_KEYS = {"pip-freeze", "stoppable", "output-scalars", "plugins"}
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
    place = reader.file.at(path.name)
    flags, dest = flags_of({}, shlex.quote(path.stem), None, folder, place)
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
            self.package = package(entry, place)
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
        module = main if isinstance(main, str) else None
        flags, dest = flags_of(entry, module, dest, self.folder, place)
        requires = requirements_of(entry.get("requires"), place)
        steps = steps_of(entry.get("steps"), place)
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
