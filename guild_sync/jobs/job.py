"""What a runner is to do: an operation, or the runs that a pipeline or a batch consists of.

Worked out where the project is; the run keeps it as its job (agent/running/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guild_sync.agent.protocol import Child, Job, Value
from guild_sync.errors import GuildError
from guild_sync.jobs import command, recipe
from guild_sync.jobs.label import label_of
from guild_sync.jobs.notes import BatchOptions, Notes, random_seed_of, seed_variable
from guild_sync.project import batches, builtin, flags
from guild_sync.project.definitions import Operation, Step
from guild_sync.project.values import FlagValue, Several


def plain_values(values: Mapping[str, FlagValue]) -> dict[str, Value]:
    """The values as attributes have them: several as a list."""
    return {name: batches.plain(value) for name, value in values.items()}


def attributes_of(
    values: Mapping[str, FlagValue], seed: int | None, label: str | None, notes: Notes
) -> dict[str, Value]:
    """A run's attributes: its flags, its seed, its label, and what the user says of it."""
    return {
        "flags": plain_values(values),
        **({} if seed is None else {"random_seed": seed}),
        **({} if label is None else {"label": label}),
        **notes.attributes(),
    }


def job_of(
    operation: Operation,
    values: Mapping[str, FlagValue],
    seed: int | None,
    notes: Notes,
    options: BatchOptions,
) -> Job:
    """What a runner is to do: the operation, or one run after another."""
    if batches.is_batch(values):
        several = [name for name, value in values.items() if isinstance(value, Several)]
        children = [
            _child("", operation, trial, notes, options)
            for trial in batches.trials(values, options.max_trials, seed)
        ]
        return {
            **_series(operation, children),
            "several": several,
            "stops": options.fail_on_trial_error,
            "needed": options.needed,
        }
    if operation.steps:
        # What the user says of the run is said of the pipeline; its steps have flags alone.
        of_steps = Notes(random_seed=notes.random_seed)
        single = plain_values(values)
        children = [_step(step, single, of_steps, options) for step in operation.steps]
        return {**_series(operation, children), "is_pipeline": True, "stops": True}
    return single_job(operation, plain_values(values), seed)


def _series(operation: Operation, children: Sequence[Child]) -> Job:
    return {
        "op": operation.full_name,
        "builtin": "series",
        "children": list(children),
        "env": {},
        "operation": recipe.definition(operation),
    }


def _step(step: Step, values: Mapping[str, Value], notes: Notes, options: BatchOptions) -> Child:
    assert step.operation is not None  # operations.with_steps
    words = [f"{name}={text}" for name, text in command.step_flags(step, values).items()]
    try:
        found = flags.flag_values(step.operation, words)
    except GuildError as e:
        raise GuildError(f"step {step.name}: {e.message}", e.hint) from None
    return _child(step.name, step.operation, found, notes, options)


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
        "attributes": attributes_of(values, seed, label_of(operation, values) or None, notes),
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
    env = {**seed_variable(seed), **made["env"]}
    return {**made, "env": env, "operation": recipe.definition(operation)}
