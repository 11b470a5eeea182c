"""From what `guild run` is asked for to a launch: what is meant, its values, its job."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from guild_sync.agent.protocol import RUN_ENV, Job, NeedsForm, SchedulerForm, Value, rank_of
from guild_sync.errors import GuildError, UsageError
from guild_sync.guildfile import batch_files
from guild_sync.hosts.base import Host, on, option
from guild_sync.jobs.job import job_of, plain_values, single_job, with_secrets
from guild_sync.jobs.needs import request_of
from guild_sync.jobs.notes import Notes, random_seed_of, seed_variable
from guild_sync.jobs.recipe import flags_of, rows_of, with_values
from guild_sync.output.terminal import clean
from guild_sync.project.batches import is_batch, plain, with_rows
from guild_sync.project.definitions import Operation, Requirement
from guild_sync.project.flags import OF_RUN, flag_values, own_name
from guild_sync.project.operations import with_folder, with_step_flags, with_those_of_steps
from guild_sync.project.values import FlagValue, Several
from guild_sync.runs.launch import Given, Launch, given_of, launch_of
from guild_sync.runs.resolve import (
    Meant,
    Request,
    SupervisionGiven,
    operation_here,
    resolve,
    secrets_given,
)
from guild_sync.runs.sent import with_configs, with_given


def plan(request: Request, host: Host) -> Launch:
    """The run that is asked for, on that host. Raises GuildError where it cannot be.

    Each step has what the ones before it found, and none goes back to one of them.
    """
    meant = resolve(request, host)
    asked = request
    if request.files:
        if meant.project is None:
            name = clean(meant.operation.full_name)
            raise UsageError(f"--dep is for operations of the project here, and {name} is none")
        folder, is_here = meant.project.folder, host.name is None
        operation = with_given(meant.operation, request.files, folder, is_here)
        meant = replace(meant, operation=operation)
    if host.name is not None:
        meant = replace(meant, operation=with_folder(meant.operation, None))
    if request.gpus is not None or request.needs:
        meant = replace(meant, operation=_of_host(meant.operation, request))
    if request.job:
        asked_for = {**meant.operation.job, **request.job}
        meant = replace(meant, operation=replace(meant.operation, job=asked_for))
    if request.supervision:
        meant = _supervised(meant, request.supervision)
    meant, request = _with_trials(meant, request)
    values = _with_runs(meant.operation, _values(meant, request), request, host)
    seed = _seed(meant, request.notes)
    # But for flags, which `values` has.
    is_as_it_was = request.flags == asked.flags and request.gpus is None
    is_as_it_was = is_as_it_was and not (request.supervision or request.needs or request.job)
    given = given_of(meant, request.run_dir)
    job = _job(meant, given, values, seed, request, is_as_it_was)
    secrets = secrets_given(meant, host)
    launch = launch_of(meant, given, values, seed, job, request.notes, request.run_dir, secrets)
    if request.run_id is not None:
        launch = replace(launch, run_id=request.run_id)
    return launch if host.scheduler is None else _of_scheduler(launch, host, host.scheduler)


def needs_here(request: Request) -> NeedsForm:
    """What the run would need of whichever host, as far as the command line and guild.yml say."""
    operation = operation_here(request) or Operation(str(request.operation))
    return _of_host(operation, request).needs.as_request()


def _of_host(operation: Operation, request: Request) -> Operation:
    """The operation with what the command line says that its run sees and needs of its host.

    It has so many GPUs for itself, or sees certain ones, or none: one of these at a time.
    """
    needs = replace(operation.needs, **request.needs)
    operation = replace(operation, job=_not_said(operation.job, request))
    if request.gpus is not None:
        return replace(operation, gpus=request.gpus, needs=replace(needs, gpus=0))
    if "gpus" in request.needs:
        operation = replace(operation, gpus=None)
    return replace(operation, needs=needs)


def _not_said(job: Mapping[str, Value], request: Request) -> dict[str, Value]:
    """What guild.yml has a job ask for, but for what the command line says by other options."""
    said = {"mem" if key == "memory" else key for key in request.needs}
    said |= set() if request.gpus is None else {"gpus"}
    return {key: value for key, value in job.items() if key not in said}


def _of_scheduler(launch: Launch, host: Host, scheduler: SchedulerForm) -> Launch:
    """The launch, with a warning for what is passed over where a pipeline is a single job.

    Raises GuildError where it asks for what the scheduler cannot be asked for.
    """
    from guild_sync.agent.scheduling import options  # most hosts have none
    from guild_sync.jobs import cluster

    asked = cluster.asked_of(scheduler, launch.job)
    if faults := options.checked(asked, scheduler["type"]):
        raise GuildError(f"{clean(launch.name)} cannot be a job{on(host)}: {faults[0]}")
    passed_over = [
        f"step {clean(name)}: its 'job' is passed over: the pipeline is one job{on(host)}"
        for name in cluster.passed_over(launch.job)
    ]
    return replace(launch, project_warnings=(*launch.project_warnings, *passed_over))


def _supervised(meant: Meant, given: SupervisionGiven) -> Meant:
    """What is meant, looked after as the command line says where it says anything.

    Raises UsageError where it says how to try again, and nothing says to do that.
    """
    if meant.is_builtin:
        raise UsageError(f"{meant.operation.full_name} takes no --{_option(next(iter(given)))}")
    found = replace(meant.operation.supervision, **given)
    if not found.retry and (of_retry := {"retry_delay", "retry_on"} & given.keys()):
        raise UsageError(
            f"--{_option(min(of_retry))} belongs to --retry",
            "Say how many times it is to be tried again: --retry 3",
        )
    return replace(meant, operation=replace(meant.operation, supervision=found))


def _option(field: str) -> str:
    return field.replace("_", "-")


def _with_trials(meant: Meant, request: Request) -> tuple[Meant, Request]:
    """Both with what `STEP:FLAG=VALUE` and `@FILE` words say, which are no flags any more.

    Raises GuildError for a step that is not there, or a file that cannot be read.
    """
    operation, words = with_step_flags(meant.operation, request.flags)
    files = [word[1:] for word in words if word.startswith("@") and len(word) > 1]
    words = [word for word in words if not word.startswith("@") or len(word) == 1]
    if meant.project is not None:
        operation = batch_files.with_rows(operation, meant.project.folder)
    rows: Sequence[Mapping[str, FlagValue]] = ()
    if files:
        rows = batch_files.rows_of(operation, files, Path.cwd(), request.force_flags)
    elif meant.recipe is not None and request.operation is None:
        rows = rows_of(meant.recipe)
    options = request.options._replace(rows=batch_files.without(operation, rows, words))
    return (
        replace(meant, operation=operation),
        replace(request, flags=tuple(words), options=options),
    )


def _values(meant: Meant, request: Request) -> dict[str, FlagValue]:
    """The value of every flag: as it is asked for, else the earlier run's, else its default."""
    operation = meant.operation
    if meant.recipe is not None and not meant.anew:
        known = {
            name if name in operation.flags else own_name(operation, name): value
            for name, value in flags_of(meant.recipe).items()
        }
        if request.operation is not None:  # another operation takes the flags that it has
            known = {name: value for name, value in known.items() if name in operation.flags}
        operation = with_values(operation, known)
    rows = request.options.rows
    supplied = batch_files.supplied(operation, rows)
    values = with_rows(flag_values(supplied, request.flags, request.force_flags), rows)
    if meant.is_builtin and (rows or is_batch(values)):
        raise UsageError(
            f"{operation.full_name} cannot be a batch", "Give each of its flags one value."
        )
    return values


