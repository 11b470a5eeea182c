"""guild.yml: what a project offers, read into frozen records, each operation with its faults."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guild_sync.config.texts import is_one_line, short
from guild_sync.declarations import destinations, operation_keys
from guild_sync.declarations.destinations import ProgramSource
from guild_sync.declarations.flags import flags_of
from guild_sync.declarations.package import package
from guild_sync.declarations.requirements import add_flags, requirements_of
from guild_sync.declarations.sourcecode import source_code_of
from guild_sync.declarations.step_options import default_max_trials
from guild_sync.declarations.steps import steps_of
from guild_sync.errors import GuildError
from guild_sync.guildfile import entries, keys
from guild_sync.guildfile.entries import ProjectEntries, ProjectEntry
from guild_sync.guildfile.inherit import Models, Unresolved
from guild_sync.guildfile.lines import Mapped, Spot, mapped
from guild_sync.programs.modules import find_module, why_missing
from guild_sync.project.builtin import PASS
from guild_sync.project.definitions import GUILDFILE, Operation, Package, Project, Yaml
from guild_sync.project.values import variable_text, words_of

_LONGEST_NAME = 255  # of a file
# What runs, where an operation says several: the first of them.
_RUNS = ("exec", "main", "steps")
MISPLACED = "is a key of an operation, not an operation: put it below one"


def load(folder: Path) -> Project:
    """The project in `folder`; each operation knows its own faults.

    Raises ConfigError where its guild.yml as a whole cannot be read.
    """
    path = folder / GUILDFILE
    try:
        data = entries.load(path)
    except FileNotFoundError:
        raise GuildError(
            f"there is no {GUILDFILE} in {folder}", "Change to a project's folder, or make one."
        ) from None
    return _Reader(path).project(data)


def of_script(path: Path) -> tuple[Project, Operation]:
    """The project and operation that a Python script by itself is."""
    if not path.is_file():
        raise GuildError(f"there is no script {path}", "Give the path of a Python file.")
    folder = path.absolute().parent
    place = Spot(path.name)
    main = shlex.quote(path.stem)
    flags, dest = flags_of(
        {"flags-import": "all"}, None, ProgramSource(main, folder, folder), place
    )
    operation = Operation(
        path.name,
        main=main,
        flags=flags,
        flags_dest=dest,
        warnings=tuple(place.warnings),
    )
    return Project(folder, (operation,)), operation


@dataclass(frozen=True)
class _Model:
    """What the operations of a model have in common."""

    name: str
    data: Mapped
    resources: Mapping[str, Yaml]
    faults: Sequence[str] = ()
    warnings: Sequence[str] = ()


class _Reader:
    """Reads guild.yml in both its forms; `file` has the faults that are no operation's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        self.file = Spot()
        self.models = Models(())
        self.places: dict[str, Spot] = {}  # of operations

    def project(self, data: Yaml) -> Project:
        if data is not None and not isinstance(data, (dict, list)):
            self.file.must_be("a mapping of operations, or a list of entries")
            self.file.refuse(self.path)
        found = ProjectEntries(self.path, self.file).of(data)
        self.models = Models(found)
        own_package, of_package = self._package(found)
        operations = [o for entry in found if entry.kind == "model" for o in self._model(entry)]
        if not operations:
            self.file.faults += of_package.faults
        defaults = [e.name for e in found if e.kind == "model" and e.data.get("default") is True]
        project = Project(
            self.folder,
            tuple(_with_those_of(of_package, o) for o in _told_apart(operations)),
            own_package,
            faults=tuple(self.file.faults),
            scripts=tuple(self._scripts(operations)),
            default_model=defaults[0] if defaults else None,
            models={e.name: _text(e.data.get("description")) for e in found if e.kind == "model"},
        )
        if not any(operation.steps for operation in operations):
            return project
        from guild_sync.guildfile import pipelines  # most projects have none

        return pipelines.checked(project, self.places)

    def _scripts(self, operations: Sequence[Operation]) -> Iterator[Operation]:
        """The scripts in the project's folder that are steps, and no operation is called so."""
        specs = {step.spec for operation in operations for step in operation.steps}
        for spec in sorted(specs - {operation.full_name for operation in operations}):
            if spec.endswith(".py") and "/" not in spec and (self.folder / spec).is_file():
                yield of_script(self.folder / spec)[1]

    def _package(self, found: Sequence[ProjectEntry]) -> tuple[Package, Spot]:
        """The project's own package, or else the first that it includes; and its place."""
        packages = [entry for entry in found if entry.kind == "package"]
        for entry in sorted(packages, key=lambda e: e.is_included):
            place = Spot(entry.spot.name, None, entry.data, entry.spot.where, "a package")
            return package(entry.data, place), place
        return Package(), Spot()

    def _model(self, entry: ProjectEntry) -> list[Operation]:
        place = Spot(entry.spot.name, None, entry.data, entry.spot.where, "a model")
        operations = mapped(entry.data.get("operations"))
        model = _Model(entry.name, entry.data, {})
        try:
            data = self.models.whole(entry)
            place.value = data
            data = data.without(*keys.check(data, "a model", place))
            operations = self.models.section("operations", data.get("operations"), place)
            resources = self.models.section("resources", data.get("resources"), place)
            texts = {str(name): value for name, value in resources.items()}
            model = _Model(entry.name, data, texts)
        except Unresolved as e:
            place.fault_at_its_line(str(e))
            operations = operations.without("$include")
        if place.faults and not operations:
            self.file.faults += place.faults
        model = replace(model, faults=place.faults, warnings=place.warnings)
        return [
            self._operation(operations.name_of(name), value, operations.where.get(name, ""), model)
            for name, value in operations.items()
        ]

    def _operation(self, name: str, value: Yaml, where: str, model: _Model) -> Operation:
        """An operation; one that has faults says them, and what it is called."""
        place = Spot(_full_name(name, model.name), where=where)
        if not is_one_line(name):
            name = short(name)
            place = Spot(_full_name(name, model.name), where=where)
            place.fault("an operation's name is text on one line")
        place.faults += model.faults
        place.warnings += model.warnings
        found = Operation(name, model.name)
        if _is_misplaced(name, value):
            place.fault(MISPLACED)
        elif isinstance(value, (str, dict)):
            entry = self._whole(value, model)
            place = Spot(place.name, place, entry, where, "an operation")
            found = self._read(found, entry, model, place)
        else:
            place.fault(f"must be a mapping, or text, not {short(value)}")
        self.places[found.full_name] = place
        return replace(found, faults=tuple(place.faults), warnings=tuple(place.warnings))

    def _whole(self, value: Yaml, model: _Model) -> Mapped:
        """The keys of an operation, in long form, above those that all of its model have."""
        own = mapped(value) if isinstance(value, dict) else Mapped([("main", value)])
        defaults = mapped(model.data.get("operation-defaults"))
        if any(own.get(key) for key in _RUNS):
            defaults = defaults.without(*_RUNS)
        made = Mapped([*defaults.items(), *own.items()], {**defaults.where, **own.where})
        if model.data.get("python-requires") is not None:
            made.setdefault("python-requires", model.data["python-requires"])
            made.where.setdefault("python-requires", model.data.where.get("python-requires", ""))
        return made

    def _read(self, found: Operation, entry: Mapped, model: _Model, place: Spot) -> Operation:
        if model.faults:  # what it has of that is not known
            return found
        if "exec" in entry:
            entry["exec"] = operation_keys.line_of(entry["exec"])
        wrong = keys.check(entry, "an operation", place)
        entry = place.value = entry.without(*wrong)  # the others are read: all faults are told
        description, label = entry.get("description"), entry.get("label")
        found = replace(
            found,
            description="" if description is None else str(description),
            default=entry.get("default") is True,
        )
        before = len(place.faults)
        main, command, steps = self._what_runs(found.name, entry, place)
        is_known = len(place.faults) == before and not any(key in wrong for key in _RUNS)
        dest = self._flags_dest(entry, place)
        if not is_known:
            main = dest = None  # nor is it known which flags a module has
        self._include_flags(entry, place)
        source_code = source_code_of([model.data.get("sourcecode"), entry.get("sourcecode")], place)
        try:
            root = operation_keys.module_root(self.folder / source_code.root, entry, main)
            program = ProgramSource(main, root, self.folder)
            flags, dest = flags_of(entry, dest, program, place)
            if program.words and program.path is None:
                self._warn_of_missing(program, place)
        except OSError as e:  # of a module: a name that is too long, a folder that may not be read
            place.fault(f"main: cannot be looked for: {e.strerror}")
            return found
        requires = requirements_of(
            entry.get("requires"), place, resources=model.resources, model=model.name
        )
        add_flags(requires, flags, mapped(entry.get("flags")))
        found = replace(
            found,
            main=main,
            exec=command,
            flags_dest=dest,
            config=destinations.config_of(dest, self.folder),
            env=_env(mapped(entry.get("env"))),
            label=str(label) if label is not None else None,
            later_keys=operation_keys.foreign(entry),
            sourcecode=source_code,
            requires=requires,
            steps=steps_of(steps, place),
            default_max_trials=default_max_trials(entry, place),
        )
        found = operation_keys.with_keys(found, entry, place)
        return replace(found, flags=flags) if not place.faults else found

    @staticmethod
    def _warn_of_missing(program: ProgramSource, place: Spot) -> None:
        """Warn of a module that is not there, where the project shows what was meant."""
        if program.words[0] != PASS.main and (why := why_missing(program.words[0], program.root)):
            place.warn(f"main: {why}")

    def _flags_dest(self, entry: Mapped, place: Spot) -> str | None:
        dest = destinations.destination(entry.get("flags-dest"))
        if dest is None or destinations.is_destination(dest):
            return dest
        place.must_be(f"one of {destinations.FORMS}", "flags-dest")
        return None

    def _include_flags(self, entry: Mapped, place: Spot) -> None:
        """Put what `$include` in the flags names in its place."""
        try:
            flags = self.models.section("flags", entry.get("flags"), place.at("flags"))
        except Unresolved as e:
            place.fault_at_its_line(f"flags: {e}")
        else:
            if isinstance(entry.get("flags"), dict):
                entry["flags"] = flags

    def _what_runs(
        self, name: str, entry: Mapped, place: Spot
    ) -> tuple[str | None, str | None, Yaml]:
        """The `main`, `exec` and `steps` of an operation, of which one is there at most."""
        given = [key for key in _RUNS if entry.get(key)]
        for key in given[1:]:
            place.warn(f"{key} is passed over: {given[0]} runs instead")
        if not given and "exec" in entry:
            place.must_be("a line of words", "exec")
        if given[:1] == ["exec"] and isinstance(entry["exec"], list):
            place.must_be("text or a list of words", "exec")
        if not given and not entry.get("notebook"):
            return shlex.quote(name.removesuffix(".py").replace("-", "_")), None, None
        value = entry.get(given[0]) if given else None
        if given[:1] == ["steps"] or not isinstance(value, str):
            return None, None, value if given[:1] == ["steps"] else None
        words = words_of(value)
        if not words:
            place.must_be("a line of words", given[0])
        elif given[0] == "main" and self._is_file(words[0]):
            module = words[0].removeprefix("./").removesuffix(".py")
            place.fault(f"main: takes a module, and {words[0]} is its file: write {module}")
        return (value, None, None) if given[0] == "main" else (None, value, None)

    def _is_file(self, word: str) -> bool:
        """Whether what should be a module is the file of one, and no module by that name."""
        if not word.endswith(".py") or "\0" in word or len(word) > _LONGEST_NAME:
            return False
        return (self.folder / word).is_file() and find_module(word, [self.folder]) is None


