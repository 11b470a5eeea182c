"""An operation of a project, chosen by its name, with the operations of its steps."""

from __future__ import annotations

from dataclasses import replace

from guild_sync.errors import ConfigError, GuildError, UsageError
from guild_sync.project.definitions import Operation, Project
from guild_sync.project.flags import did_you_mean


def find(project: Project, spec: str | None, model: str = "") -> Operation:
    """The operation that `spec`, `[PACKAGE/][MODEL:]NAME`, names, or the default one.

    Where several models have one of that name, that of `model` is meant, or else the first.
    """
    if spec is None:
        defaults = [o for o in project.operations if o.default]
        if not defaults and len(project.operations) == 1:
            defaults = list(project.operations)
        if not defaults:
            raise UsageError(
                "which operation?", "Try 'guild operations' for a list of available operations."
            )
        return defaults[0]
    wanted = spec.rpartition("/")[2]
    for operation in sorted(project.operations, key=lambda o: o.model != model):
        if wanted in (operation.full_name, operation.name):
            return operation
    raise GuildError(
        f"operation {spec!r} is not defined for this project",
        did_you_mean(wanted, [o.full_name for o in project.operations])
        + "Try 'guild operations' for a list of available operations.",
    )


def with_steps(project: Project, operation: Operation, above: tuple[str, ...] = ()) -> Operation:
    """The operation, with the operations of its steps, and of theirs.

    Raises ConfigError where a step is the pipeline itself, or one that it is in.
    """
    if not operation.steps:
        return operation
    names = (*above, operation.full_name)
    steps = []
    for step in operation.steps:
        found = find(project, step.spec, operation.model)
        if found.full_name in names:
            raise ConfigError(f"steps: {' -> '.join([*names, found.full_name])} goes round")
        steps.append(replace(step, operation=with_steps(project, found, names)))
    return replace(operation, steps=tuple(steps))
