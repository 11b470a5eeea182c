"""One remote, visited: asked once, what has changed copied at one go, settled."""

from __future__ import annotations

from guild_sync.config import remotes
from guild_sync.hosts.choose import remote_host
from guild_sync.sync.awaited import Awaited
from guild_sync.sync.ledger import Entry
from guild_sync.sync.lost import doubt, is_same_home, lose, lost_by_now, lost_error, missing_error
from guild_sync.sync.outcomes import SYNCED, Outcome
from guild_sync.sync.request import Visit, Wanted
from guild_sync.transfer import pull
from guild_sync.transfer import survey as surveys


def synced(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    """Ask the remote once for all runs, copy at one go those that changed, settle them.

    Of a batch or a pipeline the runs that it started since come too, and runs that were started
    there from here come as if they had been pulled.
    """
    here, ids = visit.here, wanted.ids
    awaited = Awaited(here, name, wanted)
    # Nothing is made in place of a home that is not mounted; where none was seen, there is none.
    is_known = bool(ids or awaited.begun or entry.home_id)
    host = remote_host(remotes.remote(name), make_home=not is_known)
    asked = [*ids, *awaited.ids]
    visit.say(f"Resolving {'run' if len(asked) == 1 else f'{len(asked)} runs'} on {name}")
    selection = visit.selected(host.remote.pull)
    survey, children = surveys.with_children(
        host, here, [*asked, *wanted.strays], selection, room=visit.share()
    )
    found = {run_id: state for run_id, state in survey.states.items() if state}
    gone = [run_id for run_id in (*ids, *awaited.begun) if run_id not in found]
    doubted = doubt(host, survey.home_id, entry, ids or awaited.begun, gone)
    if doubted and not found:
        raise doubted
    lost = [] if doubted else lost_by_now(wanted, awaited.begun, survey, gone, entry)
    for run_id in found:
        visit.say(f"Syncing {run_id}")
    unchanged = here.confirm_unchanged(states=found, remote=name)
    changed = {run_id: state for run_id, state in found.items() if run_id not in unchanged}
    pulled = pull.Pulled({})
    unasked = {*children, *awaited.ids}
    if changed:
        pulled = pull.pull(
            *(host, here, changed, visit.say),
            journal=visit.journal,
            delete_copied=selection.delete,
            # Nobody has asked for these: one that came here meanwhile stays as it is.
            named=[run_id for run_id in changed if run_id not in unasked],
            room=visit.room,
            expected={*children, *(run["run"] for run in wanted.expected)},
        )
    pull.warn_of(pulled, host, visit.warn)
    changes = [
        *pulled.changes,
        *lose(visit, name, [run_id for run_id in lost if run_id in ids]),
        *awaited.lose([run_id for run_id in lost if run_id not in ids], visit.journal),
    ]
    for run_id in awaited.forget(found, pulled.unfinished, is_same_home(survey.home_id, entry)):
        visit.say(f"Run {run_id} was never started on {name}")
    missing = [run_id for run_id in gone if run_id not in lost]
    if doubted:
        visit.warn(doubted)
    for run_id in () if doubted else missing:
        visit.warn(missing_error(run_id, name, is_here=run_id in ids))
    for run_id in lost:
        visit.warn(lost_error(run_id, name, is_here=run_id in ids))
    return Outcome(
        name,
        SYNCED,
        changes,
        pulled.faults,
        missing,
        bytes=pulled.bytes,
        unreadable=pulled.unreadable,
        cramped=pulled.cramped,
    )
