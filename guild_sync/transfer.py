"""Copy runs from a remote, or to one: many runs, one rsync.

The order is what makes an interrupted copy harmless (docs/design.md, "Promises"): the
status is read, `LOCK.remote` is written, files are copied, and only then is the run
given the status that was read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from guild_sync.agent.runs import FINAL
from guild_sync.agent.selection import MOST
from guild_sync.config.selection import Selection, is_pattern
from guild_sync.errors import GuildError, Incomplete, RemoteError, Unreachable
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.outcomes import Change, Journal
from guild_sync.output.progress import progress
from guild_sync.transport import rsync

Say = Callable[[str], None]
State = Mapping[str, Any]

# What a remote may say of a run's status; another word of its would only confuse.
_STATUSES = ("running", "pending", "staged", "lost", *FINAL)
_NAME = re.compile(r"[0-9a-f]{32}\Z")  # of a stamp, and of a guild home


class Survey(NamedTuple):
    """A remote's word: how runs are there, None for those it has not, and which home it has."""

    states: Mapping[str, State | None]
    home_id: str | None


class Pulled(NamedTuple):
    """What became of a pull: why for each run that is not whole, what changed, bytes."""

    faults: dict[str, str]
    changes: Sequence[Change] = ()
    bytes: int = 0


def survey(
    host: RemoteHost,
    ids: Sequence[str],
    selection: Selection,
    stamps: bool,
    look_only: bool = False,
) -> Survey:
    """What the remote says of the runs: of these, and nothing that is not of its type.

    A state has `left_out`, the paths and sizes of what `selection` leaves out of a copy.
    With `look_only`, nothing is written there.

    Raises Unreachable and the like, and RemoteError where the answer makes no sense.
    """
    answer = host.call(
        "survey",
        ids=list(ids),
        stamps=stamps,
        look_only=look_only,
        selection=selection.as_request(),
    )
    home_id = answer.get("home_id")
    states = {run_id: _state(host, run_id, answer["states"].get(run_id)) for run_id in ids}
    return Survey(states, home_id if _is_name(home_id) else None)


def _state(host: RemoteHost, run_id: str, told: object) -> State | None:
    if not isinstance(told, dict) or told.get("status", "") not in (None, *_STATUSES):
        raise RemoteError(f"remote {host.name!r} makes no sense about run {run_id}")
    if told["status"] is None:
        return None
    state: dict[str, Any] = {"status": told["status"], "remote": None}
    if isinstance(remote := told.get("remote"), str):
        state["remote"] = remote
    for name in ("exit_status", "started", "stopped"):
        state[name] = told.get(name)
    state["stamp"] = told["stamp"] if _is_name(told.get("stamp")) else ""
    state["left_out"] = _left_out(host, run_id, told.get("left_out"))
    return state


def _left_out(host: RemoteHost, run_id: str, told: object) -> list[list[Any]]:
    if told is None:
        return []
    if not isinstance(told, list) or len(told) > MOST or not all(map(_is_left_out, told)):
        raise RemoteError(f"remote {host.name!r} makes no sense about run {run_id}")
    return told


def _is_left_out(told: object) -> bool:
    if not isinstance(told, list) or len(told) != 2:
        return False
    path, size = told
    return is_pattern(path) and path[0] != "/" and isinstance(size, int) and size >= 0


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.match(value))


def pull(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
    delete: bool = False,
    journal: Journal | None = None,
    copy_links: bool = False,
) -> Pulled:
    """Copy runs whose states on the remote were read just before.

    Raises Unreachable and the like where none could be copied; their marks then stay,
    and the next pull or sync goes on from there. With `delete`, files that a run has
    here alone are removed; with `copy_links` what links out of the runs lead to comes in
    their place. `journal` is told what changes here.
    """
    begun = here.call("begin_copy", states=states, remote=host.name)
    faults: dict[str, str] = dict(begun["refused"])
    ids = [run_id for run_id in states if run_id not in faults]
    source, target = f"{host.home}/runs", Path(begun["runs_dir"])
    left_out = {run_id: paths_left_out(states[run_id]) for run_id in ids}
    copy = partial(
        rsync.pull,
        host.remote,
        source,
        ids,
        target,
        Path(begun["incoming"]),
        left_out=left_out,
        copy_links=copy_links,
    )
    try:
        copied = _copied(ids, f"from {host.name}", copy, say, delete)
    finally:
        here.call("end_copy", incoming=begun["incoming"], ids=ids)
    faults.update(copied.faults)
    whole = {
        run_id: {**state, "links": copied.links.get(run_id)}
        for run_id, state in states.items()
        if run_id not in faults
    }
    changes = [
        Change(run_id, str(host.name), before, state["status"])
        for run_id, state in whole.items()
        if (before := begun["before"][run_id]) != state["status"]
    ]
    if journal:
        journal.expect(changes)
    faults.update(here.call("settle_copy", states=whole, remote=host.name, began=begun["began"]))
    expected, changes = changes, [change for change in changes if change.run not in faults]
    if journal:
        journal.happened(expected, changes)
    return Pulled(faults, changes, copied.bytes)


def paths_left_out(state: State) -> list[str]:
    """The paths that the copy of a run is made without."""
    return [path for path, _ in state.get("left_out", ())]


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
        faults.update(_copied(ids, f"to {host.name}", copy, say, delete).faults)
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
    ids: Sequence[str], way: str, copy: Callable[..., rsync.Copied], say: Say, delete: bool
) -> rsync.Copied:
    """Have rsync copy the runs, one way or the other."""
    for run_id in ids:
        say(f"Copying {run_id}")
    if not ids:
        return rsync.Copied({})
    with progress(f"{way} ") as on_progress:
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
