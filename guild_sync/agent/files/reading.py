"""A file of a run, read without leaving it."""

from __future__ import annotations

import os
from typing import BinaryIO, Iterator

from ..errors import AgentError
from ..protocol import CHUNK
from ..store import rundir


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
        raise AgentError("%s does not exist" % full, kind="missing-file") from None
    except OSError as e:
        raise AgentError("cannot read %s: %s" % (full, e.strerror)) from None


def chunks(f: BinaryIO) -> Iterator[bytes]:
    with f:
        while True:
            data = f.read(CHUNK)
            if not data:
                return
            yield data