def _with_runs(
    operation: Operation, values: Mapping[str, FlagValue], request: Request, host: Host
) -> dict[str, FlagValue]:
    """The values, with the run that each requirement takes as its flag's.

    A run that is only staged takes the latest one when it starts, unless a flag says which.
    Raises GuildError for a requirement that nothing on the host meets.
    """
    requires = [r for r in operation.requires if r.kind == "operation"]
    requires = [r for r in requires if not isinstance(values.get(r.flag), Several)]
    if request.is_staged:
        requires = [r for r in requires if values.get(r.flag)]
    produced: set[str] = set()
    for step in operation.steps:
        assert step.operation is not None
        needed = [r for r in step.operation.requires if r.kind == "operation"]
        said = {own_name(step.operation, name) for name in step.flags}
        outside = [r for r in needed if not _is_produced(r, produced) and r.flag not in said]
        if step.isolated and outside:
            raise GuildError(
                f"step {step.name} requires {outside[0].source}, which no step before it runs",
                "With isolate-runs it takes no run of another pipeline.",
            )
        if not request.is_staged:
            _check(host, step.operation, outside, {})
        produced |= {each.full_name for each in with_those_of_steps(step.operation)}
    return {**values, **_check(host, operation, requires, values)}


def _is_produced(requirement: Requirement, produced: set[str]) -> bool:
    """Whether an earlier step is of an operation that is required."""
    ranks = [rank_of(requirement.source, requirement.model, name) for name in produced]
    return any(rank is not None for rank in ranks)


