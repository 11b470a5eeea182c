"""Bring runs home from a remote: many runs, one rsync.

The order is what makes an interrupted copy harmless (docs/design.md, "Promises"): the
status is read, `LOCK.remote` is written, files are copied, and only then is the run
given the status that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guild_sync import rsync
from guild_sync.display import progress
from guild_sync.errors import GuildError, Incomplete
from guild_sync.hosts import LocalHost, RemoteHost

Say = Callable[[str], None]
State = Mapping[str, Any]


def pull(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
) -> dict[str, str]:
    """Copy runs whose states on the remote were read just before; for each fault, its reason.

    Raises Unreachable and the like where none could be copied; their marks then stay,
    and the next pull or sync goes on from there.
    """
    begun = here.call("begin_copy", states=states, remote=host.name)
    faults: dict[str, str] = dict(begun["refused"])
    ids = [run_id for run_id in states if run_id not in faults]
    try:
        for run_id in ids:
            say(f"Copying {run_id}")
        if ids:
            with progress(f"Copying from {host.name}") as on_progress:
                faults.update(
                    rsync.pull(
                        host.remote,
                        f"{host.home}/runs",
                        ids,
                        Path(begun["runs_dir"]),
                        Path(begun["incoming"]),
                        on_progress,
                    )
                )
    finally:
        here.call("end_copy", incoming=begun["incoming"], ids=ids)
    copied = {run_id: state for run_id, state in states.items() if run_id not in faults}
    faults.update(here.call("settle_copy", states=copied, remote=host.name, began=begun["began"]))
    return faults


def warn_of(
    faults: Mapping[str, str], host: RemoteHost, warn: Callable[[GuildError], None]
) -> None:
    """Say of each run why it is not here whole."""
    for run_id, reason in faults.items():
        warn(Incomplete(f"run {run_id} was not copied whole from {host.name}: {reason}"))
