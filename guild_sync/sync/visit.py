"""One remote, visited: asked once, what has changed copied at one go, settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import FINAL, State
from guild_sync.config import remotes
from guild_sync.config.selection import Selection
from guild_sync.errors import GuildError, RemoteError, unasked
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.remote import RemoteHost
from guild_sync.sync.awaited import Awaited
from guild_sync.sync.ledger import Entry
from guild_sync.sync.lost import doubt, is_same_home, lose, lost_by_now, lost_error, missing_error
from guild_sync.sync.outcomes import SYNCED, Outcome
from guild_sync.sync.request import Visit, Wanted
from guild_sync.transfer import survey as surveys
from guild_sync.transfer.pulled import Pulled


class _Told(NamedTuple):
    """A remote's word: how the runs are that it has, and which it has not.

    `doubted`: why it is not to be believed that it has none. Of those that are `gone`, the `lost`
    were so a while ago too.
    """

    host: RemoteHost
    found: Mapping[str, State]
    children: Sequence[str]  # of the found, those that nobody has asked for
    gone: Sequence[str]
    doubted: RemoteError | None
    lost: Sequence[str]
    is_same_home: bool
    selection: Selection

    @property
    def missing(self) -> list[str]:
        return [run_id for run_id in self.gone if run_id not in self.lost]


def visited(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    """Sync the runs of which the remote may have news, and mend those that are over.

    Where the latter fails, the outcome has what became of the others, and the error.
    """
    if not wanted.ended:
        return synced(visit, name, wanted, entry)
    if not wanted.is_open:
        return _mended(visit, name, wanted.ended, Outcome(name, SYNCED), entry)
    outcome = synced(visit, name, wanted, entry)
    came = [change.run for change in outcome.changes if change.after in FINAL]
    try:
        return _mended(visit, name, [*wanted.ended, *came], outcome, entry)
    except GuildError as e:
        return outcome._replace(error=e)


def _mended(visit: Visit, name: str, ids: Sequence[str], outcome: Outcome, entry: Entry) -> Outcome:
    """Verify the runs, which are over, copy what of them differs, and add to the outcome.

    Raises RemoteError where the remote has none of them and is not to be believed.
    """
    from guild_sync.transfer import mend  # seldom needed

    host = remote_host(remotes.remote(name), make_home=False)
    selection = visit.selected(host.remote.pull)
    done = mend.mended(host, visit.here, ids, selection, visit.say, visit.journal, visit.room)
    if doubted := doubt(host, done.home_id, entry, ids, done.absent):
        raise doubted
    mend.warn_of(done, host, visit.warn)
    return outcome._replace(
        changes=[*outcome.changes, *done.pulled.changes],
        faults={**outcome.faults, **done.faults},
        unreadable={**outcome.unreadable, **done.unreadable},
        cramped={**outcome.cramped, **done.pulled.cramped},
        bytes=outcome.bytes + done.pulled.bytes,
        mended=done.files,
        gone=done.gone,
    )


def synced(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    """Ask the remote once for all runs, copy at one go those that changed, settle them.

    Of a batch or a pipeline the runs that it started since come too, and runs that were started
    there from here come as if they had been pulled. Raises Unreachable and the like, RemoteError
    where the remote has none of the runs and is not to be believed, and Incomplete where what
    came had to be cut off.
    """
    awaited = Awaited(visit.here, name, wanted)
    told = _told(visit, name, wanted, awaited, entry)
    pulled = _copied(visit, wanted, awaited, told, entry)
    copies = set(wanted.ids)
    changes = [
        *pulled.changes,
        *lose(visit, name, [run_id for run_id in told.lost if run_id in copies]),
        *awaited.lose([run_id for run_id in told.lost if run_id not in copies], visit.journal),
    ]
    for run_id in awaited.forget(told.found, pulled.unfinished, told.is_same_home):
        visit.say(f"Run {run_id} was never started on {name}")
    _warn_of_gone(visit, name, wanted, told)
    # What had ended has come home all the same; of all else nothing is known.
    down = unasked.pop(name, None)
    return Outcome(
        name,
        SYNCED,
        changes,
        pulled.faults,
        told.missing,
        down,
        bytes=pulled.bytes,
        unreadable=pulled.lacking,
        cramped=pulled.cramped,
    )


def _told(visit: Visit, name: str, wanted: Wanted, awaited: Awaited, entry: Entry) -> _Told:
    """Ask the remote for all runs; the entry learns of what it has no more."""
    # Nothing is made in place of a home that is not mounted; where none was seen, there is none.
    is_known = bool(wanted.ids or awaited.begun or entry.home_id)
    host = remote_host(remotes.remote(name), make_home=not is_known)
    asked = [*wanted.ids, *awaited.ids]
    host.begin()
    visit.say(f"Resolving {'run' if len(asked) == 1 else f'{len(asked)} runs'} on {name}")
    if awaited.begun:
        from guild_sync.transport import watched

        watched.prepare()  # what was started there, and is not here, comes in any case
    selection = visit.selected(host.remote.pull)
    survey, children = surveys.with_children(
        host, visit.here, [*asked, *wanted.strays], selection, room=visit.share()
    )
    found = {run_id: state for run_id, state in survey.states.items() if state}
    gone = [run_id for run_id in (*wanted.ids, *awaited.begun) if run_id not in found]
    doubted = doubt(host, survey.home_id, entry, wanted.ids or awaited.begun, gone)
    if doubted and not found:
        raise doubted
    lost = [] if doubted else lost_by_now(wanted, awaited.begun, survey, gone, entry)
    is_same = is_same_home(survey.home_id, entry)
    return _Told(host, found, children, gone, doubted, lost, is_same, selection)


def _copied(visit: Visit, wanted: Wanted, awaited: Awaited, told: _Told, entry: Entry) -> Pulled:
    """Copy what has changed of the runs that were found; the others are as they are here."""
    for run_id in told.found:
        visit.say(f"Syncing {run_id}")
    same = {*visit.here.confirm_unchanged(states=told.found, remote=told.host.name)}
    changed = {run_id: state for run_id, state in told.found.items() if run_id not in same}
    if not changed:
        return Pulled({})
    from guild_sync.transfer import pull  # most syncs find nothing to copy

    unasked = {*told.children, *awaited.ids}
    pulled = pull.pull(
        *(told.host, visit.here, changed, visit.say),
        journal=visit.journal,
        delete_copied=told.selection.delete,
        inputs=told.selection.inputs,
        # Nobody has asked for these: one that came here meanwhile stays as it is.
        named=[run_id for run_id in changed if run_id not in unasked],
        room=visit.room,
        expected={*told.children, *(run["run"] for run in wanted.expected)},
    )
    # Cron mails what is said: of the same runs, once.
    is_known = visit.patient and pulled.cramped.keys() <= entry.cramped.keys()
    pull.warn_of(pulled._replace(cramped={}) if is_known else pulled, told.host, visit.warn)
    return pulled


def _warn_of_gone(visit: Visit, name: str, wanted: Wanted, told: _Told) -> None:
    if told.doubted:
        visit.warn(told.doubted)
    for run_id in () if told.doubted else told.missing:
        visit.warn(missing_error(run_id, name, is_here=run_id in wanted.ids))
    for run_id in told.lost:
        visit.warn(lost_error(run_id, name, is_here=run_id in wanted.ids))
