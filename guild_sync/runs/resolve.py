"""What `guild run` is asked for, and what that means: an operation, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from guild_sync.agent.protocol import Recipe, Value
from guild_sync.errors import Busy, GuildError, UsageError
from guild_sync.guildfile import reader
from guild_sync.hosts.base import Host, on, option
from guild_sync.jobs.notes import BatchOptions, Notes
from guild_sync.jobs.recipe import is_builtin, name_of, operation_of
from guild_sync.output.terminal import clean
from guild_sync.programs.modules import find_module, is_installed
from guild_sync.project import builtin, operations
from guild_sync.project.definitions import GUILDFILE, Operation, Project
from guild_sync.project.values import words_of
from guild_sync.runs.sent import with_links

if TYPE_CHECKING:
    from guild_sync.runs.offered import Installed


class SupervisionGiven(TypedDict, total=False):
    """What the command line says of how attempts are looked after, as Supervision has it."""

    retry: int
    retry_delay: float
    retry_on: str
    time_limit: float
    stall: float


class NeedsGiven(TypedDict, total=False):
    """What the command line says that a run needs of its host, as Needs has it."""

    gpus: int
    cpus: int
    memory: int


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    operation: str | None = None
    flags: Sequence[str] = ()
    again: str | None = None  # the run to start, or to start again
    like: str | None = None  # the run to make a new one of
    force_flags: bool = False
    force: bool = False
    new_source: bool = False
    notes: Notes = field(default_factory=Notes)
    options: BatchOptions = field(default_factory=BatchOptions)
    is_staged: bool = False
    gpus: str | None = None  # the devices that the run sees; None: those that it would see
    run_dir: Path | None = None
    run_id: str | None = None  # of the new run; None: any
    files: Sequence[Path] = ()  # what it is given beside what its operation requires
    env: Mapping[str, str] = field(default_factory=dict)  # variables of this run
    supervision: SupervisionGiven = field(default_factory=SupervisionGiven)
    needs: NeedsGiven = field(default_factory=NeedsGiven)
    job: Mapping[str, Value] = field(default_factory=dict)  # what is asked of a scheduler


@dataclass(frozen=True)
class Meant:
    """What a request means: an operation with those of its steps, and where it comes from."""

    operation: Operation
    project: Project | None = None  # whose source code is taken
    script: Path | None = None  # which the project consists of
    recipe: Recipe | None = None  # the earlier run's
    again: bool = False  # in the earlier run's place, and no new run like it
    anew: bool = False  # of the earlier run only the operation counts, and its source code
    installed: Installed | None = None  # the operation's package, on the host
    force: bool = False  # though another machine on the host's disk is said to run it

    @property
    def is_builtin(self) -> bool:
        """Whether the operation is one that guild brings along."""
        if self.project is not None or self.installed is not None:
            return False
        return self.recipe is None or is_builtin(self.recipe)


def resolve(request: Request, host: Host) -> Meant:
    """What is meant. Raises GuildError where there is no such operation, or run on the host."""
    if request.run_id is not None:
        from guild_sync.hosts import locking  # most runs get an id that nobody else has

        try:
            locking.hold_id(request.run_id)
        except Busy:  # where the run is there by now, that says more
            _refuse_if_there(request.run_id, host)
            raise
        _refuse_if_there(request.run_id, host)
    meant = _meant(request, host)
    if meant.project is not None:
        meant = replace(meant, operation=_with_misplaced(meant.operation, meant.project))
    if host.name is None and meant.project is not None:
        operation = _with_warning(meant.operation, meant.project)
        return replace(meant, operation=with_links(operation, meant.project.folder))
    return meant


def _with_misplaced(operation: Operation, project: Project) -> Operation:
    """The operation, with a warning of a key that stands beside it, and was meant for one."""
    amiss = [
        fault
        for other in project.operations
        if other.model == operation.model
        for fault in other.faults
        if reader.MISPLACED in fault
    ]
    return replace(operation, warnings=(*operation.warnings, *amiss)) if amiss else operation


def _with_warning(operation: Operation, project: Project) -> Operation:
    """The operation, and those of its steps, with a warning where nothing here has its module.

    But for those whose requirements may bring it.
    """
    steps = tuple(
        replace(step, operation=_with_warning(step.operation, project)) if step.operation else step
        for step in operation.steps
    )
    words = words_of(operation.main or "")
    is_brought = operation.requires or project.package.requires or "PYTHONPATH" in operation.env
    if is_brought or operation.warnings or not words or operation.main == builtin.PASS.main:
        return replace(operation, steps=steps)
    below = (".", operation.sourcecode.root, *operation.python_path)
    roots = [project.folder / path for path in below]
    has_file = any((root / f"{words[0]}.py").is_file() for root in roots)  # of any name, as `3d`
    if has_file or find_module(words[0], roots) or is_installed(words[0]):
        return replace(operation, steps=steps)
    lacking = f"{operation.full_name}: main: neither the project nor a package here has {words[0]}"
    return replace(operation, steps=steps, warnings=(lacking,))


def _refuse_if_there(run_id: str, host: Host) -> None:
    """Raise GuildError where the host has a run of that id, or this machine, where it comes to."""
    from guild_sync.config.home import guild_home  # most runs get an id by chance
    from guild_sync.hosts.local import LocalHost

    for place in (host, *([LocalHost(str(guild_home()))] if host.name is not None else [])):
        what = f"run {run_id} already{on(place)}"
        if place.beginning(run_id, len(run_id), 1):
            again = f"guild run{option(place.name)} --restart {run_id}"
            raise GuildError(f"--run-id: there is {what}", f"To start it again: {again}")
        if place.beginning(run_id, len(run_id), 1, deleted=True):
            purge = f"guild purge{option(place.name)} {run_id}"
            raise GuildError(f"--run-id: there is a deleted {what}", f"To be rid of it: {purge}")


def _meant(request: Request, host: Host) -> Meant:
    if request.again is not None:
        return _again(request, request.again, host)
    if request.like is not None:
        recipe = host.recipe(request.like)
        return _as_earlier(request, recipe, needs_project=recipe["work"] is None)
    if own := _builtin(request.operation):
        return Meant(own)
    return _of_project(request.operation, host)


def secrets_given(meant: Meant, host: Host) -> tuple[str, ...]:
    """The variables of ours that the run is given where it starts, if they are set.

    A remote's word alone gives it none: for a run of its, guild.yml here has to name them too.
    """
    operation = meant.operation
    is_of_host = meant.recipe is not None or meant.installed is not None
    if is_of_host and meant.project is None and host.name is not None:
        name = operation.full_name if meant.recipe is None else name_of(meant.recipe)
        try:
            project = reader.load(Path.cwd())
            found = operations.find(project, name)
            operation = operations.with_steps(project, found)
        except GuildError:
            return ()
    return _secrets(operation)


def _secrets(operation: Operation) -> tuple[str, ...]:
    below = [_secrets(step.operation) for step in operation.steps if step.operation]
    names = [*operation.env_secrets, *(name for found in below for name in found)]
    return tuple(dict.fromkeys(names))


def _builtin(spec: str | None) -> Operation | None:
    """The operation of guild's own that `spec` names, unless the project here has one."""
    if spec not in builtin.OPERATIONS:
        return None
    if (Path.cwd() / GUILDFILE).exists():
        named = (spec, f":{spec}")
        if any(o.full_name in named for o in reader.load(Path.cwd()).operations):
            return None
    return builtin.OPERATIONS[spec]


