"""What a project offers, as frozen records: operations, what they require, their steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guild_sync.agent.protocol import ExpectationForm, NeedsForm, Value
from guild_sync.project.flags import Flag
from guild_sync.project.values import FlagValue

GUILDFILE = "guild.yml"
TEMPLATE = ".in"  # ends the name of a config file that is only there to be written anew
# What an operation, a model, a package or a step is called.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

# What a YAML file holds.
Yaml = None | bool | int | float | str | list["Yaml"] | dict["Yaml", "Yaml"]


@dataclass(frozen=True)
class SourceRule:
    """Files that are source code, or that are none: those that one of the patterns matches.

    Of `kind` "text" or "binary" they have to be that as well. "dir": all that is in folders
    which a pattern matches.
    """

    is_included: bool
    patterns: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class SourceCode:
    """Which files of a project are source code: by the last rule that matches a file.

    A file that none matches is what it is by default. `root` is the folder that they are in,
    from the project's; `dest` the folder of the run that they are copied to.
    """

    rules: tuple[SourceRule, ...] = ()
    root: str = "."
    dest: str = "."


@dataclass(frozen=True)
class Requirement:
    """One source of what a run needs before its operation starts.

    `source` is the path of a file or folder, from the project's folder (an absolute one is on
    the host where the run is); the operations, `[MODEL:]NAME`, as regular expressions with commas
    in between; a module; or an address. `${flag}` in a text stands for that flag's value.
    Patterns are regular expressions, which the path of a file has to match as a whole.
    """

    kind: str  # "file", "operation", "config", "module" or "url"
    source: str
    name: str  # several sources of one name are one requirement
    select: tuple[str, ...] = ()  # of which one has to match
    rename: tuple[tuple[str, str], ...] = ()  # (regular expression, replacement)
    target_path: str = ""
    copy: bool = False  # and no link, to a run's files or an absolute path; a project's are copied
    keep_folders: bool = False  # what is selected keeps the folders that it is in
    flag: str = ""  # whose value says the run, or stands for `source`
    has_flag: bool = False  # though the operation declares none of that name
    least: tuple[str, ...] = ()  # of each the file whose first group is the least number
    greatest: tuple[str, ...] = ()
    unpack: bool = True  # an archive
    optional: bool = False
    if_empty: str = "warn"  # where nothing is selected: "warn", "fail" or "pass"
    sha256: str = ""
    replace: bool = False  # what is in the run already
    help: str = ""  # what to do where a module is not there
    post_process: str = ""  # a command line for the run's folder
    always: bool = False  # at each start, and not at the first alone
    model: str = ""  # whose operations are meant first
    link: bool = False  # a project's file is linked where the project is
    params: Mapping[str, Value] = field(default_factory=dict)  # for a configuration


@dataclass(frozen=True)
class Expectation:
    """What is checked once a step has completed: one of its files, or its output.

    `file` is a pattern of paths in the step's run; empty: the output is meant. Each file that
    it names is equal to `compare_to`, a file of the project or (an absolute path) of the host,
    and has what the regular expression `contains` fits; where both are empty, it is there.
    """

    file: str = ""
    compare_to: str = ""
    contains: str = ""

    def as_request(self) -> ExpectationForm:
        """It as the agent takes it."""
        return {"file": self.file, "compare_to": self.compare_to, "contains": self.contains}


@dataclass(frozen=True)
class Step:
    """One step of a pipeline: an operation with flags, whose values may name the pipeline's.

    What follows `operation` is as the options of `guild run` have it.
    """

    name: str
    spec: str
    flags: Mapping[str, str] = field(default_factory=dict)
    operation: Operation | None = None  # once it is known which operation `spec` means
    label: str | None = None
    tags: tuple[str, ...] = ()
    needed: bool = False
    force_flags: bool = False
    fail_on_trial_error: bool = False
    max_trials: int | None = None
    random_seed: int | None = None
    gpus: str | None = None  # the devices that it sees; None: those of its pipeline
    batch_files: tuple[str, ...] = ()
    rows: tuple[Mapping[str, FlagValue], ...] = ()  # of these files: what trials have
    # Whether what it requires of another operation is of this pipeline alone; None: of this
    # pipeline where it has such a run.
    isolated: bool | None = None
    expect: tuple[Expectation, ...] = ()
    source_part: int | None = None  # which part of the pipeline's source code it has; None: all


@dataclass(frozen=True)
class ConfigFile:
    """A config file of the project that flags go to: its runs get one with their values in it."""

    path: str  # as guild.yml says it
    text: str = ""
    problem: str = ""  # what keeps it from being read, and so the operation from running


MOST_RETRIES = 1000


@dataclass(frozen=True)
class Supervision:
    """What the runner does about an attempt that fails, or goes on for too long.

    Times are in seconds, 0 where there is no limit. Each attempt has them anew.
    """

    retry: int = 0  # attempts after the first, at most
    retry_delay: float = 0.0  # before each of them
    retry_on: str = ""  # a regular expression: a line of the output has to have it
    time_limit: float = 0.0
    stall: float = 0.0  # how long it may print nothing and use no CPU


MOST_CORES, MOST_GPUS = 9999, 9999


@dataclass(frozen=True)
class Needs:
    """What a run of the operation needs of its host for itself alone; 0: nothing of it."""

    gpus: int = 0
    cpus: int = 0
    memory: int = 0  # bytes

    def as_request(self) -> NeedsForm:
        """It as the agent takes it."""
        found: NeedsForm = {}
        if self.gpus:
            found["gpus"] = self.gpus
        if self.cpus:
            found["cpus"] = self.cpus
        if self.memory:
            found["memory"] = self.memory
        return found


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
    sourcecode: SourceCode = SourceCode()
    requires: tuple[Requirement, ...] = ()
    steps: tuple[Step, ...] = ()
    faults: tuple[str, ...] = ()  # for which it cannot run, each with its place
    warnings: tuple[str, ...] = ()  # of what is passed over when it runs
    default_max_trials: int | None = None
    tags: tuple[str, ...] = ()  # which its runs have
    env_secrets: tuple[str, ...] = ()  # variables whose values no file holds
    python_path: tuple[str, ...] = ()  # folders of the project, in front of the module path
    python_requires: tuple[str, ...] = ()  # versions of Python, all of which have to be met
    stoppable: bool = False  # stopped by a signal it has completed
    delete_on_success: bool = False
    run_attrs: Mapping[str, Value] = field(default_factory=dict)  # attributes of its runs
    pip_freeze: bool = False  # a run keeps which packages there are
    # Keys that mean nothing to a run.
    kept: Mapping[str, Value] = field(default_factory=dict)
    config: ConfigFile | None = None
    gpus: str | None = None  # the devices that its runs see; None: all that there are
    supervision: Supervision = Supervision()
    needs: Needs = Needs()
    # What its runs ask of a scheduler where they are jobs, as agent/scheduling/options.py has it.
    job: Mapping[str, Value] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.model}:{self.name}" if self.model else self.name


@dataclass(frozen=True)
class Package:
    """A `package` entry: what the project's wheel is called, says of itself, brings and needs."""

    name: str | None = None
    version: str = "0.0.0"
    description: str = ""
    python_requires: str | None = None
    requires: tuple[str, ...] = ()
    url: str = ""
    author: str = ""
    author_email: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    python_tag: str = "py3"
    data_files: tuple[str, ...] = ()  # files, folders and patterns, from the project's folder


@dataclass(frozen=True)
class Project:
    """A folder with a guild.yml."""

    folder: Path
    operations: tuple[Operation, ...] = ()
    package: Package = Package()
    faults: tuple[str, ...] = ()  # of entries that offer no operation for it
    default_model: str | None = None  # the one that says so
    scripts: tuple[Operation, ...] = ()  # that are steps, without an operation that runs them
    models: Mapping[str, str] = field(default_factory=dict)  # what is said of each, by its name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said when operations of it run, of all of them."""
        said = (text for operation in self.operations for text in operation.warnings)
        return tuple(dict.fromkeys(said))

    @property
    def guildfile(self) -> Path:
        return self.folder / GUILDFILE
