"""Remotes of whose config `clean` has guild-sync remove what is home, each once a day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from guild_sync.config import remotes
from guild_sync.config.remotes import Clean, Remote
from guild_sync.errors import Busy, Exit, GuildError, Incomplete
from guild_sync.hosts import locking
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.runs import person
from guild_sync.sync import ledger
from guild_sync.sync.ledger import Entry
from guild_sync.transfer import clean, verify
from guild_sync.transfer.clean import Cleaning, Wish

EVERY = 86400.0  # seconds: all files are read


def clean_all(
    here: LocalHost, say: Callable[[str], None], warn: Callable[[GuildError], None]
) -> Exit:
    """Clean each remote that is due, one after the other; one that fails stops no other.

    The highest exit status. A remote that another guild works with is left to the next sync.
    """
    status = Exit.OK
    for remote in remotes.usable()[0].values():
        if remote.clean is None or not _is_due(ledger.read(remote.name)):
            continue
        try:
            with locking.remote_lock(remote.name, wait=False):
                errors = [*_cleaned(remote, remote.clean, here, say)]
        except Busy:
            continue
        for error in errors:
            warn(error)
        status = max([status, *(error.exit for error in errors)])
    return status


def keep_in_mind(remote: str, found: Cleaning) -> None:
    """Write down which guild home the remote has, where no sync has yet."""
    entry = ledger.read(remote)
    if entry.home_id is None and found.home_id:
        ledger.write(replace(entry, home_id=found.home_id))


def _is_due(entry: Entry) -> bool:
    """Whether a remote that answers was not cleaned today; a clock may have been set back."""
    now = time.time()
    is_fresh = entry.cleaned is not None and 0 <= now - entry.cleaned < EVERY
    return not is_fresh and not entry.is_left_alone(now)


def _cleaned(
    remote: Remote, asked: Clean, here: LocalHost, say: Callable[[str], None]
) -> Iterator[GuildError]:
    """Remove there what is home, and tell of it; what has failed."""
    entry = ledger.read(remote.name)
    # Before it is tried: what fails is not tried, and told of, with every sync.
    ledger.write(replace(entry, cleaned=time.time()))
    before = None if asked.older_than is None else clean.older_than(asked.older_than)
    wish = Wish({}, before, asked.keep_last, asked.permanent, asked.keep_best)
    try:
        host = remote_host(remote, make_home=False)
        found = clean.sorted_out(host, here, wish, entry.home_id, {"mine": person.mine()})
        seals = clean.verified(host, here, found, plan=False)
        refused = clean.removed(host, here, found, seals, wish.permanent)
    except GuildError as e:
        yield e
        return
    keep_in_mind(remote.name, found)
    if found.going:
        say(clean.summary(found, remote.name, wish.permanent, plan=False))
    for run_id, verdict in found.verdicts.items():
        if verdict.differing:
            path = verdict.differing[0]
            what = f"run {run_id} stays on {remote.name}: {path} is not the same here"
            yield Incomplete(what, "See 'guild verify'.")
    yield from verify.faults(found.verdicts, remote.name)
    yield from clean.refusals(refused, remote.name)