def _check(
    host: Host,
    operation: Operation,
    requires: Sequence[Requirement],
    values: Mapping[str, FlagValue],
) -> dict[str, str]:
    """The ids of the runs that the requirements take."""
    if not requires:
        return {}
    plain_values = {name: plain(value) for name, value in values.items()}
    wanted = {r.flag: plain_values.get(r.flag) for r in requires}
    asked = [request_of(r, plain_values) for r in requires]
    found = host.candidates(asked, wanted)
    for requirement in requires:
        if problem := found[requirement.flag]["problem"]:
            raise GuildError(
                f"{operation.full_name} cannot run{on(host)}: {problem}",
                f"Run it first: guild run {_spec(requirement)}{option(host.name)}\n"
                f"Or name a run that has ended: {requirement.flag.removeprefix(OF_RUN)}=RUN",
            )
    return {name: answer["run"]["id"] for name, answer in found.items() if answer["run"]}


def _spec(requirement: Requirement) -> str:
    """The operation that is required, as the command line names it."""
    is_of_model = requirement.model and ":" not in requirement.source
    return f"{requirement.model}:{requirement.source}" if is_of_model else requirement.source


def _seed(meant: Meant, notes: Notes) -> int | None:
    """The run's random seed: a run that starts again keeps the one that it had."""
    if meant.recipe is None and meant.is_builtin:
        return None
    if meant.recipe is not None and meant.again and notes.random_seed is None:
        seed = meant.recipe["random_seed"]
        if isinstance(seed, int):
            return seed
    return random_seed_of(notes)


def _job(
    meant: Meant,
    given: Given,
    values: Mapping[str, FlagValue],
    seed: int | None,
    request: Request,
    is_as_it_was: bool,
) -> Job:
    """What the runner is to do. A run that starts again as it was keeps its job."""
    recipe = meant.recipe
    kept: Job = (recipe["work"] if recipe is not None else None) or {}
    is_as_it_was = is_as_it_was and meant.again and not meant.project
    if recipe is not None and is_as_it_was and values == flags_of(recipe):
        job: Job = {**kept, "env": {**kept.get("env", {}), **seed_variable(seed)}}
    elif meant.is_builtin:
        job = single_job(meant.operation, plain_values(values), seed, is_builtin=True)
    else:
        job = job_of(given.operation, values, seed, request.notes, request.options)
        parts = [*given.parts] if given.source is not None else kept.get("sources")
        if parts:
            job["sources"] = parts
    is_other = bool(kept.get("children")) != bool(job.get("children"))
    if recipe is not None and meant.again and is_other:
        raise UsageError(
            f"run {recipe['id']} cannot be a batch the one time and a single run the other",
            f"A new run with its flags: guild run --proto {recipe['id']} FLAG=VALUE",
        )
    job = with_configs(job, meant.project.folder if meant.project else None, kept)
    # What was set when it was made it needs to start; what was not, it may lack again.
    needed = {*os.environ, *(kept.get("secrets", ()) if meant.again else ())}
    own = {f"{RUN_ENV}{name}": value for name, value in request.env.items()}
    environment = {**(kept.get("environment") or {}), **own}
    return {**with_secrets(job, needed), "environment": environment}
