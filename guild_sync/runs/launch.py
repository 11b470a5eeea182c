"""A run that is to be, or to be again: a record of all that it takes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from guild_sync.agent.protocol import COMMIT, Child, Job, SourcePart, Value, new_run_id
from guild_sync.errors import GuildError
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.job import attributes_of
from guild_sync.jobs.label import label_with_tags
from guild_sync.jobs.notes import Notes
from guild_sync.jobs.opref import opref_of
from guild_sync.jobs.recipe import new_label
from guild_sync.project import builtin
from guild_sync.project.definitions import Operation, Package, Project
from guild_sync.project.operations import warnings_of
from guild_sync.project.revision import Revision, revision
from guild_sync.project.sourcecode import (
    Source,
    package_name,
    required_files,
    source,
    with_data,
    without_required,
)
from guild_sync.project.values import FlagValue
from guild_sync.runs.resolve import Meant
from guild_sync.runs.sent import all_requirements


@dataclass(frozen=True)
class Given:
    """What a run is given of its project, or of its package.

    The steps of `operation` say which of `parts` they have; there are none where all have the same.
    """

    operation: Operation
    source: Source | None = None  # None: what an earlier run has
    package: Package = field(default_factory=Package)
    parts: tuple[SourcePart, ...] = ()


def given_of(meant: Meant, run_dir: Path | None) -> Given:
    """The source code of what is meant: of its operation, or of each step's, every file once.

    Raises GuildError where a folder that it is in is not there.
    """
    project, installed = meant.project, meant.installed
    if project is not None:
        folder, package = project.folder, project.package
        return _given(
            meant.operation,
            folder,
            package,
            lambda o: _without(run_dir, with_data(source(folder, o.sourcecode), package)),
        )
    if installed is not None:
        return _given(meant.operation, installed.folder, installed.package, installed.source_of)
    return Given(meant.operation)


def _given(
    operation: Operation, folder: Path, package: Package, source_of: Callable[[Operation], Source]
) -> Given:
    if not operation.steps:
        return Given(operation, source_of(operation), package)
    from guild_sync.runs.source_parts import gathered  # most operations have no steps

    operation, found, parts = gathered(operation, folder, source_of)
    return Given(operation, found, package, parts)


def _without(run_dir: Path | None, found: Source) -> Source:
    """The source code without a run within it: that is none of it, nor is it copied into itself."""
    if run_dir is None or not run_dir.is_relative_to(found.root):
        return found
    below = f"{run_dir.relative_to(found.root)}/"
    return replace(found, files=tuple(name for name in found.files if not name.startswith(below)))


@dataclass(frozen=True)
class Launch:
    """A run that is to be, or to be again: the operation, its flags, what is said of it."""

    operation: Operation
    values: Mapping[str, FlagValue]
    attributes: Mapping[str, Value]
    job: Job
    opref: str  # what the operation is, where no package of `source` says it
    source: Source | None  # of a project; None: what `like`, or the run itself, has
    package: Package
    like: str | None  # the run whose source code it takes
    again: bool  # the run is there already
    force: bool  # though another machine on the host's disk is said to run it
    run_id: str
    run_dir: Path | None  # a place outside of the guild home
    project_warnings: tuple[str, ...]
    files: tuple[str, ...]  # of the project, which it requires beside its source code
    is_installed: bool  # `source` is on the host: a package of its environment
    requires: tuple[str, ...]  # packages that are installed for it where it runs
    secrets: tuple[str, ...]  # variables of ours that it is given when it starts
    diff: str  # how the project differs from its commit

    @property
    def name(self) -> str:
        return self.operation.full_name

    @property
    def children(self) -> Sequence[Child]:
        """The runs that it consists of: a pipeline's steps, a batch's trials."""
        found: Sequence[Child] = self.job.get("children") or ()
        return found

    @property
    def is_builtin(self) -> bool:
        """Whether it is an operation that guild brings along."""
        return self.job.get("builtin") in builtin.OPERATIONS

    @property
    def is_deleted_on_success(self) -> bool:
        """Whether its operation says so: of a single run, and one that is listed."""
        is_single = not self.children and self.run_dir is None
        return self.operation.delete_on_success and is_single

    @property
    def is_batch(self) -> bool:
        return bool(self.children) and not self.job.get("is_pipeline")

    @property
    def warnings(self) -> list[str]:
        """What the user should know before it starts: keys and files that are passed over."""
        left_out = self.source.left_out if self.source is not None else ()
        return [*self.project_warnings, *without_required(left_out, self.files)]


def launch_of(
    meant: Meant,
    given: Given,
    values: Mapping[str, FlagValue],
    seed: int | None,
    job: Job,
    notes: Notes,
    run_dir: Path | None,
    secrets: tuple[str, ...] = (),
) -> Launch:
    """The launch of what is meant, with its values and its job.

    Raises GuildError where the project lacks a file, or where there can be no such `run_dir`.
    """
    operation, project, recipe = meant.operation, meant.project, meant.recipe
    if run_dir is not None and meant.is_builtin and recipe is None:
        raise GuildError(f"{operation.name} has no files: it takes no --run-dir")
    at, problem = _revision(project, given.source)
    # A run that starts again has its tags, or had them taken away.
    tagged = replace(operation, tags=()) if meant.again else operation
    launch = Launch(
        operation,
        values,
        {
            **attributes_of(tagged, values, seed, _label(meant, values, notes), notes),
            **({COMMIT: at.attribute} if at else {}),
        },
        job,
        opref=_opref(meant),
        source=given.source,
        package=given.package,
        like=None if recipe is None or meant.again or meant.is_builtin else recipe["id"],
        again=meant.again,
        force=meant.force,
        run_id=recipe["id"] if recipe is not None and meant.again else new_run_id(),
        run_dir=run_dir,
        project_warnings=(*(warnings_of(operation) if project else ()), *problem),
        files=_files(meant, job),
        is_installed=meant.installed is not None,
        requires=_packages(meant, given),
        secrets=secrets,
        diff=at.diff if at else "",
    )
    if launch.children and run_dir is not None:
        raise GuildError(
            f"{launch.name} consists of several runs, which are listed: it takes no --run-dir"
        )
    return launch


def _label(meant: Meant, values: Mapping[str, FlagValue], notes: Notes) -> str | None:
    """The run's label, None where it gets none, or keeps the one that it has."""
    if meant.recipe is None or meant.anew:
        return label_with_tags(meant.operation, values, notes.tags) or None
    made = new_label(meant.recipe, meant.operation, values)
    kept = None if meant.again else meant.recipe["label"]
    return str(kept) if made is None and kept is not None else made


