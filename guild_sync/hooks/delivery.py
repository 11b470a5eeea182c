"""Hooks and notifications are told of changes: events are kept on disk until they have been.

Each event is a file in the guild home's folder `hooks`. It is written before its change is
made here (`ID.expected`), and becomes `ID.json` once it was. What a kill leaves as expected
is looked up in the run itself. The file goes when each hook that wants it has ended with 0, and
each notification has been sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guild_sync.agent.protocol import FINAL, Run, ScalarForm, State
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.faults import refusal
from guild_sync.config.home import config_path
from guild_sync.errors import Busy, Exit, GuildError
from guild_sync.hooks.configured import all_faults, listeners
from guild_sync.hooks.events import EVENTS, OF_ATTEMPTS, OF_REMOTES, RETRIED, STARTED, Event
from guild_sync.hooks.journal import FOLDER, FORESEEN, QUEUED, names
from guild_sync.hooks.listener import MOST_SCALARS, Listener, News
from guild_sync.hosts.local import LocalHost

Warn = Callable[[GuildError], None]


def deliver(here: LocalHost, warn: Warn) -> Exit:
    """Tell hooks and notifications of the events that wait for them; ERROR where one failed.

    Only one process does so at a time. One that fails is told of nothing more until the
    next time, so that it costs its time limit once.
    """
    folder = Path(here.home, FOLDER)
    if not names(folder):
        return Exit.OK
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    delivery: _Delivery | None = None
    # Once more after the lock was given back: who has come by meanwhile relies on us.
    while delivery is None or delivery.has_news():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            break  # who holds it delivers these too
        try:
            delivery = delivery or _Delivery(here, folder, warn)
            delivery.all()
        finally:
            lock.release()
    return Exit.ERROR if delivery and delivery.has_failed else Exit.OK


class _Delivery:
    def __init__(self, here: LocalHost, folder: Path, warn: Warn) -> None:
        self._here = here
        self._folder = folder
        self._warn = warn
        self._listeners, self._faults = listeners()
        self._failed: set[str] = set()  # keys of listeners
        self._complaints: set[str] = set()
        self._seen: set[str] = set()

    @property
    def has_failed(self) -> bool:
        return bool(self._failed or self._faults)

    def has_news(self) -> bool:
        """Whether there are events that it has not looked at."""
        return bool(self._new())

    def all(self) -> None:
        """Tell of all events, each once, and of those that come meanwhile."""
        while new := self._new():
            self._seen.update(new)
            for path in sorted((self._folder / name for name in new), key=_age):
                self._settle(path) if path.suffix == FORESEEN else self._tell(path)
        if self._faults:
            self._complain(refusal(config_path(), all_faults()))

    def _complain(self, complaint: GuildError) -> None:
        """Warn of it, once."""
        if complaint.message not in self._complaints:
            self._complaints.add(complaint.message)
            self._warn(complaint)

    def _new(self) -> list[str]:
        return [name for name in names(self._folder) if name not in self._seen]

    def _settle(self, path: Path) -> None:
        """Look up in its run whether a change was made whose guild was killed."""
        from guild_sync.hosts.locking import remote_lock

        event = _event(path)
        if event is None:
            path.unlink(missing_ok=True)
            return
        try:
            with remote_lock(event["remote"], wait=False):
                state = self._here.states(ids=[event["run"]])[event["run"]]
                if _was_made(event, state):
                    path.rename(path.with_suffix(QUEUED))
                else:
                    path.unlink(missing_ok=True)
        except (Busy, FileNotFoundError):
            pass  # it is being made

    def _tell(self, path: Path) -> None:
        event = _event(path)
        if event is None:
            path.unlink(missing_ok=True)
            return
        wanted = [listener for listener in self._listeners if listener.wants(event)]
        done = [str(key) for key in event["done"]]
        for listener in wanted:
            if listener.key in done or listener.key in self._failed:
                continue
            if self._is_told(listener, event):
                done.append(listener.key)
                # Before the next one, which may take its time: a kill has it told again.
                write_atomically(str(path), json.dumps({**event, "done": done}))
        # One that has a fault may want it: once that is mended, it is told.
        if not self._faults and all(listener.key in done for listener in wanted):
            path.unlink(missing_ok=True)
        else:
            event = {**event, "done": done, "tries": event["tries"] + 1}
            write_atomically(str(path), json.dumps(event))

    def _is_told(self, listener: Listener, event: Event) -> bool:
        try:
            run = self._run_of(event)
            answer = listener.tell(News(event, run, scalars=self._scalars_of(run)))
        except GuildError as e:
            complaint = e
        else:
            if answer.ok:
                return True
            about = event["run"] or event["remote"]
            complaint = GuildError(
                f"the {listener.name} failed for {about}, {event['event']}: {answer.said}",
                "It is tried again at the next sync, until it succeeds.",
            )
        self._failed.add(listener.key)
        self._complain(complaint)
        return False

    def _run_of(self, event: Event) -> Run | None:
        if event["run"] is None:
            return None
        try:
            return self._here.list_runs([event["run"]])["runs"][0]
        except (GuildError, IndexError):
            return None  # it was removed since

    def _scalars_of(self, run: Run | None) -> Mapping[str, ScalarForm]:
        if run is None:
            return {}
        found = self._here.scalars_of([run["id"]])[run["id"]]
        return {name: found[name] for name in sorted(found)[:MOST_SCALARS]}


def waiting(home: str, listener: Listener) -> tuple[int, int]:
    """How many events wait to be told to it, and how often the first of them was tried."""
    folder = Path(home, FOLDER)
    paths = sorted((folder / name for name in names(folder)), key=_age)
    events = [event for path in paths if path.suffix == QUEUED and (event := _event(path))]
    for_it = [e for e in events if listener.wants(e) and listener.key not in e["done"]]
    return len(for_it), for_it[0]["tries"] if for_it else 0


def _was_made(event: Event, state: State) -> bool:
    """Whether what an event tells of has come to be in its run."""
    if event["event"] == STARTED:
        return state["status"] in ("running", *FINAL)
    if event["event"] in OF_ATTEMPTS:
        count = event.get("count")
        known = state["retries"] if event["event"] == RETRIED else state["stalls"]
        return isinstance(count, int) and known >= count
    is_settled = state["remote"] is None or event["event"] == "lost"
    return state["status"] == event["event"] and is_settled


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _event(path: Path) -> dict[str, Any] | None:
    """The event in a file, None where there is none that we could have written."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("event") not in EVENTS:
        return None
    is_whole = (
        isinstance(found.get("remote"), str)
        and (isinstance(found.get("run"), str) or found["event"] in OF_REMOTES)
        and isinstance(found.get("done"), list)
        and isinstance(found.get("tries"), int)
        and {"before", "reason", "at", "run"} <= found.keys()
    )
    return found if is_whole else None