def _of_project(spec: str | None, host: Host) -> Meant:
    """The operation of the project here, the script, or what the host offers that `spec` names."""
    script = Path(spec) if spec is not None and spec.endswith(".py") else None
    if script is not None and (Path.cwd() / GUILDFILE).exists():
        project = reader.load(Path.cwd())
        if any(operation.full_name == spec for operation in project.operations):
            script = None
    if script is None:
        if spec is not None and (offered := _offered(spec, host)) is not None:
            return offered
        project = reader.load(Path.cwd())
        return Meant(operations.with_steps(project, _found(project, spec)), project)
    if host.name is not None:
        raise GuildError(
            "cannot run scripts remotely",
            f"Define an operation for it in guild.yml, and run that:\n"
            f"  {script.stem}:\n    main: {script.stem}",
        )
    project, operation = reader.of_script(script)
    return Meant(operation, project, script.absolute())


def operation_here(request: Request) -> Operation | None:
    """The operation that the project here has by the name; None where there is none."""
    try:
        return _found(reader.load(Path.cwd()), request.operation)
    except GuildError:
        return None


def _found(project: Project, spec: str | None) -> Operation:
    """The operation of the project that is named. Raises GuildError for another package's."""
    if spec is None or "/" not in spec or _is_own(project, spec):
        return operations.find(project, spec)
    wanted = spec.rpartition("/")[2]
    known = [o.full_name for o in project.operations]
    raise GuildError(
        f"{clean(spec)} is no operation of this project, of a package or of an earlier run",
        f"This project's own is called {clean(wanted)}." if wanted in known else "",
    )


