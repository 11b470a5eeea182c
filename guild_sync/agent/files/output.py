"""The output of runs, as it grows."""

from __future__ import annotations

import itertools
import os
import select
import time
from typing import Dict, Generator, Iterator, Optional, Sequence, Set

from ..catalog import find
from ..protocol import (
    CHUNK,
    DATA,
    RUN_DATA,
    RUN_END,
    RUN_FAULT,
    OutputPiece,
    Packet,
    Position,
)
from ..store import attempts, inside, rundir
from .reading import chunks

POLL = 0.1  # seconds between looks at an output that grows
_PENDING_POLL = 0.5  # seconds between looks at a run that waits
# Seconds without output after which a scheduler is asked: the first time, and later on.
QUIET, MOST_QUIET = 60.0, 600.0
_NEAR = 1 << 14  # bytes from an output's end where who comes late begins to read
_LOOKS_A_STATUS = 10  # looks at the outputs of several runs for each at their statuses


def follow(
    home: str, run_id: str, hangup_fd: Optional[int] = None
) -> Generator[Packet, None, None]:
    """The run's output from its beginning, as it is made, until the run has ended.

    Where its runner has tried it again, that is what the first of these attempts has printed.

    Where `hangup_fd` becomes readable nobody watches any more, and it ends too.
    """
    directory = rundir.run_dir(home, run_id)
    output = _Growing(directory, attempts.first_begun(rundir.guild_dir(directory)))
    quiet = _Quiet(home, run_id)
    while True:
        # The status first: what was written before the run ended is then all read.
        live = rundir.status(directory).text in ("running", "pending", "staged")
        for data in output.new():
            quiet.ends()
            yield DATA, data
        if not live:
            return
        quiet.goes_on()
        # No event that works on every file system tells of a file that grows.
        if _is_left_alone(hangup_fd, POLL):
            return


class _Quiet:
    """A run that prints nothing: of one that is a job the scheduler is asked whether it is over.

    Less and less often: a run may work for hours without a word.
    """

    def __init__(self, home: str, run_id: str) -> None:
        self._home = home
        self._run_id = run_id
        self._is_job = rundir.is_job(rundir.run_dir(home, run_id))
        self.ends()

    def ends(self) -> None:
        """It has printed something."""
        self._patience = QUIET
        self._until = time.monotonic() + self._patience

    def goes_on(self) -> None:
        """It has printed nothing, and has no end."""
        if not self._is_job or time.monotonic() < self._until:
            return
        from ..judging import looks  # most runs are no jobs

        looks.look(self._home, [self._run_id])
        self._patience = min(2 * self._patience, MOST_QUIET)
        self._until = time.monotonic() + self._patience


def await_start(
    home: str, run_id: str, seconds: float, hangup_fd: Optional[int] = None
) -> Generator[Packet, None, bool]:
    """Whether a pending run waits for so long; else this returns when it waits no more.

    Or when nobody waits for it any more, as `follow`.
    """
    directory = rundir.run_dir(home, run_id)
    until = time.monotonic() + seconds
    while rundir.status(directory).text == "pending":
        left = until - time.monotonic()
        if left <= 0:
            return True
        if _is_left_alone(hangup_fd, min(_PENDING_POLL, left)):
            break
        try:
            inside.names(rundir.guild_dir(directory))  # what other machines have written
        except OSError:
            break
    yield from ()
    return False


def _is_left_alone(hangup_fd: Optional[int], seconds: float) -> bool:
    """Wait for so long; whether nobody reads any more."""
    return bool(select.select([hangup_fd] if hangup_fd is not None else [], [], [], seconds)[0])


def positions(home: str, ids: Sequence[str]) -> Dict[str, Position]:
    """How far the outputs are that runs have here: the attempt, and how much of its output."""
    found = {}
    for run_id in ids:
        guild = rundir.guild_dir(rundir.run_dir(home, run_id))
        # The number first: where a copy brings another attempt meanwhile, it is shown from its
        # beginning.
        number = attempts.begun(guild)
        output = inside.status(guild, attempts.output_of(guild, number))
        found[run_id] = (number, output.st_size if output is not None else 0)
    return found


