"""Several files of a run as one stream."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO, Dict, Generator, Iterator, Optional, Sequence

from .. import protocol
from ..catalog import find
from ..contents import inputs
from ..errors import AgentError
from ..protocol import DATA, Filters, Packet
from ..store import rundir
from ..store.manifest import SOURCE_FOLDER, paths_of_kinds
from . import reading
from .patterns import from_the_top, is_below
from .tree import entries_of

# What a stream of all files leaves out: marks, and packages that were installed for the run.
_NOT_ARCHIVED = [from_the_top(path) for path in (".guild/LOCK*", ".guild/job-packages")]
_BLOCK = 512


def archive(
    home: str, run: str, pattern: Optional[str] = None, kind: Optional[str] = None
) -> Generator[Packet, None, protocol.Sent]:
    """The chosen files as a tar archive of regular files, with nothing but their contents.

    A link is the file that it leads to. What cannot be read is a line that says why; of what the
    run was given, and may be here or not, a line says what that was.
    """
    run_id = find.one(home, run)
    chosen = list(entries_of(home, run_id, pattern, kind, everything=True, follow=False))
    unreadable: Dict[str, str] = {}
    paths = [entry.path for entry in chosen if not entry.is_folder]
    given = _given(rundir.run_dir(home, run_id), pattern, kind)
    for data in _tar(home, run_id, [p for p in paths if p not in given], unreadable):
        yield DATA, data
    for path, of in sorted(given.items()):
        text = b"given to the run: SHA-256 %s, %d bytes\n" % (of.digest.encode(), of.size)
        for data in _member(path, len(text), 0, iter([text])):
            yield DATA, data
    yield DATA, bytes(2 * _BLOCK)
    return {"unreadable": unreadable}


def _given(directory: str, pattern: Optional[str], kind: Optional[str]) -> Dict[str, inputs.Input]:
    """What copies of the run are without, and is in it as it was given, or not at all."""
    if kind not in (None, "dependencies"):
        return {}
    wanted, lacking = from_the_top(pattern), inputs.not_here(directory)
    return {
        path: of
        for path, of in inputs.large(directory).items()
        if (path in lacking or inputs.is_as_given(directory, path, of)) and is_below(path, wanted)
    }


def source_path(home: str, run_id: str, path: str) -> str:
    """Where the source code file `path` is in the run. AgentError where it is none."""
    source = paths_of_kinds(rundir.run_dir(home, run_id), "s")
    for candidate in (SOURCE_FOLDER + path, os.path.normpath(path)):
        if candidate in source:
            return candidate
    raise AgentError(
        "%s is not a source code file of run %s" % (rundir.shown(path), run_id),
        "Show them with 'guild ls --sourcecode'.",
        "missing-file",
    )


def _tar(
    home: str, run_id: str, paths: Sequence[str], unreadable: Dict[str, str]
) -> Iterator[bytes]:
    for path in paths:
        if any(is_below(path, left_out) for left_out in _NOT_ARCHIVED):
            continue
        try:
            f = reading.open_file(home, run_id, path)
        except AgentError as e:
            said = e.message.replace(rundir.run_dir(home, run_id) + "/", "")
            unreadable[path] = said
            why = said.encode("utf-8", "surrogateescape") + b"\n"
            yield from _member(path, len(why), 0, iter([why]))
            continue
        with f:
            status = os.fstat(f.fileno())
            if stat.S_ISREG(status.st_mode):
                content = _exactly(f, status.st_size)
                yield from _member(path, status.st_size, int(status.st_mtime), content)


def _member(path: str, size: int, mtime: int, content: Iterator[bytes]) -> Iterator[bytes]:
    import tarfile  # a file by itself goes without

    member = tarfile.TarInfo(path)
    member.size, member.mtime = size, max(mtime, 0)
    yield member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    yield from content
    yield bytes(-size % _BLOCK)


def _exactly(f: BinaryIO, size: int) -> Iterator[bytes]:
    """The first `size` bytes: a file may grow, or be cut, while it is read."""
    while size:
        data = f.read(min(size, protocol.CHUNK)) or bytes(min(size, protocol.CHUNK))
        size -= len(data)
        yield data


def cat(
    home: str,
    run: str,
    path: str,
    filters: Optional[Filters] = None,
    sourcecode: bool = False,
) -> Generator[Packet, None, None]:
    """The content of one file of a run, of its source code where `sourcecode`."""
    run_id = find.one(home, run, filters)
    if sourcecode:
        path = source_path(home, run_id, path)
    for data in reading.chunks(reading.open_file(home, run_id, path)):
        yield DATA, data
