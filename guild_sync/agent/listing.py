"""The files of a run: which there are, and all that are meant as one stream."""

from __future__ import annotations

import os
import shlex
import stat
import tarfile
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from . import files, runs, selection
from .errors import AgentError

# What a manifest's lines begin with; they are as Guild AI 0.9 writes them, `s PATH SHA1 SOURCE`,
# quoted as for sh.
KINDS = {"sourcecode": "s", "dependencies": "d"}
GENERATED = "generated"
# Where Guild AI puts source code that is not to lie beside what the operation writes.
SOURCE_FOLDER = ".guild/sourcecode/"
# What a stream of all files leaves out: marks, and packages that were installed for the run.
_NOT_ARCHIVED = (".guild/LOCK*", ".guild/job-packages")
_BLOCK = 512


class Entry(NamedTuple):
    """A file or folder of a run; the name of a folder ends with a slash."""

    path: str
    size: int

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


def list_files(
    home: str,
    run: str,
    filters: Optional[Dict[str, Any]] = None,
    pattern: Optional[str] = None,
    kind: Optional[str] = None,
    everything: bool = False,
    follow: bool = False,
) -> Dict[str, Any]:
    """The run's id, its directory, and `files`, of each its path and size, in order.

    `pattern`: those that match it, and what is below a folder that does. `kind`: source
    code, dependencies, or what the operation generated. `everything`: .guild, too.
    `follow`: what is below links to folders, unless they lead out of the runs. `left_out`:
    likewise, what the copy of a remote's run was made without, and `links`: those out of the
    runs, which no copy has.
    """
    run_id = runs.one(home, run, filters)
    directory = runs.run_dir(home, run_id)
    found = _chosen(home, run_id, pattern, kind, everything, follow)
    listed = [{"path": entry.path, "size": entry.size} for entry in found]
    wanted = _segments(pattern)
    left_out = [
        {"path": path, "size": size}
        for path, size in selection.left_out_of(directory)
        if kind is None and _is_below(path.rstrip("/").split("/"), wanted)
    ]
    links = [
        {"path": path, "target": target}
        for path, target in selection.links_of(directory)
        if kind is None and _is_below(path.split("/"), wanted)
    ]
    return {
        "id": run_id,
        "run_dir": directory,
        "files": listed,
        "left_out": left_out,
        "links": links,
    }


def archive(
    home: str, run: str, pattern: Optional[str] = None, kind: Optional[str] = None
) -> Iterator[bytes]:
    """The chosen files as a tar archive of regular files, with nothing but their contents.

    A link is the file that it leads to. What cannot be read is a line that says why.
    """
    run_id = runs.one(home, run)
    chosen = list(_chosen(home, run_id, pattern, kind, everything=True, follow=False))
    return _tar(home, run_id, [entry.path for entry in chosen if not entry.is_folder])


def source_files(directory: str) -> List[str]:
    """The paths that the run's manifest calls source code, wherever they lead."""
    return sorted(_manifest(directory, KINDS["sourcecode"]))


def given_files(directory: str) -> List[str]:
    """The paths that the run's manifest says it was given: source code and dependencies."""
    return sorted(_manifest(directory, *KINDS.values()))


def source_path(home: str, run_id: str, path: str) -> str:
    """Where the source code file `path` is in the run. AgentError where it is none."""
    source = _manifest(runs.run_dir(home, run_id), "s")
    for candidate in (SOURCE_FOLDER + path, os.path.normpath(path)):
        if candidate in source:
            return candidate
    raise AgentError(
        "%s is not a source code file of run %s" % (runs.shown(path), run_id),
        "Show them with 'guild ls --sourcecode'.",
        "missing-file",
    )


def _chosen(
    home: str,
    run_id: str,
    pattern: Optional[str],
    kind: Optional[str],
    everything: bool,
    follow: bool,
) -> Iterator[Entry]:
    directory = runs.run_dir(home, run_id)
    wanted = _segments(pattern)
    hidden = everything or kind in KINDS or wanted[:1] == [".guild"]
    of_kind = _kind_test(directory, kind)
    for entry in _walk(os.path.realpath(runs.runs_dir(home)), directory, hidden, follow):
        path = entry.path.rstrip("/")
        if of_kind(entry) and _is_below(_shown_path(path, kind).split("/"), wanted):
            yield entry


