"""Hooks are told of changes: events are kept on disk until they have been.

Each event is a file in the guild home's folder `hooks`. It is written before its change is
made here (`ID.expected`), and becomes `ID.json` once it was. What a kill leaves as expected
is looked up in the run itself. The file goes when each hook that wants it has ended with 0.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guild_sync.agent.protocol import FINAL, Run, State
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.faults import refusal
from guild_sync.config.home import config_path
from guild_sync.errors import Busy, Exit, GuildError
from guild_sync.hooks.events import EVENTS, OF_REMOTES, STARTED, Event
from guild_sync.hooks.hook import Hook, all_faults, usable
from guild_sync.hooks.journal import FOLDER, FORESEEN, QUEUED, names
from guild_sync.hosts.local import LocalHost

_LONGEST_VALUE = 1 << 15  # characters of a variable; the kernel takes 128 KiB
_SHOWN = 60  # characters of a command in a message

Warn = Callable[[GuildError], None]


def deliver(here: LocalHost, warn: Warn) -> Exit:
    """Tell hooks of the events that wait for them; ERROR where one of them failed.

    Only one process does so at a time. A hook that fails is told of nothing more until the
    next time, so that it costs its time limit once.
    """
    folder = Path(here.home, FOLDER)
    if not names(folder):
        return Exit.OK
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return Exit.OK  # who holds it delivers these too
    try:
        return _Delivery(here, folder, warn).all()
    finally:
        lock.release()


class _Delivery:
    def __init__(self, here: LocalHost, folder: Path, warn: Warn) -> None:
        self._here = here
        self._folder = folder
        self._warn = warn
        self._hooks, self._faults = usable()
        self._failed: set[str] = set()  # keys of hooks
        self._seen: set[str] = set()

    def all(self) -> Exit:
        while new := [name for name in names(self._folder) if name not in self._seen]:
            self._seen.update(new)
            for path in sorted((self._folder / name for name in new), key=_age):
                self._settle(path) if path.suffix == FORESEEN else self._tell(path)
        if self._faults:
            self._warn(refusal(config_path(), all_faults()))
        return Exit.ERROR if self._failed or self._faults else Exit.OK

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
        wanted = [hook for hook in self._hooks if hook.wants(event)]
        done = [str(key) for key in event["done"]]
        for hook in wanted:
            if hook.key in done or hook.key in self._failed:
                continue
            if self._run(hook, event):
                done.append(hook.key)
        # A hook that has a fault may want it: once that is mended, it is told.
        if not self._faults and all(hook.key in done for hook in wanted):
            path.unlink(missing_ok=True)
        else:
            event = {**event, "done": done, "tries": event["tries"] + 1}
            write_atomically(str(path), json.dumps(event))

    def _run(self, hook: Hook, event: Event) -> bool:
        from guild_sync.transport import process

        run = self._run_of(event)
        told = {key: event[key] for key in ("event", "remote", "before", "at", "reason")}
        stdin = json.dumps({**told, "run": run}).encode()
        env = {**os.environ, **_variables(event, run)}
        try:
            done = process.run(hook.argv, stdin=stdin, timeout=hook.timeout, env=env)
        except GuildError as e:
            why = e.message
        else:
            if done.code == 0:
                return True
            why = f"exit status {done.code}"
            if done.timed_out:
                why = f"it took longer than {hook.timeout} s"
            elif said := (done.stderr.strip() or done.stdout.decode("utf-8", "replace").strip()):
                why += f": {said.splitlines()[-1]}"
        self._failed.add(hook.key)
        about = event["run"] or event["remote"]
        command = hook.command if isinstance(hook.command, str) else " ".join(hook.command)
        shown = " ".join(command.split())[:_SHOWN]
        self._warn(
            GuildError(
                f"the hook {shown!r} failed for {about}, {event['event']}: {why}",
                "It is tried again at the next sync, until it ends with 0.",
            )
        )
        return False

    def _run_of(self, event: Event) -> Run | None:
        if event["run"] is None:
            return None
        try:
            return self._here.list_runs([event["run"]])["runs"][0]
        except (GuildError, IndexError):
            return None  # it was removed since


def _was_made(event: Event, state: State) -> bool:
    """Whether what an event tells of has come to be in its run."""
    if event["event"] == STARTED:
        return state["status"] in ("running", *FINAL)
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


def _variables(event: Event, run: Run | None) -> dict[str, str]:
    from guild_sync.output.runs import operation

    values = {
        "EVENT": event["event"],
        "REMOTE": event["remote"],
        "REASON": event["reason"],
        "PREVIOUS_STATUS": event["before"],
        "RUN": event["run"],
        "RUN_DIR": run and run["run_dir"],
        "STATUS": run and run["status"],
        "OPERATION": operation(run) if run else None,
        "LABEL": run and run["label"],
        "EXIT_STATUS": run and run["exit_status"],
        "STARTED": run and run["started"],
        "STOPPED": run and run["stopped"],
    }
    return {f"GUILD_{name}": _value(value) for name, value in values.items()}


def _value(value: object) -> str:
    """A value as a variable of the environment can have it."""
    text = "" if value is None else str(value).replace("\0", "")
    return text[:_LONGEST_VALUE].encode("utf-8", "replace").decode()
