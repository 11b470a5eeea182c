"""Copy runs to a remote: many runs, one rsync."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from guild_sync.agent.protocol import FINAL, NOTES, Copy, SentNotes, State
from guild_sync.config.selection import is_pattern
from guild_sync.errors import GuildError, Unreachable
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.rsync import channels, copies
from guild_sync.rsync.packing import may_pack, note_copy, packing
from guild_sync.transfer.copying import Say, copy_runs, sizes_of, warn_of_conflicts


def push(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
    warn: Callable[[GuildError], None],
    delete: bool = False,
) -> dict[str, str]:
    """Copy runs to the remote, as `pull` copies them from there; for each fault, its reason.

    Until a run is there whole, it is shown there as `running (push from THIS MACHINE)`. `warn`
    is told of what people have changed both here and there.
    """
    faults = {i: why for i, state in states.items() if (why := _why_not_pushed(state))}
    wanted = {i: state for i, state in states.items() if i not in faults}
    if not wanted:
        return faults
    told = _told(host, here, list(wanted))
    remote = packing(host.remote, told.values(), "to")
    begun = host.begin_push(wanted, *_sender(host, here))
    faults.update(begun["refused"])
    ids = [run_id for run_id in wanted if run_id not in faults]
    source, target = Path(here.home, "runs"), begun["runs_dir"]
    moved = _moved(begun["moved"], ids)
    # What is not here on purpose is not to go there.
    left_out = {i: _without(copy) for i, copy in here.copies(ids).items()} if delete else {}
    push_runs = partial(copies.push, remote, source, ids, target, begun["incoming"])
    # What is there whole already needs no lane.
    coming = {i: s["large"] for i, s in told.items() if begun["before"].get(i) not in FINAL}
    host.leave()  # before the line is measured: there may be one channel alone
    lanes = channels.lanes(remote, sizes_of(coming))
    copy = partial(
        push_runs,
        moved=moved,
        left_out=left_out,
        large=coming,
        lanes=lanes(),
        sparse=not told or any(told[run_id]["sparse"] for run_id in ids),
    )
    try:
        began = time.monotonic()
        copied = copy_runs(ids, f"to {host.name}", copy, say, delete)
        note_copy(remote, copied.bytes, time.monotonic() - began, "to")
    except Unreachable:
        raise  # what is left there, the next push mends
    except GuildError:
        host.end_copy(begun["incoming"], ids)
        raise
    host.end_copy(begun["incoming"], ids)
    # There until now, whole: else what that host is known to have had, it has no more.
    known = {run_id for run_id in ids if begun["before"].get(run_id) in FINAL}
    _send_notes(host, here, ids, known, warn)
    faults.update(copied.faults)
    faults.update({i: f"{paths[0]} cannot be read" for i, paths in copied.unreadable.items()})
    whole = {run_id: wanted[run_id] for run_id in ids if run_id not in faults}
    faults.update(host.settle_copy(whole))
    return faults


def _told(host: RemoteHost, here: LocalHost, ids: Sequence[str]) -> Mapping[str, State]:
    """How well the files of runs here pack, and which are large, where a copy is to know it."""
    packs, is_dealt = may_pack(host.remote, "to"), host.remote.lanes != 1
    if not (packs or is_dealt):
        return {}
    told = here.survey(
        ids, stamps=False, look_only=True, selection=None, packing=packs, large=is_dealt
    )
    return told["states"]


def _without(copy: Copy) -> list[str]:
    """The paths of a run that its copy was made without."""
    return [path for path, _ in (*copy["left_out"], *copy["inputs"]) if is_pattern(path)]


def _send_notes(
    host: RemoteHost,
    here: LocalHost,
    ids: Sequence[str],
    known: Collection[str],
    warn: Callable[[GuildError], None],
) -> None:
    """Have what people wrote here merged into what they wrote there."""
    found = here.notes_to_send(ids, host.name)
    sent: dict[str, SentNotes] = {
        run_id: {**notes, "base": notes["base"] if run_id in known else {}}
        for run_id, notes in found.items()
    }
    told = host.take_notes(sent)
    conflicts = {
        run_id: names
        for run_id in sent
        if (names := [name for name in NOTES if name in told.get(run_id, ())])
    }
    here.keep_sent(sent, conflicts, host.name)
    warn_of_conflicts(conflicts, host, warn, way="to")


def _moved(told: Mapping[str, str], ids: Sequence[str]) -> dict[str, str]:
    """Where runs lie there that are links: absolute paths, of runs that are pushed."""
    return {i: p for i, p in told.items() if i in ids and p.startswith("/") and p.isprintable()}


def _why_not_pushed(state: State) -> str:
    """Why a run may not be pushed: it may change, or is a copy whose run goes on elsewhere."""
    if state["status"] in FINAL:
        return ""
    if state["status"] is None:
        return "it is not here any more"
    return f"it is {state['status']} " + (f"({state['remote']})" if state["remote"] else "here")


def _sender(host: RemoteHost, here: LocalHost) -> tuple[str, str]:
    """Who pushes, in a name for people, and in one that is a file's and the same each time."""
    node = os.uname().nodename
    token = hashlib.sha256(f"{node}\0{here.home}\0{host.name}".encode()).hexdigest()[:16]
    return node, token
