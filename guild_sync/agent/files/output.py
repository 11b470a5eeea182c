"""The output of runs, as it grows."""

from __future__ import annotations

import itertools
import os
import select
from typing import Dict, Generator, Iterator, Optional, Set

from ..catalog import find
from ..protocol import DATA, RUN_DATA, RUN_END, RUN_FAULT, Packet
from ..store import inside, rundir
from .reading import chunks

POLL = 0.1  # seconds between looks at an output that grows
_LOOKS_A_STATUS = 10  # looks at the outputs of several runs for each at their statuses


def follow(
    home: str, run_id: str, hangup_fd: Optional[int] = None
) -> Generator[Packet, None, None]:
    """The run's output from its beginning, as it is made, until the run has ended.

    Where `hangup_fd` becomes readable nobody watches any more, and it ends too.
    """
    directory = rundir.run_dir(home, run_id)
    position = 0
    while True:
        # The status first: what was written before the run ended is then all read.
        live = rundir.status(directory).text in ("running", "pending", "staged")
        for data in _from(directory, position):
            position += len(data)
            yield DATA, data
        if not live:
            return
        # No event that works on every file system tells of a file that grows.
        if select.select([hangup_fd] if hangup_fd is not None else [], [], [], POLL)[0]:
            return


def follow_all(
    home: str, positions: Dict[str, int], hangup_fd: Optional[int] = None
) -> Generator[Packet, None, None]:
    """The outputs of several runs behind these positions, as they are made, until all have ended.

    Each piece comes behind the id of its run. An output that cannot be read is told once, and
    keeps none of the others from coming.
    """
    at = {rundir.run_dir(home, run_id): position for run_id, position in positions.items()}
    faulty: Set[str] = set()
    for look in itertools.count():
        over = set()
        if look % _LOOKS_A_STATUS == 0:  # before the output, as in `follow`
            over = {path for path in at if rundir.status(path).text != "running"}
        for directory in sorted(at):
            run_id = os.path.basename(directory).encode()
            try:
                for data in _new_output(directory, at):
                    yield RUN_DATA, run_id + data
            except OSError as e:
                if directory not in faulty:
                    yield RUN_FAULT, run_id + str(e.strerror).encode()
                faulty.add(directory)
            if directory in over:
                del at[directory]
                yield RUN_END, run_id
        if not at:
            return
        if select.select([hangup_fd] if hangup_fd is not None else [], [], [], POLL)[0]:
            return


def _new_output(directory: str, at: Dict[str, int]) -> Iterator[bytes]:
    found = inside.status(rundir.guild_dir(directory), rundir.OUTPUT)
    if found is None:
        return
    if found.st_size < at[directory]:
        at[directory] = 0  # it was restarted
    for data in _from(directory, at[directory]):
        at[directory] += len(data)
        yield data


def _from(directory: str, position: int) -> Iterator[bytes]:
    """What the output holds behind `position`; nothing where it is not there yet."""
    try:
        f = os.fdopen(inside.open_file(rundir.guild_dir(directory), rundir.OUTPUT), "rb")
    except FileNotFoundError:
        return
    f.seek(position)
    yield from chunks(f)


def watch(home: str, run: str, hangup_fd: Optional[int] = None) -> Generator[Packet, None, None]:
    """The output of one run, as it is made (see `follow`)."""
    return follow(home, find.one(home, run), hangup_fd)
