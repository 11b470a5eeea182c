"""Bring every running run up to date with its remote, one remote at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guild_sync.errors import Busy, Exit, GuildError, RunNotFound
from guild_sync.hosts import LocalHost, RemoteHost, remote_host

if TYPE_CHECKING:
    from guild_sync.transfer import State

Say = Callable[[str], None]
Warn = Callable[[GuildError], None]


def sync(
    here: LocalHost, runs: Sequence[str], filters: Mapping[str, Any], say: Say, warn: Warn
) -> Exit:
    """Sync the running runs that `runs` names and `filters` leave; the worst exit status.

    One remote that fails stops no other: its error goes to `warn`, and shows in the status.
    """
    worst = Exit.OK
    for name, ids in _by_remote(here, runs, filters).items():
        try:
            worst = max(worst, _sync_remote(here, name, ids, say, warn))
        except Busy as e:
            say(e.message)
        except GuildError as e:
            warn(e)
            worst = max(worst, e.exit)
    return worst


def _by_remote(
    here: LocalHost, runs: Sequence[str], filters: Mapping[str, Any]
) -> dict[str, list[str]]:
    wanted = None
    if runs or filters:  # else no run but those that are synced need be looked at
        wanted = {run["id"] for run in here.call("list", specs=runs, filters=filters)["runs"]}
    grouped: dict[str, list[str]] = {}
    for run_id, remote in here.call("synced_from"):
        if wanted is None or run_id in wanted:
            grouped.setdefault(remote, []).append(run_id)
    return grouped


def _sync_remote(here: LocalHost, name: str, ids: list[str], say: Say, warn: Warn) -> Exit:
    # Not before there is something to do: cron calls this every few minutes.
    from guild_sync import config, locking, transfer

    remote = config.remote(name)
    with locking.remote_lock(name, wait=False):
        say(f"Resolving {'run' if len(ids) == 1 else f'{len(ids)} runs'} on {name}")
        host = remote_host(remote)
        states = host.call("states", ids=ids)
        worst = _warn_of_missing(host, states, warn)
        found = {run_id: state for run_id, state in states.items() if state["status"]}
        for run_id in found:
            say(f"Syncing {run_id}")
        faults = transfer.pull(host, here, found, say)
    transfer.warn_of(faults, host, warn)
    return Exit.INCOMPLETE if faults else worst


def _warn_of_missing(host: RemoteHost, states: Mapping[str, State], warn: Warn) -> Exit:
    missing = [run_id for run_id, state in states.items() if not state["status"]]
    for run_id in missing:
        warn(
            RunNotFound(
                f"run {run_id} is not on {host.name} any more",
                "What is here of it is kept. Was it deleted there, or is a disk not mounted?",
            )
        )
    return Exit.ERROR if missing else Exit.OK
