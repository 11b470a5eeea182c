"""What is known of each remote from one sync to the next: a small file a remote.

An entry is written by whoever holds the remote's lock (hosts/locking.py), and read by anybody. It
is a memory, not the truth: without it nothing is lost but how long a remote has been down.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import file_name, guild_home
from guild_sync.errors import GuildError
from guild_sync.hooks.events import ChangeListener

FIRST_WAIT = 60.0  # seconds that a remote is left alone after its first failure
LONGEST_WAIT = 3600.0
_JITTER = 0.1  # of the wait, so that the remotes of one outage are not all tried at once
LOST_AFTER = 60.0  # seconds between two words of a remote that it has a run no more
_MAX_BYTES = 1 << 20


@dataclass
class Entry:
    """What is known of one remote. Times are seconds since 1970."""

    remote: str
    tried: float | None = None
    succeeded: float | None = None
    down_since: float | None = None  # of the first failure since the last success
    unreachable_since: float | None = None  # when it was first not reached; None: it answers
    failures: int = 0  # since the last success
    reason: str = ""  # of the last failure
    exit: int = 0  # what the last failure ended with
    next_try: float | None = None
    cleaned: float | None = None  # when guild-sync last removed there what is home, or tried to
    home_id: str | None = None  # of the guild home there, when a run was last found in it
    missing: dict[str, float] = field(default_factory=dict)  # run id -> when first not found
    cramped: dict[str, int] = field(default_factory=dict)  # run id -> bytes without room here
    syncs: int = 0  # since the entry was begun, as the next three
    failed_syncs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    last_bytes: int = 0
    last_seconds: float = 0.0

    def is_left_alone(self, now: float) -> bool:
        """Whether its next try is yet to come. Not for longer than it could have been meant:
        a clock that was set back must not keep a remote from being tried."""
        if self.next_try is None:
            return False
        return now < self.next_try <= now + LONGEST_WAIT * (1 + _JITTER)

    def failed(self, now: float, error: GuildError) -> bool:
        """Take down a failure at `now`; whether it is the first one."""
        self.failures += 1
        self.failed_syncs += 1
        self.syncs += 1
        self.tried = now
        self.down_since = now if self.down_since is None else self.down_since
        self.reason, self.exit = error.message, int(error.exit)
        wait = min(FIRST_WAIT * 2.0 ** min(self.failures - 1, 16), LONGEST_WAIT)
        self.next_try = now + wait * random.uniform(1 - _JITTER, 1 + _JITTER)
        return self.failures == 1

    def was_reached(self, now: float, received: int, seconds: float) -> bool:
        """Take down a success at `now`; whether there were failures before it."""
        was_down = self.failures > 0
        self.tried = self.succeeded = now
        self.down_since = self.unreachable_since = self.next_try = None
        self.failures, self.reason, self.exit = 0, "", 0
        self.syncs += 1
        self.bytes += received
        self.seconds += seconds
        self.last_bytes, self.last_seconds = received, seconds
        return was_down

    def note_room(self, asked: Collection[str], cramped: Mapping[str, int]) -> None:
        """Take down for which of the runs that were asked for there was no room, in bytes."""
        rest = {run_id: size for run_id, size in self.cramped.items() if run_id not in asked}
        self.cramped = {**rest, **cramped}

    def lost(self, missing: Iterable[str], asked: Iterable[str], now: float) -> list[str]:
        """Take down which of the runs that were asked for are missing; those twice so by now."""
        missing = set(missing)
        for run_id in set(asked) - missing:
            self.missing.pop(run_id, None)
        lost = []
        for run_id in sorted(missing):
            first = self.missing.get(run_id)
            if first is None or first > now:  # or the clock was set back
                self.missing[run_id] = now
            elif now - first >= LOST_AFTER:
                lost.append(run_id)
                del self.missing[run_id]
        return lost


def tell_down(entry: Entry, journal: ChangeListener | None) -> None:
    """Tell the journal of the first try that did not reach the remote, and of no other."""
    if entry.unreachable_since is None:
        entry.unreachable_since = time.time()
        if journal:
            journal.is_down(entry.remote, entry.reason, entry.unreachable_since)


def tell_up(entry: Entry, journal: ChangeListener | None) -> None:
    """Tell the journal that the remote answers, where it had been told that it does not.

    Before the entry is written: what a kill comes between is told again, as the same event.
    """
    if entry.unreachable_since is not None:
        if journal:
            journal.is_up(entry.remote, entry.unreachable_since)
        entry.unreachable_since = None


def read(remote: str) -> Entry:
    """The entry of a remote, an empty one where there is none that can be read."""
    found = _read(_path(remote))
    return found if found is not None and found.remote == remote else Entry(remote)


def try_soon(remote: str) -> None:
    """Have the next `sync --cron` try a remote that failed, which can be reached now.

    Raises Busy where another guild works with it.
    """
    if read(remote).next_try is None:
        return
    from guild_sync.hosts.locking import remote_lock  # who only reads needs no lock

    with remote_lock(remote, wait=False):
        write(replace(read(remote), next_try=None))


def entries() -> dict[str, Entry]:
    """The entries of all remotes that were ever synced with, by name."""
    try:
        paths = sorted(_folder().glob("*.json"))
    except OSError:
        return {}
    found = [entry for path in paths if (entry := _read(path))]
    return {entry.remote: entry for entry in found}


def write(entry: Entry) -> None:
    """Keep an entry, whole or not at all."""
    path = _path(entry.remote)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(str(path), json.dumps(asdict(entry), indent=1) + "\n")


def _folder() -> Path:
    return guild_home() / "remotes"


def _path(remote: str) -> Path:
    return _folder() / f"{file_name(remote)}.json"


def _read(path: Path) -> Entry | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            data = json.loads(f.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return _entry(data) if isinstance(data, dict) else None


def _entry(data: Mapping[str, object]) -> Entry | None:
    """An entry of the values in `data` that are of their field's type."""
    remote = data.get("remote")
    if not isinstance(remote, str):
        return None
    entry = Entry(remote)
    for known in fields(entry):
        value = data.get(known.name)
        if _is_of(known.name, value, getattr(entry, known.name)):
            setattr(entry, known.name, value)
    return entry


def _is_of(name: str, value: object, usual: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(usual, dict):
        return isinstance(value, dict) and all(isinstance(v, (int, float)) for v in value.values())
    if isinstance(usual, float) or (usual is None and name != "home_id"):
        return isinstance(value, (int, float))
    return isinstance(value, str if name == "home_id" else type(usual))
