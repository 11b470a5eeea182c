"""Run an operation, here or on a remote.

Usage:
  guild run [options] [-t TAG]... [OPERATION] [FLAG]...

OPERATION is [MODEL:]NAME as guild.yml of this folder defines it, or, here only, the
path of a Python script. A FLAG is NAME=VALUE. The run's own exit status is guild's,
unless it is not waited for.

Options:
  -r, --remote NAME   Run it there. NAME is a remote of the config file, or
                      ssh:[USER@]HOST[:PORT][:PATH].
  -n, --no-wait       Do not wait for the run to end.
  --background        The same.
  -l, --label TEXT    Label the run with TEXT instead of its flags.
  -t, --tag TAG       Tag the run; may be given several times.
  --force-flags       Take flags and values that the operation does not define.
  -y, --yes           Do not ask.
  --help              Show this help and exit.

Examples:
  guild run train epochs=10
  guild run train epochs=100 -r gpu1 --no-wait -y
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guild_sync import display, launch, operations
from guild_sync.arguments import parse
from guild_sync.display import say
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts import LocalHost, RemoteHost, host
from guild_sync.operations import Operation, Project
from guild_sync.watching import exit_status, watch


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    prepared = _prepare(args)
    for warning in prepared.warnings:
        print(f"guild: warning: {display.clean(warning)}", file=sys.stderr)
    target = host(args["--remote"])
    if not args["--yes"] and not _confirmed(prepared, target.name):
        return Exit.OK
    wait = not (args["--no-wait"] or args["--background"])
    if isinstance(target, RemoteHost):
        return _on_remote(prepared, target, wait)
    assert isinstance(target, LocalHost)
    return _here(prepared, target, wait)


def _prepare(args: dict[str, Any]) -> launch.Launch:
    spec, assignments = args["OPERATION"], args["FLAG"]
    if spec is not None and "=" in spec:  # no operation: the default one is meant
        spec, assignments = None, [spec, *assignments]
    project, operation, script = _operation(spec, args["--remote"])
    values = operations.flag_values(operation, assignments, args["--force-flags"])
    return launch.prepare(
        project, operation, values, label=args["--label"], tags=tuple(args["--tag"]), script=script
    )


def _operation(spec: str | None, remote: str | None) -> tuple[Project, Operation, Path | None]:
    script = Path(spec) if spec is not None and spec.endswith(".py") else None
    if script is None:
        project = operations.load(Path.cwd())
        return project, operations.find(project, spec), None
    if remote is not None:
        raise GuildError(
            "cannot run scripts remotely",
            f"Define an operation for it in guild.yml, and run that:\n"
            f"  {script.stem}:\n    main: {script.stem}",
        )
    project, operation = operations.of_script(script)
    return project, operation, script.absolute()


def _confirmed(prepared: launch.Launch, remote: str | None) -> bool:
    name = prepared.operation.full_name
    say(f"You are about to run {display.clean(name)}{f' on {remote}' if remote else ''}")
    for flag, value in sorted(prepared.values.items()):
        if value is not None:
            say(f"  {display.clean(flag)}: {display.clean(operations.shown(value))}")
    return display.confirm()


def _on_remote(prepared: launch.Launch, remote: RemoteHost, wait: bool) -> int:
    launch.start_remote(prepared, remote, say)
    if not wait:
        say(f"To watch use 'guild watch {prepared.run_id} -r {remote.name}'")
        return Exit.OK
    return exit_status(watch(remote, prepared.run_id))


def _here(prepared: launch.Launch, here: LocalHost, wait: bool) -> int:
    if not wait:
        launch.start_local(prepared, here)
        say(f"{prepared.run_id} is running")
        say(f"To watch use 'guild watch {prepared.run_id}'")
        return Exit.OK
    code = launch.run_local(prepared, here, sys.stdout.fileno())
    return exit_status({"exit_status": code})