def _with_those_of(package: Spot, operation: Operation) -> Operation:
    """The operation, with the faults and warnings of its package, too."""
    return replace(
        operation,
        faults=(*package.faults, *operation.faults),
        warnings=(*package.warnings, *operation.warnings),
    )


def _text(value: Yaml) -> str:
    return "" if value is None else str(value)


def _is_misplaced(name: str, value: Yaml) -> bool:
    """Whether it is a key of an operation, with a value that no operation would have."""
    if name not in keys.OPERATION or not value:
        return False
    return isinstance(value, list) or (
        isinstance(value, dict) and not keys.OPERATION.keys() & value
    )


def _full_name(name: str, model: str) -> str:
    return f"{model}:{name}" if model else name


def _env(entry: Mapped) -> dict[str, str]:
    """Variables, with their values as text."""
    return {
        entry.name_of(name): str(value) if isinstance(value, (list, dict)) else variable_text(value)
        for name, value in entry.items()
    }


def _told_apart(operations: Sequence[Operation]) -> list[Operation]:
    """The operations, those of one name with the fault that nobody can tell which is meant."""
    counts = Counter(operation.full_name for operation in operations)
    return [
        replace(o, faults=(*o.faults, f"{o.full_name}: is defined {counts[o.full_name]} times"))
        if counts[o.full_name] > 1
        else o
        for o in operations
    ]
