"""Copy runs from a remote: many runs, one rsync.

The order is what makes an interrupted copy harmless (docs/design.md, "Promises"): the
status is read, `LOCK.remote` is written, files are copied, and only then is the run
given the status that was read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from guild_sync.agent.protocol import State
from guild_sync.errors import GuildError
from guild_sync.hooks.events import EXPECTED, RETRIED, STALLED, Change, ChangeListener
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.rsync import channels, copies
from guild_sync.rsync.packing import note_copy, packing
from guild_sync.transfer import copying
from guild_sync.transfer.copying import Say, copy_runs, large_files, sizes_of
from guild_sync.transfer.pulled import Pulled
from guild_sync.transfer.room import Room
from guild_sync.transfer.survey import paths_left_out
from guild_sync.transport import watched


def pull(
    host: RemoteHost,
    here: LocalHost,
    states: Mapping[str, State],
    say: Say,
    delete: bool = False,
    journal: ChangeListener | None = None,
    copy_links: bool = False,
    delete_copied: bool = False,
    named: Sequence[str] | None = None,
    expected: Collection[str] = (),
    room: Room | None = None,
    reading: int | None = None,
    inputs: bool = False,
) -> Pulled:
    """Copy runs whose states on the remote were read just before.

    Raises Unreachable and the like where none could be copied; their marks then stay,
    and the next pull or sync goes on from there. With `delete`, files that a run has
    here alone are removed; with `delete_copied` those that came from there before. With
    `copy_links` what links out of the runs lead to comes in their place. `journal` is told
    what changes here. With `named`, a run here that is none of the remote's, and not one of
    these, stays as it is. Of those that are `expected` from the remote, their start is news too.
    What there is no `room` for stays there, but for metadata and output, and is not settled.
    With `reading`, the bytes of the runs, what is in their files is compared: one comes that
    differs though its size and time do not. With `inputs`, what the runs were given came, too,
    and stays only where it has the SHA-256 that it had then.
    Raises Incomplete where what comes is so much more that the copy had to be ended.
    """
    watched.prepare()  # before there was news, there was nothing to copy with it
    coming = large_files(states, partial(_is_here, Path(here.home, "runs")))
    lanes = channels.lanes(host.remote, sizes_of(coming))
    begun = here.begin_copy(states, host.name, named)
    foreign = begun["foreign"]
    faults: dict[str, str] = dict(begun["refused"])
    states = {run_id: state for run_id, state in states.items() if run_id not in foreign}
    ids = [run_id for run_id in states if run_id not in faults]
    source, target = f"{host.home}/runs", Path(begun["runs_dir"])
    left_out = {run_id: paths_left_out(states[run_id]) for run_id in ids}
    # What was made here is never among them.
    removable = here.copied_files(ids) if delete_copied and not delete else None
    remote = packing(host.remote, [states[run_id] for run_id in ids])
    copy = partial(
        copies.pull,
        remote,
        source,
        ids,
        target,
        Path(begun["incoming"]),
        left_out=left_out,
        copy_links=copy_links,
        removable=removable,
        moved=begun["moved"],
        reading=reading,
        large=coming,
        lanes=lanes(),
        # Nobody has looked at what links lead to.
        sparse=copy_links or any(states[run_id]["sparse"] for run_id in ids),
    )
    own_room = room or Room(0)
    plan = partial(copies.plan, host.remote, source, ids, target, left_out, reading)
    places = {run_id: Path(begun["moved"].get(run_id, target)) for run_id in ids}
    sizes = {i: size for i in ids if (size := states[i]["bytes"]) is not None}
    linked: dict[str, str] = {}
    try:
        needs = _needs(room, sizes, places, plan) if room is not None and sizes else {}
        with own_room.promised(needs, places) as cramped:
            # Whatever the remote has told of their sizes, and however they grow meanwhile.
            is_full = partial(own_room.is_full, set(places.values()))
            bounded = partial(copy, bare=cramped, is_full=is_full)
            began = time.monotonic()
            copied = copy_runs(ids, f"from {host.name}", bounded, say, delete)
            note_copy(remote, copied.bytes, time.monotonic() - began)
    finally:
        linked = here.end_copy(begun["incoming"], ids, host.name)
    faults.update(copied.faults)
    faults.update(linked)
    here.note_copied(copied.files)
    altered = here.without_altered([*copied.files]) if inputs and copied.files else {}
    # Before the runs are settled: a run that is over is asked for no more.
    notes = {run_id: states[run_id]["notes"] for run_id in ids}
    conflicts = here.merge_notes(notes, host.name)
    whole: dict[str, State] = {
        run_id: {
            **state,
            "inputs": [*state["inputs"], *altered.get(run_id, [])],
            "links": copied.links.get(run_id, []),
            "unreadable": copied.unreadable.get(run_id, []),
        }
        for run_id, state in states.items()
        if run_id not in faults and run_id not in cramped
    }
    befores = {i: EXPECTED if i in expected else before for i, before in begun["before"].items()}
    foreseen = [
        Change(
            *(run_id, host.name, befores[run_id], state["status"] or ""),
            _attempts_since(begun["counts"][run_id], state),
        )
        for run_id, state in whole.items()
    ]
    foreseen = [change for change in foreseen if change.before != change.after or change.counts]
    if journal:
        journal.expect(foreseen)
    faults.update(here.settle_copy(whole, host.name, begun["began"]))
    happened = [change for change in foreseen if change.run not in faults]
    if journal:
        journal.happened(foreseen, happened)
    changes = [change for change in happened if change.before != change.after]
    unreadable = {i: paths for i, paths in copied.unreadable.items() if i not in faults}
    came = {*copied.files, *(change.run for change in changes)}
    no_room = {run_id: needs[run_id] for run_id in cramped}
    forsaken = {run_id: [path for path, _ in paths] for run_id, paths in altered.items()}
    return Pulled(
        *(faults, changes, copied.bytes, conflicts, unreadable, foreign, came, no_room, forsaken)
    )


def _is_here(runs: Path, run_id: str, path: str, size: int) -> bool:
    """Whether such a file is here already, which needs nobody to bring it."""
    try:
        return os.lstat(runs / run_id / path).st_size == size
    except OSError:
        return False


def _attempts_since(before: tuple[int, int], state: State) -> dict[str, int]:
    """What has happened to the attempts since the run was settled here, and how often by now."""
    retries, stalls = before
    counts = {STALLED: (stalls, state["stalls"]), RETRIED: (retries, state["retries"])}
    return {name: now for name, (known, now) in counts.items() if now > known}


def _needs(
    room: Room,
    sizes: Mapping[str, int],
    places: Mapping[str, Path],
    plan: Callable[[], Mapping[str, copies.Amount]],
) -> Mapping[str, int]:
    """The bytes that each run takes here: as told, or where these may not fit, as rsync finds."""
    needed: dict[Path, int] = {}
    for run_id, size in sizes.items():
        needed[places[run_id]] = needed.get(places[run_id], 0) + size
    if all(size <= room.left(place) for place, size in needed.items()):
        return sizes
    # rsync counts holes in files too.
    return {i: min(amount.own, sizes.get(i, amount.own)) for i, amount in plan().items()}


def warn_of(pulled: Pulled, host: RemoteHost, warn: Callable[[GuildError], None]) -> None:
    """Say of each run what keeps it from being here as it is there, and what people must know."""
    copying.warn_of(pulled.faults, host, warn)
    copying.warn_of_conflicts(pulled.conflicts, host, warn)
    copying.warn_of_lost(pulled.changes, host.name, warn)
    copying.warn_of_cramped(pulled.cramped, host, warn)
    copying.warn_of_unreadable(pulled.unreadable, host, warn)
    copying.warn_of_altered(pulled.altered, host, warn)
