"""The files of a run: which there are, and which are meant."""

from __future__ import annotations

import os
from typing import Callable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..catalog import find
from ..errors import AgentError, refuse_exhaustion
from ..protocol import CACHE, Files, Filters, Link, ListedFile
from ..store import rundir
from ..store.manifest import KINDS, SOURCE_FOLDER, paths_of_kinds
from .left_out import inputs_of, left_out_of, links_of
from .patterns import from_the_top, is_below

GENERATED = "generated"


class FileEntry(NamedTuple):
    """A file or folder of a run; the name of a folder ends with a slash."""

    path: str
    size: int

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


def list_files(
    home: str,
    run: str,
    filters: Optional[Filters] = None,
    pattern: Optional[str] = None,
    kind: Optional[str] = None,
    everything: bool = False,
    follow: bool = False,
) -> Files:
    """The run's id, its directory, and `files`, of each its path and size, in order.

    `pattern`: those that match it, and what is below a folder that does. `kind`: source
    code, dependencies, or what the operation generated. `everything`: .guild, too.
    `follow`: what is below links to folders, unless they lead out of the runs. `left_out`:
    likewise, what the copy of a remote's run was made without, `links`: those out of the
    runs, which no copy has, `unreadable`: what the remote may not read, and `inputs`: what the
    run was given there.
    """
    run_id = find.one(home, run, filters)
    directory = rundir.run_dir(home, run_id)
    found = entries_of(home, run_id, pattern, kind, everything, follow)
    listed: List[ListedFile] = [{"path": entry.path, "size": entry.size} for entry in found]
    wanted = from_the_top(pattern)
    left_out: List[ListedFile] = [
        {"path": path, "size": size}
        for path, size in left_out_of(directory)
        if kind is None and is_below(path.rstrip("/"), wanted)
    ]
    inputs: List[ListedFile] = [
        {"path": path, "size": size}
        for path, size in inputs_of(directory)
        if kind in (None, "dependencies") and is_below(path.rstrip("/"), wanted)
    ]
    links: List[Link] = [
        {"path": path, "target": target}
        for path, target in links_of(directory)
        if kind is None and is_below(path, wanted)
    ]
    return {
        "id": run_id,
        "run_dir": directory,
        "files": listed,
        "left_out": left_out,
        "links": links,
        "inputs": inputs,
        "unreadable": [
            path
            for path in rundir.unreadable(directory)
            if kind is None and is_below(path.rstrip("/"), wanted)
        ],
    }


def entries_of(
    home: str,
    run_id: str,
    pattern: Optional[str],
    kind: Optional[str],
    everything: bool,
    follow: bool,
) -> Iterator[FileEntry]:
    directory = rundir.run_dir(home, run_id)
    wanted = from_the_top(pattern)
    hidden = everything or kind in KINDS or wanted[:1] == [".guild"]
    of_kind = _kind_test(directory, kind)
    for entry in _walk(os.path.realpath(rundir.runs_dir(home)), directory, hidden, follow):
        path = entry.path.rstrip("/")
        if of_kind(entry) and is_below(_shown_path(path, kind), wanted):
            yield entry


def _shown_path(path: str, kind: Optional[str]) -> str:
    inside = kind == "sourcecode" and path.startswith(SOURCE_FOLDER)
    return path[len(SOURCE_FOLDER) :] if inside else path


def _kind_test(directory: str, kind: Optional[str]) -> Callable[[FileEntry], bool]:
    if kind is None:
        return lambda entry: True
    if kind == GENERATED:
        given = paths_of_kinds(directory, *KINDS.values())
        return lambda entry: (
            not (entry.is_folder or CACHE in entry.path.split("/") or _is_in(entry.path, given))
        )
    if kind not in KINDS:
        raise AgentError("there are no files of the kind %s" % rundir.shown(kind))
    named = paths_of_kinds(directory, KINDS[kind])
    return lambda entry: _is_in(entry.path.rstrip("/"), named)


def _is_in(path: str, named: Set[str]) -> bool:
    """Whether the path, or a folder that it is in, is one of those."""
    while path:
        if path in named:
            return True
        path = path.rpartition("/")[0]
    return False


def _walk(top: str, directory: str, hidden: bool, follow: bool) -> Iterator[FileEntry]:
    """Everything in `directory`, folders before what is in them, by name."""
    followed = {os.path.realpath(directory)}  # each link's target once: links may go round
    stack = _entries(directory, "")
    while stack:
        path, item = stack.pop()
        if path == ".guild" and not hidden:
            continue
        try:
            is_folder = item.is_dir()
            size = item.stat(follow_symlinks=False).st_size
        except OSError:
            is_folder, size = False, 0  # it went while we looked, or its link goes round
        yield FileEntry(path + "/" if is_folder else path, size)
        if not is_folder:
            continue
        if item.is_symlink():
            real = os.path.realpath(item.path)
            if not follow or real in followed or not real.startswith(top + os.sep):
                continue
            followed.add(real)
        stack += _entries(item.path, path + "/")


def _entries(folder: str, prefix: str) -> List[Tuple[str, "os.DirEntry[str]"]]:
    """What is in a folder, the last by name first; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as found:
            items = sorted(found, key=lambda item: item.name, reverse=True)
    except OSError as e:
        refuse_exhaustion(e)
        return []
    return [(prefix + item.name, item) for item in items]
