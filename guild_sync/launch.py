"""A run's way from the command line to a running operation, here or on a remote."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from guild_sync import builtin, jobs, operations, recipes
from guild_sync.config.home import guild_home
from guild_sync.definitions import Operation, Package, Project, Requirement
from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts import Host, LocalHost, RemoteHost
from guild_sync.jobs import ALL_TRIALS, BatchOptions, Notes
from guild_sync.package import Source, full_name, required_files, source

Say = Callable[[str], None]
Recipe = Mapping[str, Any]  # a run as the agent's `recipe` has it


@dataclass(frozen=True)
class Launch:
    """A run that is to be, or to be again: the operation, its flags, what is said of it."""

    operation: Operation
    values: Mapping[str, Any]
    attributes: Mapping[str, Any]
    job: Mapping[str, Any]
    opref: str | None = None  # what the operation is, where no package of `source` says it
    source: Source | None = None  # of a project; None: what `like`, or the run itself, has
    package: Package = field(default_factory=Package)
    like: str | None = None  # the run whose source code it takes
    again: bool = False  # the run is there already
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    run_dir: Path | None = None  # a place outside of the guild home
    project_warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # of the project, which it requires beside its source code

    @property
    def name(self) -> str:
        return self.operation.full_name

    @property
    def children(self) -> Sequence[Mapping[str, Any]]:
        """The runs that it consists of: a pipeline's steps, a batch's trials."""
        found: Sequence[Mapping[str, Any]] = self.job.get("children") or ()
        return found

    @property
    def is_batch(self) -> bool:
        return bool(self.children) and not self.job.get("is_pipeline")

    @property
    def warnings(self) -> list[str]:
        """What the user should know before it starts: keys and files that are passed over."""
        later = [
            f"{self.name}: {key} is passed over: it comes with a later version"
            for key in self.operation.later_keys
        ]
        left_out = self.source.left_out if self.source is not None else ()
        return [*self.project_warnings, *later, *left_out]


# ---- what is to be


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
    attributes: dict[str, Any] = {"flags": jobs.plain_values(values)}
    label = operations.label(operation, values)
    if label:
        attributes["label"] = label
    seed = jobs.random_seed_of(notes)
    return _checked(
        Launch(
            operation,
            values,
            {**attributes, **notes.attributes(), "random_seed": seed},
            jobs.job(operation, values, seed, notes, options),
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
    attributes = {"flags": dict(values), "label": operations.label(operation, values)}
    return Launch(
        operation,
        values,
        {**attributes, **notes.attributes()},
        jobs.own_job(operation, values, None, is_builtin=True),
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
    seed = seed if isinstance(seed, int) else jobs.random_seed_of(notes)
    attributes = {
        "flags": jobs.plain_values(values),
        "random_seed": seed,
        **notes.attributes(),
    }
    label = recipes.new_label(recipe, operation, values)
    if label is not None:
        attributes.setdefault("label", label)
    elif not again and recipe["label"] is not None:
        attributes.setdefault("label", recipe["label"])
    is_builtin = is_own(recipe)
    if again and project is None and dict(values) == recipes.flags_of(recipe):
        job = {**recipe["job"], "env": {**recipe["job"].get("env", {}), **jobs.seed_variable(seed)}}
    else:
        job = (
            jobs.own_job(operation, values, seed, is_builtin)
            if is_builtin
            else jobs.job(operation, values, seed, notes, options)
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
        return _opref("script", str(script), "", operation)
    content = project.guildfile.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return _opref("guildfile", str(project.guildfile), digest, operation)


def _opref(kind: str, name: str, version: str, operation: Operation) -> str:
    """What an operation is, as Guild AI 0.9 writes it: `TYPE:NAME VERSION MODEL OPERATION`."""
    words = (name, version, operation.model, operation.name)
    return f"{kind}:" + " ".join(shlex.quote(word) for word in words)


def _opref_on(launch: Launch, host: Host) -> str:
    """What the operation is on that host: a remote gets a project as a package."""
    if isinstance(host, LocalHost) or launch.source is None:
        return _called(launch, launch.opref or "")
    name = full_name(launch.source, launch.package)
    return _called(launch, _opref("package", name, launch.package.version, launch.operation))


def _called(launch: Launch, opref: str) -> str:
    """`opref` with a plus sign behind the operation's name for a batch, as Guild AI shows it."""
    single = opref.strip().removesuffix("+")  # a name that guild.yml allows needs no quotes
    return single + "+" if launch.is_batch else single


# ---- making it so


def command(launch: Launch, host: Host) -> list[str]:
    """The command that the run would run; nothing is made."""
    found: list[str] = host.call("command", job=_job_on(launch, host))
    return found


def child_commands(launch: Launch, host: Host) -> Iterator[list[str]]:
    """The command of each run that it consists of, and of those that they consist of."""
    for child in launch.children or [{"job": launch.job}]:
        if child["job"].get("children"):
            yield from child_commands(replace(launch, job=child["job"]), host)
        else:
            yield command(replace(launch, job=child["job"]), host)


