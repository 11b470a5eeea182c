"""What a runner is to do: an operation, or the runs that a pipeline or a batch consists of.

Worked out where the project is; the run keeps it as its job (agent/runner.py, series.py).
"""

from __future__ import annotations

import random
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guild_sync import batches, builtin, flags, operations, recipes
from guild_sync.agent.environment import user_name
from guild_sync.agent.staging import now
from guild_sync.batches import Several
from guild_sync.definitions import Operation, Step
from guild_sync.errors import GuildError

MAX_SEED = 2**32 - 1  # the largest that numpy takes


@dataclass(frozen=True)
class Notes:
    """What the user says of a run: None where nothing is said."""

    label: str | None = None
    tags: tuple[str, ...] = ()
    comment: str | None = None
    random_seed: int | None = None

    def attributes(self) -> dict[str, Any]:
        """The run's attributes that say so."""
        found: dict[str, Any] = {}
        if self.label is not None:
            found["label"] = self.label
        if self.tags:
            found["tags"] = list(self.tags)
        if self.comment is not None:
            author = {"user": user_name(), "host": socket.gethostname()}
            found["comments"] = [{"body": self.comment, **author, "time": now()}]
        return found


@dataclass(frozen=True)
class BatchOptions:
    """How the trials of a batch are chosen, and when it ends."""

    max_trials: int | None = None
    fail_on_trial_error: bool = False
    needed: bool = False


ALL_TRIALS = BatchOptions()


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: batches.plain(value) for name, value in values.items()}


def job(
    operation: Operation,
    values: Mapping[str, Any],
    seed: int | None,
    notes: Notes,
    options: BatchOptions,
) -> dict[str, Any]:
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
        children = [_step(step, values, of_steps, options) for step in operation.steps]
        return {**_series(operation, children), "is_pipeline": True, "stops": True}
    return own_job(operation, values, seed)


def _series(operation: Operation, children: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "op": operation.full_name,
        "builtin": "series",
        "children": list(children),
        "env": {},
        "operation": recipes.definition(operation),
    }


def _step(
    step: Step, values: Mapping[str, Any], notes: Notes, options: BatchOptions
) -> dict[str, Any]:
    assert step.operation is not None  # operations.with_steps
    words = [f"{name}={text}" for name, text in operations.step_flags(step, values).items()]
    try:
        found = flags.flag_values(step.operation, words)
    except GuildError as e:
        raise GuildError(f"step {step.name}: {e.message}", e.hint) from None
    return _child(step.name, step.operation, found, notes, options)


def _child(
    name: str,
    operation: Operation,
    values: Mapping[str, Any],
    notes: Notes,
    options: BatchOptions,
) -> dict[str, Any]:
    """A run of the series: what its link is called, its attributes, its job."""
    seed = random_seed_of(notes)
    label = {"label": text} if (text := operations.label(operation, values)) else {}
    attributes = {"flags": plain_values(values), "random_seed": seed, **label}
    made = job(operation, values, seed, notes, options)
    is_batch = bool(made.get("children")) and not made.get("is_pipeline")
    return {
        "name": name,
        "model": operation.model,
        "operation": operation.name + ("+" if is_batch else ""),
        "attributes": {**attributes, **notes.attributes()},
        "job": made,
    }


def with_oprefs(job: Mapping[str, Any], opref: str) -> dict[str, Any]:
    """The job, in which each run of a series is of the project that `opref` names."""
    if not job.get("children"):
        return dict(job)
    kind, _, rest = opref.partition(":")
    name, version = shlex.split(rest)[:2]
    children = []
    for child in job["children"]:
        words = (name, version, child["model"], child["operation"])
        own = f"{kind}:" + " ".join(shlex.quote(word) for word in words)
        children.append({**child, "opref": own, "job": with_oprefs(child["job"], own)})
    return {**job, "children": children}


def random_seed_of(notes: Notes) -> int:
    return random.randint(0, MAX_SEED) if notes.random_seed is None else notes.random_seed


def seed_variable(seed: int | None) -> dict[str, str]:
    return {} if seed is None else {"RANDOM_SEED": str(seed)}


def own_job(
    operation: Operation, values: Mapping[str, Any], seed: int | None, is_builtin: bool = False
) -> dict[str, Any]:
    """What a runner is to do for the operation itself, or for one that guild brings along."""
    made = builtin.job(operation, values) if is_builtin else operations.job(operation, values)
    env = {**seed_variable(seed), **made["env"]}
    return {**made, "env": env, "operation": recipes.definition(operation)}
