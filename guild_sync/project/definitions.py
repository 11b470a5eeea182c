"""What a project offers, as frozen records: operations, what they require, their steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guild_sync.agent import protocol
from guild_sync.project.flags import Flag

GUILDFILE = "guild.yml"
# What an operation, a model, a package or a step is called.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

# What a YAML file holds.
Yaml = None | bool | int | float | str | list["Yaml"] | dict["Yaml", "Yaml"]


@dataclass(frozen=True)
class Requirement:
    """What a run needs before its operation starts: files of the project, or another run's.

    `source` is the path of a file or folder in the project (an absolute one is on the host
    where the run is), or the operation, `[MODEL:]NAME`. `select` are regular expressions,
    one of which the path of a file has to match as a whole.
    """

    kind: str  # "file" or "operation"
    source: str
    name: str  # for an operation also that of the flag which says the run
    select: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()  # (regular expression, replacement)
    target_path: str = ""
    copy: bool = False  # of a run's files; a project's are always copied
    keep_folders: bool = False  # what is selected keeps the folders that it is in

    def as_request(self) -> protocol.RequirementForm:
        """It as the agent takes it."""
        return {
            "kind": self.kind,
            "source": self.source,
            "name": self.name,
            "select": list(self.select),
            "rename": list(self.rename),
            "target_path": self.target_path,
            "copy": self.copy,
            "keep_folders": self.keep_folders,
        }


@dataclass(frozen=True)
class Step:
    """One step of a pipeline: an operation with flags, whose values may name the pipeline's."""

    name: str
    spec: str
    flags: Mapping[str, str] = field(default_factory=dict)
    operation: Operation | None = None  # once it is known which operation `spec` means


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
    sourcecode: Yaml = None
    requires: tuple[Requirement, ...] = ()
    steps: tuple[Step, ...] = ()
    model_sourcecode: Yaml = None  # of its model, where `sourcecode` is None
    faults: tuple[str, ...] = ()  # for which it cannot run, each with its place
    warnings: tuple[str, ...] = ()  # of what is passed over when it runs

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
    faults: tuple[str, ...] = ()  # of entries that offer no operation for it
    default_model: str | None = None  # the one that says so

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said when operations of it run, of all of them."""
        return tuple(text for operation in self.operations for text in operation.warnings)

    @property
    def guildfile(self) -> Path:
        return self.folder / GUILDFILE