def earlier_run(launch: Launch, host: Host) -> dict[str, Any] | None:
    """A run of the same operation with the same flags that is there, and did not fail."""
    found: dict[str, Any] | None = host.call(
        "matching",
        opref=_opref_on(launch, host),
        flags=dict(launch.values),
        statuses=["completed", "running", "staged"],
    )
    return found


def stage(launch: Launch, host: Host, say: Say) -> None:
    """Make the run on the host, where it waits to be started."""
    with _discarded_on_error(launch, host):
        _make(launch, host, say)
        host.call("mark_staged", run_id=launch.run_id)


def start(launch: Launch, host: Host, say: Say) -> None:
    """Make the run on the host and start its operation, detached; returns once it runs.

    Where anything fails before that, nothing of it stays there; a run that was there
    already is staged then.
    """
    with _discarded_on_error(launch, host):
        _make(launch, host, say)
        if isinstance(host, RemoteHost):
            say(f"Starting {launch.name} on {host.name} as {launch.run_id}")
        host.call("start", run_id=launch.run_id, **_place(launch))
    if isinstance(host, RemoteHost) and launch.again:
        here = LocalHost(str(guild_home()))
        here.call("reopen_copy", run_id=launch.run_id, remote=host.name)


def run_local(launch: Launch, host: LocalHost, echo: int, say: Say) -> int:
    """Run the operation here, its output on the descriptor `echo` too; its exit status."""
    with _discarded_on_error(launch, host):
        return host.run(_make(launch, host, say), echo)


def _make(launch: Launch, host: Host, say: Say) -> str:
    """Make the run, pending, with its source code; its directory."""
    if isinstance(host, RemoteHost) and launch.source is not None:
        return _make_from_package(launch, launch.source, host, say)
    directory = _make_empty(launch, host)
    if launch.source is not None:
        root, files = str(launch.source.root), launch.source.files
        host.call("copy_source", run_id=launch.run_id, root=root, files=files, **_place(launch))
        if launch.children:
            host.call("keep_files", run_id=launch.run_id, root=root, files=launch.files)
        elif launch.files:
            _add_files(launch, host, root=root)
    elif launch.like is not None:
        host.call("adopt_source", run_id=launch.run_id, source=launch.like, **_place(launch))
    return directory


def _make_empty(launch: Launch, host: Host) -> str:
    common = {
        "run_id": launch.run_id,
        "attributes": dict(launch.attributes),
        "job": _job_on(launch, host),
    }
    opref = _opref_on(launch, host)
    if launch.again:
        is_new = launch.source is not None
        made = host.call("restage", opref=opref if is_new else None, new_source=is_new, **common)
    elif launch.run_dir is not None:
        made = host.call("stage_in", opref=opref, run_dir=str(launch.run_dir), **common)
    else:
        made = host.call("stage", opref=opref, **common)
    return str(made["run_dir"])


def _make_from_package(launch: Launch, found: Source, host: RemoteHost, say: Say) -> str:
    """Bring the project to the remote and install it there; the run's directory."""
    from guild_sync import package
    from guild_sync.transport import rsync

    say("Building package")
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        built = package.build(found, launch.package, Path(folder), launch.files)
        directory = _make_empty(launch, host)
        say(f"Copying package to {host.name}")
        rsync.send_file(host.remote, built.wheel, f"{directory}/.guild/job-packages")
        say(
            f"Installing package and requirements: {', '.join(built.requires)}"
            if built.requires
            else "Installing package"
        )
        host.call(
            "install",
            run_id=launch.run_id,
            wheel=built.wheel.name,
            folder=built.folder,
            with_dependencies=bool(built.requires),
        )
        if launch.files and not launch.children:
            _add_files(launch, host)
        say(f"Successfully installed {built.name}-{built.version}")
    return directory


def _add_files(launch: Launch, host: Host, **where: str) -> None:
    host.call(
        "add_files",
        run_id=launch.run_id,
        requires=launch.job["requires"],
        **where,
        **_place(launch),
    )


def _job_on(launch: Launch, host: Host) -> dict[str, Any]:
    environment = host.environment() or launch.job.get("environment") or {}
    is_own = launch.job.get("builtin") in builtin.OPERATIONS
    job = jobs.with_oprefs(launch.job, _opref_on(launch, host))
    job["environment"] = {} if is_own else environment
    if launch.run_dir is not None and isinstance(host, LocalHost):
        job["guild_home"] = host.home
    return job


def _place(launch: Launch) -> dict[str, str]:
    return {} if launch.run_dir is None else {"run_dir": str(launch.run_dir)}


@contextmanager
def _discarded_on_error(launch: Launch, host: Host) -> Iterator[None]:
    """Leave nothing behind of a run that does not come to be."""
    try:
        yield
    except BaseException:
        if launch.run_dir is None:
            with suppress(GuildError, KeyboardInterrupt):  # what went wrong first is what counts
                host.call("discard", run_id=launch.run_id)
        raise
