"""A short question to another program: what it said, and how it ended.

Through `subprocess`, which is there in no time: most commands only ask, and start nothing else.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO

from guild_sync.agent.machine.children import die_with_parent
from guild_sync.transport import process
from guild_sync.transport.process import Completed


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    most: int | None = None,
) -> Completed:
    """Return how `argv` ended. After `timeout` seconds it is killed, and `timed_out` is set.

    Of its stdout the first `most` bytes are kept; without `most` all of it, and a program that
    prints more than anybody asks for is killed, and `said_too_much` is set.
    Raises GuildError where the program is not installed, and DeadlinePassed (`process.deadline`).
    """
    left = process.seconds_left()
    seconds = min((s for s in (timeout, left) if s is not None), default=None)
    try:
        program = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            # One that goes on where guild was killed would work beside guild's successor.
            preexec_fn=die_with_parent(signal.SIGTERM),
            start_new_session=True,  # Ctrl-C reaches guild alone, which then ends its children
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise process.not_installed(argv[0]) from None
    assert program.stdin and program.stdout and program.stderr
    with _ended_on_error(program), process.killed_after(program.pid, seconds) as timed_out:
        err = process.Reader(program.stderr)
        threading.Thread(target=_feed, args=(program.stdin, stdin), daemon=True).start()
        kill = partial(process.send, program.pid, signal.SIGKILL)
        out = process.Reader(
            program.stdout,
            process.MAX_OUTPUT if most is None else most,
            kill if most is None else None,
        )
        code = program.wait()
        stdout, stderr = out.rest(process.REST_OF_STDOUT), err.text()
    if out.is_full and most is None:
        code = process.TOO_MUCH
    if timed_out.is_set():
        process.seconds_left()
        code = process.TIMED_OUT
    return Completed(code, stdout, stderr)


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with suppress(BrokenPipeError), pipe:
        pipe.write(data)


@contextmanager
def _ended_on_error(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the program and what it started, whatever takes us out of here (Ctrl-C most often)."""
    try:
        yield
    except BaseException:
        process.send(program.pid, signal.SIGTERM)
        try:
            program.wait(timeout=process.END_SECONDS)
        except subprocess.TimeoutExpired:
            process.send(program.pid, signal.SIGKILL)
        raise
