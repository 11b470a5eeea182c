"""Which files of a run are left out of a copy, worked out where the run is."""

from __future__ import annotations

import json
import os
import stat
from typing import List, Sequence, Tuple, Union

from ..contents import inputs
from ..errors import AgentError, refuse_exhaustion
from ..protocol import MOST, SelectionForm, Value
from ..store import atomic, inside, rundir
from .patterns import at_any_depth, is_below, matches

# Notes of a copy, JSON lists; as LOCK* never copied. What a selection left out of it: path
# and size. And links that were not copied as they lead out of the runs: path and target.
LEFT_OUT = "LOCK.left-out"
LINKS = "LOCK.links"
INPUTS = "LOCK.inputs"  # what the run was given: path and size
_MAX_NOTE = 1 << 26

LeftOut = List[Tuple[str, int]]


def left_out(directory: str, selection: SelectionForm, is_over: bool, most: int) -> LeftOut:
    """The paths that the selection leaves out, each with its size in bytes.

    The name of a folder ends with a slash, and stands for all that is in it. `selection` has
    `exclude` and `include` (patterns), `max_size` and `large` (bytes, or null), the latter
    for a run that is not over.
    """
    if not (selection["exclude"] or selection["max_size"] or selection["large"]):
        return []  # nothing is looked at for it
    limits = [selection["max_size"], None if is_over else selection["large"]]
    limit = min((size for size in limits if size is not None), default=None)
    exclude = [at_any_depth(pattern) for pattern in selection["exclude"]]
    include = [at_any_depth(pattern) for pattern in selection["include"]]
    found = []
    folders = [("", False)]
    while folders:
        folder, is_excluded = folders.pop()
        for item in _entries(os.path.join(directory, folder)):
            path = folder + item.name
            if path == ".guild":
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except OSError:  # it went while we looked
                continue
            excluded = is_excluded or any(matches(path, wanted) for wanted in exclude)
            if stat.S_ISDIR(status.st_mode):
                if excluded and not include:
                    found.append((path + "/", inside.bytes_of(item.path)))
                else:
                    folders.append((path + "/", excluded))
            else:
                too_large = limit is not None and stat.S_ISREG(status.st_mode)
                too_large = too_large and status.st_size > (limit or 0)
                unwanted = excluded or too_large
                if unwanted and not any(is_below(path, wanted) for wanted in include):
                    found.append((path, status.st_size))
            if len(found) > most:
                raise AgentError(
                    "there are more than %d files to leave out" % MOST,
                    "Leave out the folders that they are in.",
                )
    return sorted(found)


def inputs_left_out(directory: str, selection: SelectionForm, most: int) -> LeftOut:
    """What the run was given, and a copy is made without; as `left_out`."""
    if selection["inputs"]:
        return []
    include = [at_any_depth(pattern) for pattern in selection["include"]]
    return inputs.left_out(directory, most, lambda p: any(is_below(p, w) for w in include))


def _entries(folder: str) -> List["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError as e:
        refuse_exhaustion(e)
        return []


def write_note(directory: str, name: str, what: Sequence[Tuple[str, Union[int, str]]]) -> None:
    """Write down in a copy what was left out of it; nothing where nothing was."""
    if what:
        atomic.write_in(rundir.guild_dir(directory), name, json.dumps(what), flushed=False)
    else:
        rundir.unmark(directory, name)


def left_out_of(directory: str) -> LeftOut:
    """What a selection left out of a copy; nothing where that is not known."""
    return _sizes(directory, LEFT_OUT)


def inputs_of(directory: str) -> LeftOut:
    """What a copy is without of what its run was given."""
    told = _sizes(directory, INPUTS)
    return [(p, size) for p, size in told if not os.path.lexists(os.path.join(directory, p))]


def _sizes(directory: str, name: str) -> LeftOut:
    return [(str(path), size) for path, size in _note(directory, name) if type(size) is int]


def links_of(directory: str) -> List[Tuple[str, str]]:
    """The links out of the runs that a copy is without, and where they lead."""
    return [(str(path), str(target)) for path, target in _note(directory, LINKS)]


def _note(directory: str, name: str) -> List[List[Value]]:
    found = inside.read_json(rundir.guild_dir(directory), name, _MAX_NOTE)
    pairs = found if isinstance(found, list) else []
    return [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2]
