"""Run a remote's `init`: a shell script of its user's, that makes it ready for runs.

What it prints is sent on as it comes, and the stream ends with how the script did. Which script
has ended well is kept in the guild home, so that guild can say where one has not been run.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import Generator, Iterator, Optional

from ..facts.dying import die_with_parent
from ..protocol import DATA, Exited, Packet
from ..store.atomic import write_atomically
from . import processes

_CHUNK = 1 << 16
# Where files that are open have no names in /dev/fd, as on FreeBSD: `ps` shows no other user's.
_FROM_VARIABLE = 'script=$GUILD_SCRIPT; unset GUILD_SCRIPT; eval "$script"'
_POLL = 0.1  # seconds; what the script leaves behind may keep the pipe open after its end
_AFTER_TERM = 5.0  # seconds in which a script that has to end may do so by itself
_DONE = "init-done"  # in the guild home: the digest of the script that has ended well there


def initialize(
    home: str, script: str, seconds: float, hangup_fd: Optional[int] = None
) -> Generator[Packet, None, Exited]:
    """What `script` prints and how it ends, run by `sh` in the login's home for `seconds` at most.

    The guild home is made if it is not there, and `GUILD_HOME` names it. Where `hangup_fd`
    becomes readable nobody watches any more, and the script is ended.
    """
    os.makedirs(home, exist_ok=True)
    done = os.path.join(home, _DONE)
    with suppress(FileNotFoundError):
        os.unlink(done)  # whatever this one does to what an earlier one has made
    # A file without a name, and not an argument, which every user there could see.
    with tempfile.TemporaryFile() as f:
        f.write(script.encode("utf-8", "surrogateescape"))
        f.seek(0)
        name = "/dev/fd/%d" % f.fileno()
        is_named = os.path.exists(name)
        variables = dict(os.environ, GUILD_HOME=home)
        if not is_named:
            variables["GUILD_SCRIPT"] = script
        process = subprocess.Popen(
            ["sh", name] if is_named else ["sh", "-c", _FROM_VARIABLE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(f.fileno(),),
            cwd=os.path.expanduser("~"),
            env=variables,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
    ended = yield from _packets(process, time.monotonic() + seconds, hangup_fd)
    if ended["code"] == 0:
        write_atomically(done, _digest(script) + "\n")
    return ended


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode("utf-8", "surrogateescape")).hexdigest()


def initialized(home: str, script: str) -> str:
    """`done` where it is this script that was run last and has ended well, `changed` where it is
    another, and empty where none has.
    """
    try:
        with open(os.path.join(home, _DONE), encoding="ascii", errors="replace") as f:
            return "done" if f.read(100).strip() == _digest(script) else "changed"
    except OSError:
        return ""


def _packets(
    process: "subprocess.Popen[bytes]", deadline: float, hangup_fd: Optional[int]
) -> Generator[Packet, None, Exited]:
    assert process.stdout is not None
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    waited_for = [output] if hangup_fd is None else [output, hangup_fd]
    ended = False
    try:
        while not ended:
            ended = process.poll() is not None  # before the last look at its output
            if not ended and time.monotonic() > deadline:
                return {"code": None}
            readable = select.select(waited_for, [], [], 0 if ended else _POLL)[0]
            if hangup_fd in readable:
                return {"code": None}  # to nobody
            for data in _what_is_there(output):
                if data:
                    yield DATA, data
                elif output in waited_for:  # it would be readable for ever
                    waited_for.remove(output)
        return {"code": process.returncode}
    finally:
        _end(process)
        process.stdout.close()


def _what_is_there(fd: int) -> Iterator[bytes]:
    """What can be read at once, an empty one at the end of the file."""
    data = b"first"
    while data:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        yield data


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the script where it runs still, with all that is in its process group."""
    if process.poll() is not None:
        return
    processes.signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(_AFTER_TERM)
    except subprocess.TimeoutExpired:
        pass
    processes.signal_group(process.pid, signal.SIGKILL)
    process.wait()
