"""Copy runs from a remote, or to one: many runs, one rsync.

The order is what makes an interrupted copy harmless (docs/design.md, "Promises"): the
status is read, `LOCK.remote` is written, files are copied, and only then is the run
given the status that was read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from guild_sync import rsync
from guild_sync.agent.runs import FINAL
from guild_sync.display import progress
from guild_sync.errors import GuildError, Incomplete, Unreachable
from guild_sync.hosts import LocalHost, RemoteHost

Say = Callable[[str], None]
State = Mapping[str, Any]


def pull(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
    delete: bool = False,
) -> dict[str, str]:
    """Copy runs whose states on the remote were read just before; for each fault, its reason.

    Raises Unreachable and the like where none could be copied; their marks then stay,
    and the next pull or sync goes on from there. With `delete`, files that a run has
    here alone are removed.
    """
    begun = here.call("begin_copy", states=states, remote=host.name)
    faults: dict[str, str] = dict(begun["refused"])
    ids = [run_id for run_id in states if run_id not in faults]
    source, target = f"{host.home}/runs", Path(begun["runs_dir"])
    copy = partial(rsync.pull, host.remote, source, ids, target, Path(begun["incoming"]))
    try:
        faults.update(_copied(ids, f"from {host.name}", copy, say, delete))
    finally:
        here.call("end_copy", incoming=begun["incoming"], ids=ids)
    copied = {run_id: state for run_id, state in states.items() if run_id not in faults}
    faults.update(here.call("settle_copy", states=copied, remote=host.name, began=begun["began"]))
    return faults


def push(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
    delete: bool = False,
) -> dict[str, str]:
    """Copy runs to the remote, as `pull` copies them from there; for each fault, its reason.

    Until a run is there whole, it is shown there as `running (push from THIS MACHINE)`.
    """
    faults = {i: why for i, state in states.items() if (why := _why_not_pushed(state))}
    wanted = {i: state for i, state in states.items() if i not in faults}
    if not wanted:
        return faults
    begun = host.call("begin_push", states=wanted, **_sender(host, here))
    faults.update(begun["refused"])
    ids = [run_id for run_id in wanted if run_id not in faults]
    source, target = Path(here.home, "runs"), begun["runs_dir"]
    copy = partial(rsync.push, host.remote, source, ids, target, begun["incoming"])
    try:
        faults.update(_copied(ids, f"to {host.name}", copy, say, delete))
    except Unreachable:
        raise  # what is left there, the next push mends
    except GuildError:
        host.call("end_copy", incoming=begun["incoming"], ids=ids)
        raise
    host.call("end_copy", incoming=begun["incoming"], ids=ids)
    copied = {run_id: wanted[run_id] for run_id in ids if run_id not in faults}
    faults.update(host.call("settle_copy", states=copied))
    return faults


def _copied(
    ids: Sequence[str], way: str, copy: Callable[..., dict[str, str]], say: Say, delete: bool
) -> dict[str, str]:
    """Have rsync copy the runs, one way or the other; for each fault, its reason."""
    for run_id in ids:
        say(f"Copying {run_id}")
    if not ids:
        return {}
    with progress(f"Copying {way}") as on_progress:
        return copy(on_progress=on_progress, delete=delete)


def _why_not_pushed(state: State) -> str:
    """Why a run may not be pushed: it may change, or is a copy whose run goes on elsewhere."""
    if state["status"] in FINAL:
        return ""
    if state["status"] is None:
        return "it is not here any more"
    return f"it is {state['status']} " + (f"({state['remote']})" if state["remote"] else "here")


def _sender(host: RemoteHost, here: LocalHost) -> dict[str, str]:
    """Who pushes, in a name for people, and in one that is a file's and the same each time."""
    node = os.uname().nodename
    token = hashlib.sha256(f"{node}\0{here.home}\0{host.name}".encode()).hexdigest()[:16]
    return {"sender": node, "token": token}


def warn_of(
    faults: Mapping[str, str],
    host: RemoteHost,
    warn: Callable[[GuildError], None],
    way: str = "from",
) -> None:
    """Say of each run why it was not copied whole."""
    for run_id, reason in faults.items():
        warn(Incomplete(f"run {run_id} was not copied whole {way} {host.name}: {reason}"))
