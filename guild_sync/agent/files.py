"""The files of a run, read without leaving it."""

from __future__ import annotations

import itertools
import os
import select
from typing import BinaryIO, Dict, Iterator, Optional

from . import runs
from .errors import AgentError
from .runs import OUTPUT

CHUNK = 1 << 16
POLL = 0.1  # seconds between looks at an output that grows
ENDED = -1  # the size of a frame that says that its run has ended
_LOOKS_A_STATUS = 10  # looks at the outputs of several runs for each at their statuses


def open_file(home: str, run_id: str, path: str) -> BinaryIO:
    """The file at `path` in the run, open for reading.

    Raises AgentError (kind "missing-file") where there is none, and where the path, or
    a symbolic link on it, leads out of the runs of this guild home.
    """
    directory = runs.run_dir(home, run_id)
    full = os.path.join(directory, path)
    if os.path.isabs(path) or ".." in path.split("/") or "\0" in path:
        raise AgentError(
            "%s is not a path in a run" % runs.shown(path), "Give one that is relative to the run."
        )
    real = os.path.realpath(full)
    top = os.path.realpath(runs.runs_dir(home))
    if not real.startswith(top + os.sep):
        raise AgentError("%s leads out of the run, to %s" % (full, runs.shown(real)))
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


def follow(home: str, run_id: str, hangup_fd: Optional[int] = None) -> Iterator[bytes]:
    """The run's output from its beginning, as it is made, until the run has ended.

    Where `hangup_fd` becomes readable nobody watches any more, and it ends too.
    """
    directory = runs.run_dir(home, run_id)
    path = os.path.join(runs.guild_dir(directory), OUTPUT)
    position = 0
    while True:
        # The status first: what was written before the run ended is then all read.
        live = runs.status(directory).text in ("running", "pending", "staged")
        for data in _from(path, position):
            position += len(data)
            yield data
        if not live:
            return
        # No event that works on every file system tells of a file that grows.
        if select.select([hangup_fd] if hangup_fd is not None else [], [], [], POLL)[0]:
            return


def follow_all(
    home: str, positions: Dict[str, int], hangup_fd: Optional[int] = None
) -> Iterator[bytes]:
    """The outputs of several runs behind these positions, as they are made, until all have ended.

    Each piece is a frame, `RUN SIZE` on a line and SIZE bytes; -1 says that the run has ended.
    """
    at = {runs.run_dir(home, run_id): position for run_id, position in positions.items()}
    for look in itertools.count():
        over = set()
        if look % _LOOKS_A_STATUS == 0:  # before the output, as in `follow`
            over = {path for path in at if runs.status(path).text != "running"}
        for directory in sorted(at):
            frame = os.path.basename(directory).encode() + b" %d\n"
            for data in _new_output(directory, at):
                yield frame % len(data) + data
            if directory in over:
                del at[directory]
                yield frame % ENDED
        if not at:
            return
        if select.select([hangup_fd] if hangup_fd is not None else [], [], [], POLL)[0]:
            return


def _new_output(directory: str, at: Dict[str, int]) -> Iterator[bytes]:
    path = os.path.join(runs.guild_dir(directory), OUTPUT)
    try:
        if os.stat(path).st_size < at[directory]:
            at[directory] = 0  # it was restarted
    except OSError:
        return
    for data in _from(path, at[directory]):
        at[directory] += len(data)
        yield data


def _from(path: str, position: int) -> Iterator[bytes]:
    """What the file holds behind `position`; nothing where it is not there yet."""
    try:
        f = open(path, "rb")  # noqa: SIM115 (chunks closes it)
    except FileNotFoundError:
        return
    f.seek(position)
    yield from chunks(f)


def watch(home: str, run: str, hangup_fd: Optional[int] = None) -> Iterator[bytes]:
    """The output of one run, as it is made (see `follow`)."""
    return follow(home, runs.one(home, run), hangup_fd)