def _offered(spec: str, host: Host) -> Meant | None:
    """What PACKAGE/OPERATION or MODEL:OPERATION means on the host; None: the project here has it.

    Raises GuildError where there is no project, and the host does not have it either.
    """
    is_project = (Path.cwd() / GUILDFILE).exists()
    if not {"/", ":"} & set(spec) or (is_project and _is_own(reader.load(Path.cwd()), spec)):
        return None
    from guild_sync.runs.offered import of_earlier_run, of_package  # most runs are a project's

    installed = of_package(spec, host)
    if installed is not None:
        return Meant(installed.operation, installed=installed)
    recipe = of_earlier_run(spec, host)
    operation = operation_of(recipe) if recipe is not None else None
    if operation is not None:
        operation = replace(operation, gpus=None)  # that run's own
        return Meant(operation, recipe=recipe, anew=True)
    if is_project:
        return None
    raise GuildError(
        f"no package and no earlier run{on(host)} offers {clean(spec)}, "
        f"and there is no {GUILDFILE} in {Path.cwd()}",
        "Change to its project's folder, or install its package in the environment of the runs.",
    )


def _is_own(project: Project, spec: str) -> bool:
    """Whether it is an operation of the project, without a package or with the project's own."""
    package, _, wanted = spec.rpartition("/")
    plain, own = package.removeprefix("gpkg."), (project.package.name or "").removeprefix("gpkg.")
    is_own = not package or plain == own or plain.startswith("anonymous-")
    names = {spec, wanted} if is_own else {spec}
    return any({o.name, o.full_name, f"{o.model}:{o.name}"} & names for o in project.operations)


def _again(request: Request, run: str, host: Host) -> Meant:
    recipe = host.recipe(run)
    run_id = recipe["id"]
    if request.operation is not None:
        raise UsageError(
            f"a run keeps its operation: {request.operation!r} cannot be another",
            f"A new run with its flags: guild run {request.operation} --proto {run_id}",
        )
    copied = recipe["confirmed"]
    remote = recipe["remote"] or (copied["remote"] if copied else None)
    if remote:
        raise GuildError(
            f"run {run_id} is a copy of one on {remote}",
            f"Start it there: guild run{option(remote)} --restart {run_id}\n"
            f"Or make a new run of it here: guild run --proto {run_id}",
        )
    if recipe["machine"] and not request.force:
        raise GuildError(
            f"run {run_id} is running on {clean(recipe['machine'])}",
            "Stop it there. If that machine is gone, start it here all the same:\n"
            f"guild run{option(host.name)} --restart {run_id} --force",
        )
    if recipe["status"] == "running" and not recipe["machine"]:
        stop = f"Stop it first: guild stop {run_id}{option(host.name)}"
        raise GuildError(f"run {run_id} is running", stop)
    if recipe["waits"]:
        raise GuildError(
            f"run {run_id} is to start already: it waits for {clean(recipe['waits'])}",
            f"To have it wait no more: guild stop {run_id}{option(host.name)}",
        )
    if recipe["work"] is None:
        raise GuildError(
            f"run {run_id} was made by another program, which alone can start it again",
            f"In its project's folder, 'guild run --proto {run_id}' makes a new run like it.",
        )
    return replace(
        _as_earlier(request, recipe, needs_project=False, again=True), force=request.force
    )


def _as_earlier(
    request: Request, recipe: Recipe, *, needs_project: bool, again: bool = False
) -> Meant:
    """The operation of an earlier run: the project's, where one is asked for, or the run's own."""
    needs_project = needs_project or bool(request.operation) or request.new_source
    if needs_project and not is_builtin(recipe):
        project = reader.load(Path.cwd())
        named = request.operation
        found = _found(project, named) if named else operations.find(project, name_of(recipe))
        return Meant(operations.with_steps(project, found), project, recipe=recipe, again=again)
    operation = operation_of(recipe)
    if operation is None:
        raise GuildError(
            f"run {recipe['id']} does not say what its operation was",
            "In its project's folder, --force-sourcecode takes the operation from there.",
        )
    return Meant(operation, recipe=recipe, again=again)