def follow_all(
    home: str, positions: Dict[str, Position], hangup_fd: Optional[int] = None
) -> Generator[Packet, None, None]:
    """The outputs of several runs behind these positions, as they are made, until all have ended.

    What later attempts have printed comes from its beginning. Each piece comes behind the id of
    its run. An output that cannot be read is told once, and keeps none of the others from coming.
    """
    outputs = [_behind(rundir.run_dir(home, i), *positions[i]) for i in sorted(positions)]
    faulty: Set[str] = set()
    for look in itertools.count():
        over = set()
        if look % _LOOKS_A_STATUS == 0:  # before the output, as in `follow`
            found = (output.directory for output in outputs)
            over = {path for path in found if rundir.status(path).text != "running"}
        for output in list(outputs):
            run_id = os.path.basename(output.directory).encode()
            try:
                for data in output.new():
                    yield RUN_DATA, run_id + data
            except OSError as e:
                if output.directory not in faulty:
                    yield RUN_FAULT, run_id + str(e.strerror).encode()
                faulty.add(output.directory)
            if output.directory in over:
                outputs.remove(output)
                yield RUN_END, run_id
        if not outputs:
            return
        if _is_left_alone(hangup_fd, POLL):
            return


def piece(home: str, run_id: str, attempt: int = 0, position: int = 0) -> OutputPiece:
    """What has come behind a position in the output of an attempt, so much as is read at a time.

    Without an attempt: of the last one, from near its end. It is whole lines, where it can be.
    """
    directory = rundir.run_dir(home, run_id)
    # The status first, as in `follow`.
    is_over = rundir.status(directory).text not in ("running", "pending", "staged")
    if attempt == 0:
        ((attempt, end),) = positions(home, [run_id]).values()
        position = max(0, end - _NEAR)
    output = _behind(directory, attempt, position)
    data = b""
    for some in output.new():
        data += some
        if len(data) >= CHUNK:
            is_over = False
            break
    begun = data.rpartition(b"\n")[2]
    if 0 < len(begun) < min(CHUNK, len(data)) and not is_over:
        data = data[: -len(begun)]
        output.go_back(len(begun))
    return {
        "attempt": output.attempt,
        "position": output.position,
        "text": data.decode("utf-8", "replace"),
        "is_over": is_over,
    }


class _Growing:
    """The output of a run, of one attempt after the other, behind a position in the first."""

    def __init__(self, directory: str, attempt: int, position: int = 0) -> None:
        self.directory = directory
        self.attempt = attempt
        self.position = position

    def go_back(self, count: int) -> None:
        """Have so many bytes of what came last come once more."""
        self.position -= count

    def new(self) -> Iterator[bytes]:
        """What has come since it was asked last."""
        guild = rundir.guild_dir(self.directory)
        while True:
            # Whether it is an earlier one by now, before it is read: then all of it is there.
            name = attempts.output_of(guild, self.attempt)
            yield from self._from(guild, name)
            if attempts.output_of(guild, self.attempt) != name:
                continue  # it was put aside meanwhile, and what was read may be the next one's
            if name == rundir.OUTPUT:
                return
            self.attempt += 1
            self.position = 0

    def _from(self, guild: str, name: str) -> Iterator[bytes]:
        """What the file holds behind the position; nothing where it is not there yet."""
        try:
            f = os.fdopen(inside.open_file(guild, name), "rb")
        except FileNotFoundError:
            return
        if attempts.output_of(guild, self.attempt) != name:
            f.close()
            return
        if os.fstat(f.fileno()).st_size < self.position:
            self.position = 0  # it was started again by a guild that keeps no attempts
        f.seek(self.position)
        for data in chunks(f):
            self.position += len(data)
            yield data


def _behind(directory: str, attempt: int, position: int) -> _Growing:
    begun = attempts.begun(rundir.guild_dir(directory))
    # Fewer here: it was started again by a guild that keeps no attempts.
    return _Growing(directory, min(attempt, begun), position)


def ending(home: str, run_id: str, most: int) -> str:
    """The last bytes of the output of a run's latest attempt, at most so many; often a torn line.

    Empty where there is none, or it cannot be read.
    """
    guild = rundir.guild_dir(rundir.run_dir(home, run_id))
    try:
        with os.fdopen(inside.open_file(guild, rundir.OUTPUT), "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - most))
            return f.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def watch(home: str, run: str, hangup_fd: Optional[int] = None) -> Generator[Packet, None, None]:
    """The output of one run, as it is made (see `follow`)."""
    return follow(home, find.one(home, run), hangup_fd)
