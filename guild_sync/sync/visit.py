"""One remote, visited: asked once, what has changed copied at one go, settled."""

from __future__ import annotations

from guild_sync.config import remotes
from guild_sync.hosts.choose import remote_host
from guild_sync.sync.ledger import Entry
from guild_sync.sync.lost import lose, lost_by_now, lost_error, missing_error
from guild_sync.sync.outcomes import SYNCED, Outcome
from guild_sync.sync.request import Visit, Wanted
from guild_sync.transfer import copying, pull
from guild_sync.transfer import survey as surveys


def synced(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    """Ask the remote once for all runs, copy at one go those that changed, settle them.

    Of a batch or a pipeline the runs that it started since come too.
    """
    here, ids = visit.here, wanted.ids
    host = remote_host(remotes.remote(name), make_home=False)
    visit.say(f"Resolving {'run' if len(ids) == 1 else f'{len(ids)} runs'} on {name}")
    selection = visit.selected(host.remote.pull)
    asked = [*ids, *wanted.strays]
    survey, children = surveys.with_children(host, here, asked, selection)
    found = {run_id: state for run_id, state in survey.states.items() if state}
    missing = [run_id for run_id in ids if run_id not in found]
    lost = lost_by_now(host, wanted, survey, missing, entry)
    for run_id in found:
        visit.say(f"Syncing {run_id}")
    unchanged = here.confirm_unchanged(states=found, remote=name)
    changed = {run_id: state for run_id, state in found.items() if run_id not in unchanged}
    pulled = pull.Pulled({})
    if changed:
        pulled = pull.pull(
            *(host, here, changed, visit.say),
            journal=visit.journal,
            delete_copied=selection.delete,
            # Nobody has asked for a child: one that came here meanwhile stays as it is.
            named=[run_id for run_id in changed if run_id not in set(children)],
        )
    copying.warn_of(pulled.faults, host, visit.warn)
    copying.warn_of_conflicts(pulled.conflicts, host, visit.warn)
    copying.warn_of_lost(pulled.changes, name, visit.warn)
    copying.warn_of_unreadable(pulled.unreadable, host, visit.warn)
    changes = [*pulled.changes, *lose(visit, name, lost)]
    missing = [run_id for run_id in missing if run_id not in lost]
    for run_id in missing:
        visit.warn(missing_error(run_id, name))
    for run_id in lost:
        visit.warn(lost_error(run_id, name))
    return Outcome(
        name,
        SYNCED,
        changes,
        pulled.faults,
        missing,
        bytes=pulled.bytes,
        unreadable=pulled.unreadable,
    )
