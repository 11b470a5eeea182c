"""What `guild run` is to do: which operation, with which flags, as a new run or an old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guild_sync import builtin, flags, guildfile, launch, operations, recipes
from guild_sync.errors import GuildError, UsageError
from guild_sync.guildfile import Operation, Project
from guild_sync.hosts import Host
from guild_sync.launch import Launch, Notes, Recipe


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
        return launch.prepare_builtin(own, values, request.notes, request.run_dir)
    project, operation, script = _operation(request.operation, host.name)
    values = flags.flag_values(operation, request.flags, request.force_flags)
    return launch.prepare(
        project, operation, values, request.notes, script=script, run_dir=request.run_dir
    )


def _builtin(spec: str | None) -> Operation | None:
    """The operation of guild's own that `spec` names, unless the project here has one."""
    if spec not in builtin.OPERATIONS:
        return None
    if (Path.cwd() / guildfile.GUILDFILE).exists():
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
    return _launch_like(request, recipe, project, operation)


def _like(request: Request, host: Host) -> Launch:
    recipe = _recipe(request.like or "", host)
    project, operation = _operation_like(request, recipe, needs_project=recipe["job"] is None)
    return _launch_like(request, recipe, project, operation)


def _recipe(run: str, host: Host) -> Recipe:
    found: Recipe = host.call("recipe", run=run)
    return found


def _operation_like(
    request: Request, recipe: Recipe, needs_project: bool
) -> tuple[Project | None, Operation]:
    """The run's operation, and the project to take source code from, if there is to be one."""
    is_builtin = bool((recipe["job"] or {}).get("builtin"))
    if (request.operation or request.new_source or needs_project) and not is_builtin:
        project = guildfile.load(Path.cwd())
        return project, operations.find(project, request.operation or recipes.name_of(recipe))
    operation = recipes.operation_of(recipe)
    if operation is None:
        raise GuildError(
            f"run {recipe['id']} does not say what its operation was",
            "In its project's folder, --force-sourcecode takes the operation from there.",
        )
    return None, operation


def _launch_like(
    request: Request, recipe: Recipe, project: Project | None, operation: Operation
) -> Launch:
    known = recipes.flags_of(recipe)
    if request.operation is not None:  # another operation takes the flags that it has
        known = {name: value for name, value in known.items() if name in operation.flags}
    values = flags.flag_values(
        recipes.with_values(operation, known), request.flags, request.force_flags
    )
    return launch.prepare_like(
        recipe,
        operation,
        values,
        request.notes,
        project=project,
        again=request.again is not None,
        run_dir=request.run_dir,
    )
