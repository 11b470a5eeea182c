"""Child processes: this agent once more, programs that are asked, none that outlives its parent."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from typing import IO, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..protocol import SHARED
from . import processes

_OPEN = re.compile(r"[0-9]{1,9}\Z")  # the number of a handle


def agent_argv(*words: str) -> List[str]:
    """This agent again, as a process of its own: whatever the locale, names are UTF-8."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-I", "-S", "-X", "utf8", here, *words]


def shared_handles() -> Tuple[int, ...]:
    """The handle on what this process has of its host with the run that has started it."""
    text = os.environ.get(SHARED, "")
    if not _OPEN.match(text):
        return ()
    try:
        os.fstat(int(text))
    except OSError:  # it was closed on the way here
        return ()
    return (int(text),)


class Said(NamedTuple):
    """What a program has said, and how it has ended."""

    code: int  # negative: the signal that has ended it
    out: str
    err: str


class NotStarted(Exception):
    """A program could not be started: nothing of what it does was done."""


class Unanswered(Exception):
    """A program was killed that did not end, or said too much: it may have done what it does."""


def asked(
    argv: Sequence[str],
    variables: Mapping[str, str],
    seconds: float,
    most: int,
    stdin: Optional[str] = None,
    handles: Sequence[int] = (),
) -> Said:
    """What a program answers, in `most` bytes at most. Raises NotStarted, Unanswered.

    It has a session of its own, so it goes on where we are ended. For the same reason its stdin is
    a file: what came of a pipe until then it would take for the whole. It inherits `handles`.
    """
    import subprocess  # not every agent asks a program

    try:
        with _file_of(stdin) as file:
            program = subprocess.Popen(
                list(argv),
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(variables),
                start_new_session=True,
                pass_fds=tuple(handles),
            )
    except OSError as e:
        raise NotStarted(e.strerror) from None
    except ValueError as e:  # a NUL among the words
        raise NotStarted(str(e)) from None
    assert program.stdout and program.stderr
    deadline = time.monotonic() + seconds
    try:
        with program.stdout, program.stderr:
            out, err = _read((program.stdout, program.stderr), deadline, most)
        code = program.wait(max(0.0, deadline - time.monotonic()))
    except (Unanswered, subprocess.TimeoutExpired) as e:
        # Whatever it has started, too. It is not waited for: with a broken driver even a kill may
        # never end it.
        processes.signal_group(program.pid, signal.SIGKILL)
        why = str(e) if isinstance(e, Unanswered) else ""
        raise Unanswered(why or "has not ended in %d s" % seconds) from None
    return Said(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _file_of(text: Optional[str]) -> IO[bytes]:
    """An open file without a name that holds a text; where there is none, what is always empty."""
    if text is None:
        return open(os.devnull, "rb")
    import tempfile

    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed by whoever asked for it
    file.write(text.encode("utf-8", "surrogateescape"))
    file.seek(0)
    return file


def _read(pipes: Sequence[IO[bytes]], deadline: float, most: int) -> List[bytearray]:
    """What comes of pipes until all of them are closed."""
    import selectors

    found = [bytearray() for _ in pipes]
    with selectors.DefaultSelector() as selector:
        for pipe, data in zip(pipes, found):
            selector.register(pipe, selectors.EVENT_READ, data)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise Unanswered
            for key, _ in ready:
                came = os.read(key.fd, 1 << 16)
                key.data.extend(came)
                if not came:
                    selector.unregister(key.fileobj)
            if sum(map(len, found)) > most:
                raise Unanswered("says more than %d bytes" % most)
    return found
