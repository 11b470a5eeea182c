"""Commands of the user's that are told of changes: kept on disk until they have been.

Each event is a file in the guild home's folder `hooks`. It is written before its change is
made here (`ID.expected`), and becomes `ID.json` once it was. What a kill leaves as expected
is looked up in the run itself. The file goes when each hook that wants it has ended with 0.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guild_sync.agent.locks import write_atomically
from guild_sync.errors import Busy, ConfigError, Exit, GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.outcomes import UNREACHABLE, Change

EVENTS = ("completed", "error", "terminated", "lost", UNREACHABLE)
DEFAULT_TIMEOUT = 60  # seconds

_FOLDER = "hooks"
_EXPECTED, _QUEUED = ".expected", ".json"
_LONGEST_VALUE = 1 << 15  # characters of a variable; the kernel takes 128 KiB
_SHOWN = 60  # characters of a command in a message

Warn = Callable[[GuildError], None]
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Hook:
    """A command, and the events that it is told of."""

    on: tuple[str, ...]
    command: str | tuple[str, ...]  # text is for sh
    timeout: int = DEFAULT_TIMEOUT
    remotes: tuple[str, ...] = ()  # none: of any

    @property
    def argv(self) -> tuple[str, ...]:
        return ("sh", "-c", self.command) if isinstance(self.command, str) else self.command

    @property
    def key(self) -> str:
        """What tells it from other hooks, and is the same for the same command."""
        return hashlib.sha256(json.dumps(self.command).encode()).hexdigest()[:16]

    def wants(self, event: Event) -> bool:
        return event["event"] in self.on and (not self.remotes or event["remote"] in self.remotes)


def hooks() -> tuple[Hook, ...]:
    """The hooks in the config file. Raises ConfigError, with every fault in its message."""
    from guild_sync.config import file

    path = file.config_path()
    data = file.load(path)
    given = data.get("hooks") if isinstance(data, dict) else None
    if given is None:
        return ()
    faults: list[str] = []
    if not isinstance(given, list):
        faults.append("hooks: must be a list")
        given = []
    found = [_hook(value, f"hooks: {number}", faults) for number, value in enumerate(given, 1)]
    file.refuse(path, faults)
    return tuple(hook for hook in found if hook)


def _hook(given: object, place: str, faults: list[str]) -> Hook | None:
    from schema import Or, Schema

    from guild_sync.config.schema import WHOLE_SECONDS, fits

    keys = {
        "on": Schema(_are_events, error=f"must be a list of {', '.join(EVENTS)}"),
        "command": Schema(
            Or(_is_text, _are_texts),
            error="must be a command for sh, or a list of words",
        ),
        "timeout": WHOLE_SECONDS,
        "remotes": Schema(_are_texts, error="must be a list of names"),
    }
    if not isinstance(given, dict):
        faults.append(f"{place}: must be a mapping")
        return None
    # YAML 1.1 reads the bare word `on` as true.
    values = {"on" if key is True else key: value for key, value in given.items()}
    before = len(faults)
    for key, value in values.items():
        fits(key, value, keys, place, "a hook", faults)
    faults += [f"{place}: {key}: is missing" for key in ("on", "command") if key not in values]
    if len(faults) > before:
        return None
    command = values["command"]
    return Hook(
        tuple(values["on"]),
        command if isinstance(command, str) else tuple(command),
        values.get("timeout", DEFAULT_TIMEOUT),
        tuple(values.get("remotes", ())),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_events(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(event in EVENTS for event in value)


class Queue:
    """The journal of changes that hooks are to be told of (outcomes.Journal)."""

    def __init__(self, here: LocalHost) -> None:
        self._here = here
        self._folder = Path(here.home, _FOLDER)
        self._hooks: tuple[Hook, ...] | None = None

    def expect(self, changes: Sequence[Change]) -> None:
        for event in self._events(changes):
            self._write(event, _EXPECTED)

    def happened(self, expected: Sequence[Change], changes: Sequence[Change]) -> None:
        for event in self._events(expected):
            path = self._folder / (event["id"] + _EXPECTED)
            with suppress(FileNotFoundError):
                if any(change.run == event["run"] for change in changes):
                    path.rename(path.with_suffix(_QUEUED))
                else:
                    path.unlink()

    def is_down(self, remote: str, reason: str, since: float) -> None:
        event = {
            "event": UNREACHABLE,
            "remote": remote,
            "run": None,
            "before": None,
            "reason": reason,
        }
        if self._wanted(event):
            digest = hashlib.sha256(f"{remote}\0{since}".encode("utf-8", "replace")).hexdigest()
            self._write({**event, "id": f"{UNREACHABLE}-{digest[:32]}", "at": since}, _QUEUED)

    def _wanted(self, event: Event) -> bool:
        if event["event"] not in EVENTS:
            return False
        if self._hooks is None:  # not before something has changed: the config file is read
            try:
                self._hooks = hooks()
            except ConfigError:
                return True  # it must not keep runs from being settled; `deliver` raises it
        return any(hook.wants(event) for hook in self._hooks)

    def _events(self, changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
        for change in changes:
            event = {
                "id": f"{change.after}-{change.run}",
                "event": change.after,
                "remote": change.remote,
                "run": change.run,
                "before": change.before,
                "reason": "",
                "at": time.time(),
            }
            # A run that was not here comes with its past, which is no news.
            if change.before is not None and self._wanted(event):
                yield event

    def _write(self, event: Event, suffix: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / (event["id"] + suffix)
        if suffix == _EXPECTED and path.with_suffix(_QUEUED).exists():
            # The same run has become the same before, and no hook was told of it yet.
            os.replace(path.with_suffix(_QUEUED), self._folder / f"{event['id']}+{_stamp()}.json")
        write_atomically(str(path), json.dumps({**event, "done": [], "tries": 0}))


def _stamp() -> str:
    return f"{time.time_ns():x}"


def deliver(here: LocalHost, warn: Warn) -> Exit:
    """Tell hooks of the events that wait for them; ERROR where one of them failed.

    Only one process does so at a time. A hook that fails is told of nothing more until the
    next time, so that it costs its time limit once.
    """
    folder = Path(here.home, _FOLDER)
    if not _names(folder):
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


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith((_EXPECTED, _QUEUED))]
    except OSError:
        return []


class _Delivery:
    def __init__(self, here: LocalHost, folder: Path, warn: Warn) -> None:
        self._here = here
        self._folder = folder
        self._warn = warn
        self._hooks = hooks()
        self._failed: set[str] = set()  # keys of hooks
        self._seen: set[str] = set()

    def all(self) -> Exit:
        while new := [name for name in _names(self._folder) if name not in self._seen]:
            self._seen.update(new)
            for path in sorted((self._folder / name for name in new), key=_age):
                self._settle(path) if path.suffix == _EXPECTED else self._tell(path)
        return Exit.ERROR if self._failed else Exit.OK

    def _settle(self, path: Path) -> None:
        """Look up in its run whether a change was made whose guild was killed."""
        from guild_sync.hosts.locking import remote_lock

        event = _event(path)
        if event is None:
            path.unlink(missing_ok=True)
            return
        try:
            with remote_lock(event["remote"], wait=False):
                state = self._here.call("states", ids=[event["run"]])[event["run"]]
                is_settled = state["remote"] is None or event["event"] == "lost"
                if state["status"] == event["event"] and is_settled:
                    path.rename(path.with_suffix(_QUEUED))
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
        if all(hook.key in done for hook in wanted):
            path.unlink(missing_ok=True)
        else:
            event = {**event, "done": done, "tries": event["tries"] + 1}
            write_atomically(str(path), json.dumps(event))

    def _run(self, hook: Hook, event: Event) -> bool:
        from guild_sync.transport import process

        run = self._run_of(event)
        told = {key: event[key] for key in ("event", "remote", "before", "at", "reason")}
        stdin = json.dumps({**told, "run": run}).encode()
        env = {**os.environ, **_variables(event, run or {})}
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

    def _run_of(self, event: Event) -> dict[str, Any] | None:
        if event["run"] is None:
            return None
        try:
            found: dict[str, Any] = self._here.call("list", specs=[event["run"]])["runs"][0]
        except (GuildError, IndexError):
            return None  # it was removed since
        return found


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
        and (isinstance(found.get("run"), str) or found["event"] == UNREACHABLE)
        and isinstance(found.get("done"), list)
        and isinstance(found.get("tries"), int)
        and {"before", "reason", "at", "run"} <= found.keys()
    )
    return found if is_whole else None


def _variables(event: Event, run: Mapping[str, Any]) -> dict[str, str]:
    from guild_sync.output.runs import operation

    values = {
        "EVENT": event["event"],
        "REMOTE": event["remote"],
        "REASON": event["reason"],
        "PREVIOUS_STATUS": event["before"],
        "RUN": event["run"],
        "RUN_DIR": run.get("run_dir"),
        "STATUS": run.get("status"),
        "OPERATION": operation(run) if run else None,
        "LABEL": run.get("label"),
        "EXIT_STATUS": run.get("exit_status"),
        "STARTED": run.get("started"),
        "STOPPED": run.get("stopped"),
    }
    return {f"GUILD_{name}": _value(value) for name, value in values.items()}


def _value(value: object) -> str:
    """A value as a variable of the environment can have it."""
    text = "" if value is None else str(value).replace("\0", "")
    return text[:_LONGEST_VALUE].encode("utf-8", "replace").decode()