def _files(meant: Meant, job: Job) -> tuple[str, ...]:
    """The files of the project, or of the package, that the operation and its steps require."""
    if meant.project is not None:
        return required_files(meant.project.folder, list(all_requirements(job)))
    return meant.installed.files if meant.installed is not None else ()


def _packages(meant: Meant, given: Given) -> tuple[str, ...]:
    """What is to be installed for the run: what its project requires, or the run that it is like.

    Raises ConfigError for what is no requirement.
    """
    if meant.installed is not None or meant.is_builtin:
        return ()
    if given.source is None:
        return () if meant.recipe is None else tuple(meant.recipe["requires"])
    if not given.package.requires:
        return ()
    from guild_sync.project.wheel import checked_requires  # most projects require none

    return checked_requires(given.package)


def _revision(
    project: Project | None, found: Source | None
) -> tuple[Revision | None, tuple[str, ...]]:
    """The project's commit and what differs from it; why that is not known, where it should be."""
    if project is None or found is None:
        return None, ()
    try:
        return revision(project.folder, found), ()
    except GuildError as e:
        return None, (f"the run does not keep the project's commit: {e.message}",)


def _opref(meant: Meant) -> str:
    """What the operation is, on this machine."""
    if meant.installed is not None:
        package = meant.installed.package
        return opref_of("package", str(package.name), package.version, meant.operation)
    if meant.project is None:
        recipe = meant.recipe
        return builtin.opref(meant.operation) if recipe is None else str(recipe["opref_text"])
    if meant.script is not None:
        return opref_of("script", str(meant.script), "", meant.operation)
    path = meant.project.guildfile
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return opref_of("guildfile", str(path), digest, meant.operation)


def opref_on(launch: Launch, host: Host) -> str:
    """What the operation is on that host: a remote gets a project as a package."""
    if isinstance(host, LocalHost) or launch.source is None or launch.is_installed:
        return _called(launch, launch.opref)
    name = package_name(launch.source, launch.package)
    return _called(launch, opref_of("package", name, launch.package.version, launch.operation))


def _called(launch: Launch, opref: str) -> str:
    """`opref` with a plus sign behind the operation's name for a batch, as Guild AI shows it."""
    single = opref.strip()
    if not single.endswith(f" {shlex.quote(launch.operation.name)}"):  # it may end with a plus too
        single = single.removesuffix("+")
    return single + "+" if launch.is_batch else single
