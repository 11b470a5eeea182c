"""From an operation and its values to a launch: new, again, or like an earlier run."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.job import job_of, plain_values, single_job
from guild_sync.jobs.label import label_of
from guild_sync.jobs.notes import ALL_TRIALS, BatchOptions, Notes, random_seed_of, seed_variable
from guild_sync.jobs.opref import opref_of
from guild_sync.jobs.recipe import flags_of, new_label
from guild_sync.project import builtin
from guild_sync.project.definitions import Operation, Package, Project, Requirement
from guild_sync.project.sourcecode import Source, required_files, source
from guild_sync.project.wheel import full_name
from guild_sync.runs.launch import Launch, Recipe


def prepare(
    project: Project,
    operation: Operation,
    values: Mapping[str, Any],
    notes: Notes,
    *,
    script: Path | None = None,
    run_dir: Path | None = None,
    options: BatchOptions = ALL_TRIALS,
) -> Launch:
    """A run of a project's operation. Raises GuildError where the operation cannot run."""
    attributes: dict[str, Any] = {"flags": plain_values(values)}
    label = label_of(operation, values)
    if label:
        attributes["label"] = label
    seed = random_seed_of(notes)
    return _checked(
        Launch(
            operation,
            values,
            {**attributes, **notes.attributes(), "random_seed": seed},
            job_of(operation, values, seed, notes, options),
            _local_opref(project, operation, script),
            _source(project, operation, run_dir),
            project.package,
            run_dir=run_dir,
            project_warnings=project.warnings,
            files=required_files(project.folder, _all_requirements(operation)),
        )
    )


def _checked(launch: Launch) -> Launch:
    if launch.children and launch.run_dir is not None:
        raise GuildError(
            f"{launch.name} consists of several runs, which are listed: it takes no --run-dir"
        )
    return launch


def _all_requirements(operation: Operation) -> list[Requirement]:
    """What the operation and its steps require."""
    below = [_all_requirements(step.operation) for step in operation.steps if step.operation]
    return [*operation.requires, *(requirement for found in below for requirement in found)]


def prepare_builtin(
    operation: Operation, values: Mapping[str, Any], notes: Notes, run_dir: Path | None = None
) -> Launch:
    """A run of an operation that guild brings along."""
    if run_dir is not None:
        raise GuildError(f"{operation.name} has no files: it takes no --run-dir")
    attributes = {"flags": dict(values), "label": label_of(operation, values)}
    return Launch(
        operation,
        values,
        {**attributes, **notes.attributes()},
        single_job(operation, values, None, is_builtin=True),
        builtin.opref(operation),
    )


def prepare_like(
    recipe: Recipe,
    operation: Operation,
    values: Mapping[str, Any],
    notes: Notes,
    *,
    project: Project | None = None,
    again: bool = False,
    run_dir: Path | None = None,
    options: BatchOptions = ALL_TRIALS,
) -> Launch:
    """A new run as an earlier one was, or `again` that run itself.

    With a project its source code is taken, else the earlier run's.
    """
    seed = recipe["random_seed"] if again and notes.random_seed is None else None
    seed = seed if isinstance(seed, int) else random_seed_of(notes)
    attributes = {
        "flags": plain_values(values),
        "random_seed": seed,
        **notes.attributes(),
    }
    label = new_label(recipe, operation, values)
    if label is not None:
        attributes.setdefault("label", label)
    elif not again and recipe["label"] is not None:
        attributes.setdefault("label", recipe["label"])
    is_builtin = is_own(recipe)
    if again and project is None and dict(values) == flags_of(recipe):
        job = {**recipe["job"], "env": {**recipe["job"].get("env", {}), **seed_variable(seed)}}
    else:
        job = (
            single_job(operation, values, seed, is_builtin)
            if is_builtin
            else job_of(operation, values, seed, notes, options)
        )
    if again and bool((recipe["job"] or {}).get("children")) != bool(job.get("children")):
        raise UsageError(
            f"run {recipe['id']} cannot be a batch the one time and a single run the other",
            f"A new run with its flags: guild run --proto {recipe['id']} FLAG=VALUE",
        )
    made = Launch(
        operation,
        values,
        attributes,
        {**job, "environment": (recipe["job"] or {}).get("environment") or {}},
        _local_opref(project, operation, None) if project is not None else recipe["opref_text"],
        _source(project, operation, run_dir) if project is not None else None,
        project.package if project is not None else Package(),
        like=None if again or is_builtin else recipe["id"],
        again=again,
        run_id=recipe["id"] if again else uuid.uuid4().hex,
        run_dir=run_dir,
        project_warnings=project.warnings if project is not None else (),
        files=required_files(project.folder, _all_requirements(operation)) if project else (),
    )
    return _checked(made)


def is_own(recipe: Recipe) -> bool:
    """Whether the run's operation is one that guild brings along."""
    return (recipe["job"] or {}).get("builtin") in builtin.OPERATIONS


def _source(project: Project, operation: Operation, run_dir: Path | None) -> Source:
    selection = project.sourcecode if operation.sourcecode is None else operation.sourcecode
    found = source(project.folder, selection)
    if run_dir is None or not run_dir.is_relative_to(found.root):
        return found
    # A run within the project is none of its source code, nor is it copied into itself.
    below = f"{run_dir.relative_to(found.root)}/"
    files = tuple(name for name in found.files if not name.startswith(below))
    return Source(found.root, files, found.left_out)


def _local_opref(project: Project, operation: Operation, script: Path | None) -> str:
    if script is not None:
        return opref_of("script", str(script), "", operation)
    content = project.guildfile.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return opref_of("guildfile", str(project.guildfile), digest, operation)


def opref_on(launch: Launch, host: Host) -> str:
    """What the operation is on that host: a remote gets a project as a package."""
    if isinstance(host, LocalHost) or launch.source is None:
        return _called(launch, launch.opref or "")
    name = full_name(launch.source, launch.package)
    return _called(launch, opref_of("package", name, launch.package.version, launch.operation))


def _called(launch: Launch, opref: str) -> str:
    """`opref` with a plus sign behind the operation's name for a batch, as Guild AI shows it."""
    single = opref.strip().removesuffix("+")  # a name that guild.yml allows needs no quotes
    return single + "+" if launch.is_batch else single
