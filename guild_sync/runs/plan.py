"""What `guild run` is to do: which operation, with which flags, as a new run or an old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts.base import Host
from guild_sync.jobs.notes import BatchOptions, Notes
from guild_sync.jobs.recipe import flags_of, name_of, operation_of, with_values
from guild_sync.project import builtin, flags, guildfile, operations
from guild_sync.project.definitions import GUILDFILE, Operation, Project, Requirement
from guild_sync.project.values import Several
from guild_sync.runs import prepare
from guild_sync.runs.launch import Launch, Recipe
from guild_sync.runs.watch import on


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    operation: str | None = None
    flags: Sequence[str] = ()
    again: str | None = None  # the run to start, or to start again
    like: str | None = None  # the run to make a new one of
    force_flags: bool = False
    new_source: bool = False
    notes: Notes = field(default_factory=Notes)
    options: BatchOptions = field(default_factory=BatchOptions)
    is_staged: bool = False
    run_dir: Path | None = None


def plan(request: Request, host: Host) -> Launch:
    """The run that is asked for, on that host. Raises GuildError where it cannot be."""
    if request.again is not None:
        return _again(request, host)
    if request.like is not None:
        return _like(request, host)
    return _new(request, host)


def _new(request: Request, host: Host) -> Launch:
    if own := _builtin(request.operation):
        values = flags.flag_values(own, request.flags, request.force_flags)
        return prepare.prepare_builtin(own, values, request.notes, request.run_dir)
    project, operation, script = _operation(request.operation, host.name)
    operation = operations.with_steps(project, operation)
    values = flags.flag_values(operation, request.flags, request.force_flags)
    return prepare.prepare(
        project,
        operation,
        _with_runs(request, host, operation, values),
        request.notes,
        script=script,
        run_dir=request.run_dir,
        options=request.options,
    )


def _with_runs(
    request: Request, host: Host, operation: Operation, values: dict[str, Any]
) -> dict[str, Any]:
    """The values, with the run that each requirement takes as its flag's.

    A run that is only staged takes the latest one when it starts, unless a flag says which.
    Raises GuildError for a requirement that nothing on the host meets.
    """
    requires = [r for r in operation.requires if r.kind == "operation"]
    requires = [r for r in requires if not isinstance(values.get(r.name), Several)]
    if request.is_staged:
        requires = [r for r in requires if values.get(r.name)]
    produced: set[str] = set()
    for step in operation.steps:
        assert step.operation is not None
        needed = [r for r in step.operation.requires if r.kind == "operation"]
        if not request.is_staged:
            _check(host, step.operation, [r for r in needed if r.source not in produced
                                          and r.name not in step.flags], {})  # fmt: skip
        produced.add(step.operation.full_name)
    return {**values, **_check(host, operation, requires, values)}


def _check(
    host: Host, operation: Operation, requires: Sequence[Requirement], values: dict[str, Any]
) -> dict[str, str]:
    """The ids of the runs that the requirements take."""
    if not requires:
        return {}
    wanted = {r.name: values.get(r.name) for r in requires}
    found = host.candidates([r.as_request() for r in requires], wanted)
    for requirement in requires:
        if problem := found[requirement.name]["problem"]:
            where = f" -r {host.name}" if host.name else ""
            raise GuildError(
                f"{operation.full_name} cannot run{on(host)}: {problem}",
                f"Run it first: guild run {requirement.source}{where}\n"
                f"Or name a run that has ended: {requirement.name}=RUN",
            )
    return {name: answer["run"]["id"] for name, answer in found.items() if answer["run"]}


def _builtin(spec: str | None) -> Operation | None:
    """The operation of guild's own that `spec` names, unless the project here has one."""
    if spec not in builtin.OPERATIONS:
        return None
    if (Path.cwd() / GUILDFILE).exists():
        named = (spec, f":{spec}")
        if any(o.full_name in named for o in guildfile.load(Path.cwd()).operations):
            return None
    return builtin.OPERATIONS[spec]


def _operation(spec: str | None, remote: str | None) -> tuple[Project, Operation, Path | None]:
    script = Path(spec) if spec is not None and spec.endswith(".py") else None
    if script is None:
        project = guildfile.load(Path.cwd())
        return project, operations.find(project, spec), None
    if remote is not None:
        raise GuildError(
            "cannot run scripts remotely",
            f"Define an operation for it in guild.yml, and run that:\n"
            f"  {script.stem}:\n    main: {script.stem}",
        )
    project, operation = guildfile.of_script(script)
    return project, operation, script.absolute()


def _again(request: Request, host: Host) -> Launch:
    recipe = _recipe(request.again or "", host)
    run_id = recipe["id"]
    if request.operation is not None:
        raise UsageError(
            f"a run keeps its operation: {request.operation!r} cannot be another",
            f"A new run with its flags: guild run {request.operation} --proto {run_id}",
        )
    if recipe["remote"] or recipe["confirmed"]:
        remote = recipe["remote"] or recipe["confirmed"]["remote"]
        raise GuildError(
            f"run {run_id} is a copy of one on {remote}",
            f"Start it there: guild run -r {remote} --restart {run_id}\n"
            f"Or make a new run of it here: guild run --proto {run_id}",
        )
    if recipe["status"] == "running":
        where = f" -r {host.name}" if host.name else ""
        raise GuildError(f"run {run_id} is running", f"Stop it first: guild stop {run_id}{where}")
    if recipe["job"] is None:
        raise GuildError(
            f"run {run_id} was made by another program, which alone can start it again",
            f"In its project's folder, 'guild run --proto {run_id}' makes a new run like it.",
        )
    project, operation = _operation_like(request, recipe, needs_project=False)
    return _launch_like(request, host, recipe, project, operation)


def _like(request: Request, host: Host) -> Launch:
    recipe = _recipe(request.like or "", host)
    project, operation = _operation_like(request, recipe, needs_project=recipe["job"] is None)
    return _launch_like(request, host, recipe, project, operation)


def _recipe(run: str, host: Host) -> Recipe:
    found: Recipe = host.recipe(run=run)
    return found


def _operation_like(
    request: Request, recipe: Recipe, needs_project: bool
) -> tuple[Project | None, Operation]:
    """The run's operation, and the project to take source code from, if there is to be one."""
    is_builtin = prepare.is_own(recipe)
    if (request.operation or request.new_source or needs_project) and not is_builtin:
        project = guildfile.load(Path.cwd())
        named = operations.find(project, request.operation or name_of(recipe))
        return project, operations.with_steps(project, named)
    operation = operation_of(recipe)
    if operation is None:
        raise GuildError(
            f"run {recipe['id']} does not say what its operation was",
            "In its project's folder, --force-sourcecode takes the operation from there.",
        )
    return None, operation


def _launch_like(
    request: Request, host: Host, recipe: Recipe, project: Project | None, operation: Operation
) -> Launch:
    known = flags_of(recipe)
    if request.operation is not None:  # another operation takes the flags that it has
        known = {name: value for name, value in known.items() if name in operation.flags}
    values = flags.flag_values(with_values(operation, known), request.flags, request.force_flags)
    return prepare.prepare_like(
        recipe,
        operation,
        _with_runs(request, host, operation, values),
        request.notes,
        project=project,
        again=request.again is not None,
        run_dir=request.run_dir,
        options=request.options,
    )