def _shown_path(path: str, kind: Optional[str]) -> str:
    inside = kind == "sourcecode" and path.startswith(SOURCE_FOLDER)
    return path[len(SOURCE_FOLDER) :] if inside else path


def _kind_test(directory: str, kind: Optional[str]) -> Any:
    if kind is None:
        return lambda entry: True
    if kind == GENERATED:
        given = _manifest(directory, *KINDS.values())
        return lambda entry: not entry.is_folder and not _is_in(entry.path, given)
    if kind not in KINDS:
        raise AgentError("there are no files of the kind %s" % runs.shown(kind))
    named = _manifest(directory, KINDS[kind])
    return lambda entry: _is_in(entry.path.rstrip("/"), named)


def _is_in(path: str, named: Set[str]) -> bool:
    """Whether the path, or a folder that it is in, is one of those."""
    while path:
        if path in named:
            return True
        path = path.rpartition("/")[0]
    return False


def _manifest(directory: str, *types: str) -> Set[str]:
    """The paths in the run's manifest whose lines are of these types."""
    found = set()
    path = os.path.join(runs.guild_dir(directory), "manifest")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
            for line in f:
                words = fields(line)
                if len(words) > 1 and words[0] in types:
                    found.add(os.path.normpath(words[1]))
    except OSError:
        pass
    return found


def fields(line: str) -> Sequence[str]:
    """The words of a manifest's line; none where its quotes do not match."""
    if not any(c in line for c in "'\"\\"):
        return line.split()
    try:
        return shlex.split(line)
    except ValueError:
        return ()


def _segments(pattern: Optional[str]) -> List[str]:
    if not pattern:
        return []
    if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
        raise AgentError(
            "%s is not a path in a run" % runs.shown(pattern),
            "Give one that is relative to the run.",
        )
    return [part for part in pattern.split("/") if part not in ("", ".")]


def _is_below(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the path, or a folder that it is in, matches; `**` stands for any folders."""
    if not wanted:
        return True
    if wanted[0] == "**":
        return any(_is_below(parts[at:], wanted[1:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _is_below(parts[1:], wanted[1:])


def _walk(top: str, directory: str, hidden: bool, follow: bool) -> Iterator[Entry]:
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
        yield Entry(path + "/" if is_folder else path, size)
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
    except OSError:
        return []
    return [(prefix + item.name, item) for item in items]


def _tar(home: str, run_id: str, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        if any(_is_below(path.split("/"), left_out.split("/")) for left_out in _NOT_ARCHIVED):
            continue
        try:
            f = files.open_file(home, run_id, path)
        except AgentError as e:
            said = e.message.replace(runs.run_dir(home, run_id) + "/", "")
            why = said.encode("utf-8", "surrogateescape") + b"\n"
            yield from _member(path, len(why), 0, iter([why]))
            continue
        with f:
            status = os.fstat(f.fileno())
            if stat.S_ISREG(status.st_mode):
                content = _exactly(f, status.st_size)
                yield from _member(path, status.st_size, int(status.st_mtime), content)
    yield bytes(2 * _BLOCK)


def _member(path: str, size: int, mtime: int, content: Iterator[bytes]) -> Iterator[bytes]:
    member = tarfile.TarInfo(path)
    member.size, member.mtime = size, max(mtime, 0)
    yield member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    yield from content
    yield bytes(-size % _BLOCK)


def _exactly(f: BinaryIO, size: int) -> Iterator[bytes]:
    """The first `size` bytes: a file may grow, or be cut, while it is read."""
    while size:
        data = f.read(min(size, files.CHUNK)) or bytes(min(size, files.CHUNK))
        size -= len(data)
        yield data


def cat(
    home: str,
    run: str,
    path: str,
    filters: Optional[Dict[str, Any]] = None,
    sourcecode: bool = False,
) -> Iterator[bytes]:
    """The content of one file of a run, of its source code where `sourcecode`."""
    run_id = runs.one(home, run, filters)
    if sourcecode:
        path = source_path(home, run_id, path)
    return files.chunks(files.open_file(home, run_id, path))
