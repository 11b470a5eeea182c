"""The journal of changes that hooks are to be told of: written before a change is made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guild_sync.agent.protocol import FINAL
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.errors import ConfigError
from guild_sync.hooks.events import (
    EVENTS,
    EXPECTED,
    REACHABLE,
    STARTED,
    UNREACHABLE,
    Change,
    Event,
)
from guild_sync.hosts.local import LocalHost

if TYPE_CHECKING:
    from guild_sync.hooks.listener import Listener

FOLDER = "hooks"
FORESEEN, QUEUED = ".expected", ".json"


def names(folder: Path) -> list[str]:
    """The files of the events that wait in the journal's folder."""
    try:
        return [name for name in os.listdir(folder) if name.endswith((FORESEEN, QUEUED))]
    except OSError:
        return []


def has_events(here: LocalHost) -> bool:
    """Whether events wait for hooks to be told of them: most often none does."""
    return bool(names(Path(here.home, FOLDER)))


class Journal:
    """The journal of changes that hooks are to be told of (events.ChangeListener)."""

    def __init__(self, here: LocalHost) -> None:
        self._here = here
        self._folder = Path(here.home, FOLDER)
        self._listeners: tuple[Listener, ...] | None = None

    def expect(self, changes: Sequence[Change]) -> None:
        for event in self._events(changes):
            self._write(event, FORESEEN)

    def happened(self, expected: Sequence[Change], changes: Sequence[Change]) -> None:
        for event in self._events(expected):
            path = self._folder / (event["id"] + FORESEEN)
            with suppress(FileNotFoundError):
                if any(change.run == event["run"] for change in changes):
                    path.rename(path.with_suffix(QUEUED))
                else:
                    path.unlink()

    def is_down(self, remote: str, reason: str, since: float) -> None:
        self._of_remote(UNREACHABLE, remote, reason, since, since)

    def is_up(self, remote: str, since: float) -> None:
        self._of_remote(REACHABLE, remote, "", since, time.time())

    def _of_remote(self, name: str, remote: str, reason: str, since: float, at: float) -> None:
        event = {"event": name, "remote": remote, "run": None, "before": None, "reason": reason}
        if self._wanted(event):
            import hashlib

            digest = hashlib.sha256(f"{remote}\0{since}".encode("utf-8", "replace")).hexdigest()
            self._write({**event, "id": f"{name}-{digest[:32]}", "at": at}, QUEUED)

    def _wanted(self, event: Event) -> bool:
        if event["event"] not in EVENTS:
            return False
        if self._listeners is None:  # not before something has changed: the config file is read
            from guild_sync.hooks.configured import listeners

            try:
                self._listeners, faults = listeners()
            except ConfigError:
                return True  # it must not keep runs from being settled; `deliver` raises it
            if faults:  # one of those that have one may want it
                self._listeners = None
                return True
        return any(listener.wants(event) for listener in self._listeners)

    def _events(self, changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
        for change in changes:
            for name in _news(change):
                event = {
                    "id": f"{name}-{change.run}",
                    "event": name,
                    "remote": change.remote,
                    "run": change.run,
                    "before": change.before,
                    "reason": "",
                    "count": change.counts.get(name, 0),
                    "at": time.time(),
                }
                if self._wanted(event):
                    yield event

    def _write(self, event: Event, suffix: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / (event["id"] + suffix)
        if suffix == FORESEEN and path.with_suffix(QUEUED).exists():
            # The same run has become the same before, and no hook was told of it yet.
            os.replace(path.with_suffix(QUEUED), self._folder / f"{event['id']}+{_stamp()}.json")
        write_atomically(str(path), json.dumps({**event, "done": [], "tries": 0}))


def _news(change: Change) -> Iterator[str]:
    """What there is to be told of a change: of one that was missed, its start too."""
    if change.before is None:
        return  # a run that was not here comes with its past
    has_waited = change.before in (EXPECTED, "pending", "staged")
    is_begun = change.after == "running" or (has_waited and change.after in FINAL)
    if is_begun and (has_waited or change.before in FINAL):
        yield STARTED
    yield from change.counts
    if change.before != change.after:
        yield change.after


def _stamp() -> str:
    return f"{time.time_ns():x}"
