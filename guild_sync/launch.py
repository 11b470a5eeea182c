"""A run's way from the command line to a running operation, here or on a remote."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guild_sync import operations
from guild_sync.agent import runner
from guild_sync.errors import GuildError
from guild_sync.hosts import Host, LocalHost, RemoteHost
from guild_sync.operations import Operation, Project
from guild_sync.package import Source, source

Say = Callable[[str], None]


@dataclass(frozen=True)
class Launch:
    """A run that is to be: the operation, its flags, and what is said of it."""

    project: Project
    operation: Operation
    values: Mapping[str, Any]
    run_id: str
    attributes: Mapping[str, Any]
    job: Mapping[str, Any]
    source: Source
    script: Path | None = None

    @property
    def warnings(self) -> list[str]:
        """What the user should know before it starts: keys and files that are passed over."""
        later = [
            f"{self.operation.full_name}: {key} is passed over: it comes with a later version"
            for key in self.operation.later_keys
        ]
        left_out = [
            f"{name} is left out: it is over 1 MB, and 'sourcecode' in guild.yml does not name it"
            for name in self.source.left_out
        ]
        return [*self.project.warnings, *later, *left_out]


def prepare(
    project: Project,
    operation: Operation,
    values: Mapping[str, Any],
    *,
    label: str | None = None,
    tags: tuple[str, ...] = (),
    script: Path | None = None,
) -> Launch:
    """A launch with an id of its own. Raises GuildError where the operation cannot run."""
    attributes: dict[str, Any] = {"flags": dict(values)}
    text = operations.label(operation, values) if label is None else label
    if text:
        attributes["label"] = text
    if tags:
        attributes["tags"] = list(tags)
    selection = project.sourcecode if operation.sourcecode is None else operation.sourcecode
    return Launch(
        project,
        operation,
        values,
        uuid.uuid4().hex,
        attributes,
        operations.job(operation, values),
        source(project.folder, selection),
        script,
    )


def start_remote(launch: Launch, host: RemoteHost, say: Say) -> None:
    """Bring the project to the remote, install it there, and start the operation.

    Returns once it runs. Where anything fails before that, nothing of it stays there.
    """
    from guild_sync import package, rsync

    say("Building package")
    run_id, name = launch.run_id, launch.operation.full_name
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        built = package.build(launch.source, launch.project.package, Path(folder))
        opref = _opref("package", built.name, built.version, launch.operation)
        job = {**launch.job, "environment": host.environment()}
        staged = host.call(
            "stage", run_id=run_id, opref=opref, attributes=dict(launch.attributes), job=job
        )
        try:
            say(f"Copying package to {host.name}")
            packages = f"{staged['run_dir']}/.guild/job-packages"
            rsync.send_file(host.remote, built.wheel, packages)
            say(
                f"Installing package and requirements: {', '.join(built.requires)}"
                if built.requires
                else "Installing package"
            )
            host.call(
                "install",
                run_id=run_id,
                wheel=built.wheel.name,
                folder=built.folder,
                with_dependencies=bool(built.requires),
            )
            say(f"Successfully installed {built.name}-{built.version}")
            say(f"Starting {name} on {host.name} as {run_id}")
            host.call("start", run_id=run_id)
        except BaseException:
            _discard(host, run_id)
            raise
    say(f"{run_id} is running on {host.name}")


def stage_local(launch: Launch, host: LocalHost) -> str:
    """Make the run here, with its source code, ready to start; its directory."""
    job = {**launch.job, "environment": host.environment()}
    staged = host.call(
        "stage",
        run_id=launch.run_id,
        opref=_local_opref(launch),
        attributes=dict(launch.attributes),
        job=job,
    )
    try:
        host.call(
            "copy_source",
            run_id=launch.run_id,
            root=str(launch.source.root),
            files=launch.source.files,
        )
    except BaseException:
        _discard(host, launch.run_id)
        raise
    return str(staged["run_dir"])


def run_local(launch: Launch, host: LocalHost, echo: int) -> int:
    """Run the operation here, its output on the descriptor `echo` too; its exit status."""
    return runner.run(stage_local(launch, host), echo)


def start_local(launch: Launch, host: LocalHost) -> None:
    """Start the operation here, detached; returns once it runs."""
    stage_local(launch, host)
    try:
        host.call("start", run_id=launch.run_id)
    except BaseException:
        _discard(host, launch.run_id)
        raise


def _discard(host: Host, run_id: str) -> None:
    with suppress(GuildError, KeyboardInterrupt):  # what went wrong first is what counts
        host.call("discard", run_id=run_id)


def _local_opref(launch: Launch) -> str:
    if launch.script is not None:
        return _opref("script", str(launch.script), "", launch.operation)
    guildfile = launch.project.guildfile
    digest = hashlib.md5(guildfile.read_bytes()).hexdigest()
    return _opref("guildfile", str(guildfile), digest, launch.operation)


def _opref(kind: str, name: str, version: str, operation: Operation) -> str:
    """What an operation is, as Guild AI 0.9 writes it: `TYPE:NAME VERSION MODEL OPERATION`."""
    words = (name, version, operation.model, operation.name)
    return f"{kind}:" + " ".join(shlex.quote(word) for word in words)
