"""What a runner is to do: an operation, or the runs that a pipeline or a batch consists of.

Worked out where the project is; the run keeps it as its job (agent/running/).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from guild_sync.agent.protocol import DEVICES, NO_DEVICES, Child, Job, Value
from guild_sync.errors import GuildError
from guild_sync.guildfile import batch_files
from guild_sync.jobs import command, recipe
from guild_sync.jobs.label import filled, label_with_tags
from guild_sync.jobs.notes import BatchOptions, Notes, random_seed_of, seed_variable
from guild_sync.project import batches, builtin, flags
from guild_sync.project.definitions import Operation, Step
from guild_sync.project.values import FlagValue, Several


def plain_values(values: Mapping[str, FlagValue]) -> dict[str, Value]:
    """The values as attributes have them: several as a list."""
    return {name: batches.plain(value) for name, value in values.items()}


def attributes_of(
    operation: Operation,
    values: Mapping[str, FlagValue],
    seed: int | None,
    label: str | None,
    notes: Notes,
) -> dict[str, Value]:
    """A run's attributes: its flags, its seed, its label, and what is said of it.

    That is what guild.yml says of the operation's runs, and what the user says of this one,
    whose label may have flags in it as one of guild.yml's.
    """
    said = notes.attributes()
    if notes.label is not None:
        said["label"] = filled(notes.label, operation, values)
    if tags := (*notes.tags, *operation.tags):
        said["tags"] = list(dict.fromkeys(tags))
    return {
        **operation.run_attrs,
        "flags": plain_values(values),
        **({} if seed is None else {"random_seed": seed}),
        **({} if label is None else {"label": label}),
        **said,
    }


def job_of(
    operation: Operation,
    values: Mapping[str, FlagValue],
    seed: int | None,
    notes: Notes,
    options: BatchOptions,
) -> Job:
    """What a runner is to do: the operation, or one run after another."""
    if options.rows or batches.is_batch(values):
        return _batch(operation, values, seed, notes, options)
    if operation.steps:
        single = plain_values(values)
        children = [_step(step, operation, single, notes, options) for step in operation.steps]
        made: Job = {**_series(operation, children), "is_pipeline": True, "stops": True}
        return {**made, **command.supervision_of(operation)}
    return single_job(operation, plain_values(values), seed)


def _batch(
    operation: Operation,
    values: Mapping[str, FlagValue],
    seed: int | None,
    notes: Notes,
    options: BatchOptions,
) -> Job:
    """The job of a batch: a run for each of its trials."""
    several = [name for name, value in values.items() if isinstance(value, Several)]
    limit = options.max_trials or operation.default_max_trials
    of_trial = options._replace(rows=())
    made: Job = {
        **_series(
            operation,
            [
                _child("", operation, trial, notes, of_trial)
                for trial in batches.trials(values, limit, seed, options.rows)
            ],
        ),
        "several": several,
        "stops": options.fail_on_trial_error,
        "needed": options.needed,
    }
    if options.rows:
        made["rows"] = [recipe.row_form(row) for row in options.rows]
    return made


def with_secrets(job: Job, names: Container[str]) -> Job:
    """The job, and those of its children, which need those secrets alone that `names` has."""
    found: Job = {**job}
    if "secrets" in found:
        found["secrets"] = [name for name in found["secrets"] if name in names]
    if "children" in found:
        found["children"] = [
            {**child, "job": with_secrets(child["job"], names)} for child in found["children"]
        ]
    return found


def _series(operation: Operation, children: Sequence[Child]) -> Job:
    made: Job = {
        "op": operation.full_name,
        "builtin": "series",
        "children": list(children),
        "env": _devices(operation),
        "operation": recipe.definition(operation),
        **_needs(operation),
        **_submit(operation),
    }
    secrets = [name for child in children for name in child["job"].get("secrets", ())]
    if secrets:  # it passes them on
        made["secrets"] = list(dict.fromkeys(secrets))
    return made


def _devices(operation: Operation) -> dict[str, str]:
    if operation.gpus == "":  # none, whoever made them
        return dict(NO_DEVICES)
    return {} if operation.gpus is None else {DEVICES: operation.gpus}


def _needs(operation: Operation) -> Job:
    """What the job says of what the run needs of its host for itself alone.

    A batch has it for all its trials, which are run one after the other.
    """
    needs = operation.needs.as_request()
    return {"needs": needs} if needs else {}


def _submit(operation: Operation) -> Job:
    """What the job says of what the run asks of a scheduler, where its host has one."""
    return {"submit": dict(operation.job)} if operation.job else {}


def _step(
    step: Step,
    pipeline: Operation,
    values: Mapping[str, Value],
    notes: Notes,
    options: BatchOptions,
) -> Child:
    """A step's run. What the user says of the pipeline holds where the step says nothing."""
    assert step.operation is not None  # operations.with_steps
    words = [f"{name}={text}" for name, text in command.step_flags(step, values).items()]
    try:
        rows = batch_files.without(step.operation, step.rows, words)
        supplied = batch_files.supplied(step.operation, rows)
        found = batches.with_rows(flags.flag_values(supplied, words, step.force_flags), rows)
        label = None if step.label is None else command.with_values(step.label, values)
        tags = tuple(command.with_values(tag, values) for tag in step.tags)
        gpus = pipeline.gpus if step.gpus is None else command.with_values(step.gpus, values)
    except GuildError as e:
        raise GuildError(f"step {step.name}: {e.message}", e.hint) from None
    own_notes = Notes(
        notes.label if label is None else label,
        tags or notes.tags,
        random_seed=notes.random_seed if step.random_seed is None else step.random_seed,
    )
    own_options = BatchOptions(
        step.max_trials or options.max_trials,
        step.fail_on_trial_error or options.fail_on_trial_error,
        step.needed or options.needed,
        rows,
    )
    operation = step.operation if gpus is None else replace(step.operation, gpus=gpus)
    made = _child(step.name, operation, found, own_notes, own_options)
    made["needed"] = step.needed
    made["isolated"] = step.isolated
    if step.source_part is not None:
        made["source"] = step.source_part
    made["expect"] = [expectation.as_request() for expectation in step.expect]
    return made


def _child(
    name: str,
    operation: Operation,
    values: Mapping[str, FlagValue],
    notes: Notes,
    options: BatchOptions,
) -> Child:
    """A run of the series: what its link is called, its attributes, its job."""
    seed = random_seed_of(notes)
    made = job_of(operation, values, seed, notes, options)
    is_batch = bool(made.get("children")) and not made.get("is_pipeline")
    return {
        "name": name,
        "model": operation.model,
        "operation": operation.name + ("+" if is_batch else ""),
        "attributes": attributes_of(
            operation, values, seed, label_with_tags(operation, values, notes.tags) or None, notes
        ),
        "job": made,
    }


def single_job(
    operation: Operation,
    values: Mapping[str, Value],
    seed: int | None,
    is_builtin: bool = False,
) -> Job:
    """What a runner is to do for the operation itself, or for one that guild brings along."""
    if is_builtin:
        made = builtin.agent_command(operation, values)
    else:
        made = command.command_of(operation, values)
    env = {**seed_variable(seed), **made["env"], **_devices(operation)}
    return {
        **made,
        "env": env,
        "operation": recipe.definition(operation),
        **_needs(operation),
        **_submit(operation),
    }
