"""Which files of a run are left out of a copy, worked out where the run is."""

from __future__ import annotations

import json
import os
import stat
from fnmatch import fnmatchcase
from typing import List, Sequence, Tuple, Union

from ..errors import AgentError
from ..protocol import MOST, SelectionForm, Value
from ..store import atomic, rundir

# Notes of a copy, JSON lists; as LOCK* never copied. What a selection left out of it: path
# and size. And links that were not copied as they lead out of the runs: path and target.
LEFT_OUT = "LOCK.left-out"
LINKS = "LOCK.links"
_MAX_NOTE = 1 << 26

LeftOut = List[Tuple[str, int]]


def left_out(directory: str, selection: SelectionForm, is_over: bool, most: int) -> LeftOut:
    """The paths that the selection leaves out, each with its size in bytes.

    The name of a folder ends with a slash, and stands for all that is in it. `selection` has
    `exclude` and `include` (patterns), `max_size` and `large` (bytes, or null), the latter
    for a run that is not over.
    """
    limits = [selection["max_size"], None if is_over else selection["large"]]
    limit = min((size for size in limits if size is not None), default=None)
    exclude = [_segments(pattern) for pattern in selection["exclude"]]
    include = [_segments(pattern) for pattern in selection["include"]]
    found = []
    folders = [("", False)]
    while folders:
        folder, is_excluded = folders.pop()
        for item in _entries(os.path.join(directory, folder)):
            path = folder + item.name
            if path == ".guild":
                continue
            parts = path.split("/")
            status = item.stat(follow_symlinks=False)
            excluded = is_excluded or _matches(parts, exclude)
            if stat.S_ISDIR(status.st_mode):
                if excluded and not include:
                    found.append((path + "/", _size_of(item.path)))
                else:
                    folders.append((path + "/", excluded))
            else:
                too_large = limit is not None and stat.S_ISREG(status.st_mode)
                too_large = too_large and status.st_size > (limit or 0)
                if (excluded or too_large) and not _is_below(parts, include):
                    found.append((path, status.st_size))
            if len(found) > most:
                raise AgentError(
                    "there are more than %d files to leave out" % MOST,
                    "Leave out the folders that they are in.",
                )
    return sorted(found)


def _entries(folder: str) -> List["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError:
        return []


def _size_of(folder: str) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_size
            except OSError:
                pass
    return total


def _segments(pattern: object) -> Sequence[str]:
    if not isinstance(pattern, str):
        raise AgentError("%s is not a pattern" % rundir.shown(pattern))
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    # As rsync and git have it: without a slash it is for a name, wherever that is.
    return parts if "/" in pattern.rstrip("/") else ["**", *parts]


def _matches(parts: Sequence[str], patterns: Sequence[Sequence[str]]) -> bool:
    return any(_match(parts, pattern) for pattern in patterns)


def _is_below(parts: Sequence[str], patterns: Sequence[Sequence[str]]) -> bool:
    """Whether the path, or a folder that it is in, matches one of the patterns."""
    return any(_matches(parts[:end], patterns) for end in range(1, len(parts) + 1))


def _match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_match(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _match(parts[1:], pattern[1:])


def write_note(directory: str, name: str, what: Sequence[Tuple[str, Union[int, str]]]) -> None:
    """Write down in a copy what was left out of it; nothing where nothing was."""
    path = os.path.join(rundir.guild_dir(directory), name)
    if what:
        atomic.write_atomically(path, json.dumps(what))
    else:
        rundir.unmark(directory, name)


def left_out_of(directory: str) -> LeftOut:
    """What a selection left out of a copy; nothing where that is not known."""
    return [(str(path), size) for path, size in _note(directory, LEFT_OUT) if type(size) is int]


def links_of(directory: str) -> List[Tuple[str, str]]:
    """The links out of the runs that a copy is without, and where they lead."""
    return [(str(path), str(target)) for path, target in _note(directory, LINKS)]


def _note(directory: str, name: str) -> List[List[Value]]:
    path = os.path.join(rundir.guild_dir(directory), name)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            found = json.loads(f.read(_MAX_NOTE))
    except (OSError, ValueError, RecursionError):
        return []
    pairs = found if isinstance(found, list) else []
    return [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2]
