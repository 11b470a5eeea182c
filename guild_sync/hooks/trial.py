"""Made-up events, by which hooks, notifications and the heartbeat are tried."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from guild_sync.agent.protocol import Run
from guild_sync.errors import GuildError
from guild_sync.hooks.events import OF_ATTEMPTS, OF_REMOTES, RETRIED, STARTED, Event
from guild_sync.hooks.heartbeat import START, SUCCESS, Heartbeat
from guild_sync.hooks.listener import Listener, News, Reply

_RUN = "0" * 32
_REMOTE = "test"
_REASON = "guild hooks test"
_EXIT_STATUS = {"completed": 0, "error": 1, "terminated": -15}
Trial = tuple[Listener, str, Reply]


def told(home: str, listeners: Sequence[Listener], event: str | None) -> Iterator[Trial]:
    """Tell each of what it wants to be told of: of `event`, else of the first of its events."""
    for listener in listeners:
        name = event or listener.on[0]
        remote = listener.remotes[0] if listener.remotes else _REMOTE
        news = made_up(home, name, remote)
        if listener.wants(news.event):
            yield listener, name, _answer(listener, news)


def _answer(listener: Listener, news: News) -> Reply:
    try:
        return listener.tell(news)
    except GuildError as e:
        return Reply(False, f"{e.message}: {e.hint}")


def called(beat: Heartbeat) -> Reply:
    """Call the heartbeat as a sync does that goes well."""
    started = beat.call(START)
    return beat.call(SUCCESS) if started.ok else started


def made_up(home: str, name: str, remote: str) -> News:
    """News of an event that never happened; no run has the id of its run."""
    of_remote = name in OF_REMOTES
    event: Event = {
        "event": name,
        "remote": remote,
        "run": None if of_remote else _RUN,
        "before": None if of_remote else "running",
        "reason": _REASON,
        "at": time.time(),
    }
    return News(event, None if of_remote else _run(home, name), is_test=True)


def _run(home: str, name: str) -> Run:
    now = time.time_ns() // 1000
    is_running = name in (STARTED, *OF_ATTEMPTS)
    return {
        "id": _RUN,
        "run_dir": str(Path(home, "runs", _RUN)),
        "opref": {"type": "test", "package": "", "version": "", "model": "", "name": "test"},
        "status": "running" if is_running else name,
        "indexed": True,
        "remote": None,
        "machine": None,
        "started_by": None,
        "attempt": 2 if name == RETRIED else 1,
        "ended_by": None,
        "waits": None,
        "job": None,
        "deal": None,
        "unreadable": [],
        "exit_status": _EXIT_STATUS.get(name),
        "initialized": now,
        "started": now,
        "stopped": None if is_running else now,
        "label": "test",
        "flags": {},
        "tags": [],
        "marked": False,
        "comments": [],
        "cmd": [],
    }
