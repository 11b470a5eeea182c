"""Event files of runs here that were not read yet: read, and noted by the agent."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TypeVar

from guild_sync.agent import calls
from guild_sync.agent.calls import Function, Functions
from guild_sync.agent.protocol import NotedFile, Points, RunId

T = TypeVar("T")
_MOST_TIME = 10.0  # seconds in which files are read, for one request
_MOST_READ = 1 << 26  # bytes of a folder's files: what is behind them is left out
_LATEST = 200  # runs that a filter by scalars looks at for new event files

# What ends the names of event files that guild itself has written: what they have is known.
OWN = ".guild-sync"
_EVENTS = re.compile(rf"events\.out\.tfevents\.(?!.*{re.escape(OWN)}\Z)")


def note_for(home: str, function: Function[T], args: Mapping[str, object]) -> None:
    """Have the agent know the event files of the runs here that a request is about.

    Of one that filters by scalars, those of the latest runs, which may be new; of others they are
    known since their scalars were asked for. Nothing where tensorboard is not there.
    """
    if args.get("deleted") or find_spec("tensorboard") is None:
        return
    if calls.has_expression(args):
        latest: list[str] = calls.call(home, Functions.select, {"specs": [], "most": _LATEST})
        note(home, latest[:_LATEST])
    if calls.tells_scalars(function, args):
        note(home, _meant(home, args))


def _meant(home: str, args: Mapping[str, object]) -> list[str] | None:
    """The runs that a request is about; None for all."""
    ids = args.get("ids")
    if isinstance(ids, list):
        return [str(run_id) for run_id in ids]
    named = {name: args[name] for name in ("specs", "filters", "whole") if name in args}
    if "spec" in args:
        named["specs"] = [args["spec"]]
    is_ranked = any(args.get(name) for name in ("sort", "lowest", "highest"))
    if is_ranked and not (named.get("specs") or named.get("filters")):
        return None  # all, without a look at which are meant
    found: list[str] = calls.call(home, Functions.select, named)
    limit = args.get("limit")
    return found[:limit] if isinstance(limit, int) and not is_ranked else found


def note(home: str, ids: Sequence[RunId] | None) -> None:
    """Read the event files of these runs, or of all, that were not read as they are now.

    As many as there is time for: the others are read when they are asked for again.
    """
    until = time.monotonic() + _MOST_TIME
    asked: dict[str, object] = {} if ids is None else {"ids": [*ids]}
    unnoted = calls.call(home, Functions.unnoted_scalars, asked)
    for run_id, stamps in unnoted.items():
        by_folder: dict[str, list[str]] = {}
        for path in sorted(stamps):
            by_folder.setdefault(os.path.dirname(path), []).append(path)
        files: dict[str, NotedFile] = {}
        for folder, paths in by_folder.items():
            if time.monotonic() > until:
                break
            # What several files of a folder have is one series, as of a run that went on: it is
            # noted with the last of them, and nothing with the others.
            found, is_partial = _read(os.path.join(home, "runs", run_id), folder)
            for path in paths:
                points = found if path == paths[-1] else {}
                files[path] = {"stamp": stamps[path], "found": points, "partial": is_partial}
        if files:
            calls.call(home, Functions.note_scalars, {"run": run_id, "files": files})


def _read(directory: str, folder: str) -> tuple[dict[str, Points], bool]:
    """The scalars of a folder's event files, in the order of the times in their names.

    Their names are those that Guild AI gives them: `FOLDER#TAG` where they are in a folder. Behind
    them, whether there is more than was read.
    """
    from guild_sync.eventfiles import reading

    prefix = f"{folder}#" if folder not in ("", ".guild") else ""
    found: dict[str, Points] = {}
    place = os.path.join(directory, folder)
    left, is_partial = _MOST_READ, False
    for name in sorted(filter(is_event_file, _names(place))):
        try:
            size = os.lstat(os.path.join(place, name)).st_size
            tags = reading.scalars_of(os.path.join(place, name), left)
        except OSError:  # it went, or may not be read
            continue
        is_partial = is_partial or size > left
        left = max(left - size, 0)
        for tag, points in tags.items():
            before = found.setdefault(prefix + tag, {"time": [], "step": [], "value": []})
            before["time"] += points["time"]
            before["step"] += points["step"]
            before["value"] += points["value"]
    return found, is_partial


def is_event_file(name: str) -> bool:
    """Whether a file's name is that of an event file which guild has not written itself."""
    return _EVENTS.match(name) is not None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
