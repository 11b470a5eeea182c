"""Bring every running run up to date with its remote, several remotes at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from guild_sync.errors import Busy, Exit, GuildError, RunNotFound
from guild_sync.hosts import LocalHost, RemoteHost, remote_host

if TYPE_CHECKING:
    from guild_sync.transfer import State

Say = Callable[[str], None]
Warn = Callable[[GuildError], None]


def sync(
    here: LocalHost,
    runs: Sequence[str],
    filters: Mapping[str, Any],
    jobs: int,
    say: Say,
    warn: Warn,
) -> Exit:
    """Sync the running runs that `runs` names and `filters` leave; the worst exit status.

    `jobs` remotes are worked on at a time. One that fails or hangs stops no other: its error
    goes to `warn`, and shows in the status. Ctrl-C ends all of them with guild.
    """
    grouped = _by_remote(here, runs, filters)

    def work(name: str) -> Exit:
        try:
            return _sync_remote(here, name, grouped[name], say, warn)
        except Busy as e:
            say(e.message)
            return Exit.OK
        except GuildError as e:
            warn(e)
            return e.exit

    if len(grouped) > 1:
        return max(_side_by_side(work, list(grouped), jobs))
    return max(map(work, grouped), default=Exit.OK)


def _side_by_side(work: Callable[[str], Exit], names: Sequence[str], jobs: int) -> list[Exit]:
    """What `work` returns for each name, with `jobs` of them at a time.

    Raises what it raised, once all the others have been worked on.
    """
    # Not where there is nothing to do, nor for one remote.
    import threading
    from concurrent.futures import wait

    from guild_sync.background import begun

    slots = threading.Semaphore(jobs)

    def in_turn(name: str) -> Exit:
        with slots:
            return work(name)

    working = [begun(partial(in_turn, name)) for name in names]
    wait(working)
    return [future.result() for future in working]


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
