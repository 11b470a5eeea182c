"""A file of a run, read without leaving it."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO, Iterator

from ..errors import AgentError
from ..protocol import CHUNK
from ..store import inside, rundir
from .left_out import inputs_of


def open_file(home: str, run_id: str, path: str) -> BinaryIO:
    """The file at `path` in the run, open for reading.

    Raises AgentError (kind "missing-file") where there is none, and where the path, or
    a symbolic link on it, leads out of the runs of this guild home.
    """
    directory = rundir.run_dir(home, run_id)
    full = os.path.join(directory, path)
    if os.path.isabs(path) or ".." in path.split("/") or "\0" in path:
        raise AgentError(
            "%s is not a path in a run" % rundir.shown(path),
            "Give one that is relative to the run.",
        )
    if path.split("/")[0] == ".guild":
        return _own_file(directory, path, full)
    real = os.path.realpath(full)
    top = os.path.realpath(rundir.runs_dir(home))
    if not real.startswith(top + os.sep):
        raise AgentError("%s leads out of the run, to %s" % (full, rundir.shown(real)))
    if os.path.isdir(real):
        raise AgentError("%s is a directory" % full)
    try:
        # O_NONBLOCK: opening a FIFO would wait for its other end.
        return os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        hint = _how_to_bring(directory, run_id, os.path.normpath(path))
        raise AgentError("%s does not exist" % full, hint, "missing-file") from None
    except OSError as e:
        raise AgentError("cannot read %s: %s" % (full, e.strerror)) from None


def _how_to_bring(directory: str, run_id: str, path: str) -> str:
    """What brings a file here that a copy is without as its run was given it."""
    if not any(
        path == p or (p.endswith("/") and path.startswith(p)) for p, _ in inputs_of(directory)
    ):
        return ""
    remote = (rundir.confirmed(directory) or {"remote": "REMOTE"})["remote"]
    return "The run was given it, and it was not copied: guild pull %s %s --inputs" % (
        remote,
        run_id,
    )


def _own_file(directory: str, path: str, full: str) -> BinaryIO:
    """A file of guild's own, which is no link and in no folder that is one."""
    try:
        fd = inside.open_file(rundir.guild_dir(directory), path.partition("/")[2] or ".")
    except FileNotFoundError:
        raise AgentError("%s does not exist" % full, kind="missing-file") from None
    except OSError as e:
        raise AgentError("cannot read %s: %s" % (full, e.strerror)) from None
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise AgentError("%s is a directory" % full)
    return os.fdopen(fd, "rb")


def chunks(f: BinaryIO) -> Iterator[bytes]:
    with f:
        while True:
            data = f.read(CHUNK)
            if not data:
                return
            yield data
