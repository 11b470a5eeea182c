"""A log that several guilds write at once, and that does not grow without end."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing
from pathlib import Path

from guild_sync.output.console import complain
from guild_sync.output.terminal import clean

MAX_BYTES = 1 << 20
KEPT = 5  # older logs beside it: sync.log.1 is the latest of them


class Log:
    """Lines with their time and this process's number, appended to a file.

    `syslog`: they go to the system's log as well, by the name of guild-sync. A log that
    cannot be written is complained of once, and keeps nobody from his work.
    """

    def __init__(self, path: Path | None, syslog: bool = False) -> None:
        self._path = path
        self._syslog = syslog
        self._complained = False

    def info(self, text: str) -> None:
        """Write down what is being done."""
        self._write(text, "LOG_INFO")

    def notice(self, text: str) -> None:
        """Write down what has changed."""
        self._write(text, "LOG_NOTICE")

    def error(self, text: str) -> None:
        """Write down what has failed."""
        self._write(text, "LOG_ERR")

    def _write(self, text: str, priority: str) -> None:
        line = clean(text)
        if self._syslog:
            _to_syslog(line, priority)
        if self._path is None:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        try:
            append(self._path, f"{now} [{os.getpid()}] {line}\n".encode("utf-8", "replace"))
        except OSError as e:
            if not self._complained:
                complain(f"cannot write the log {self._path}: {e.strerror}")
            self._complained = True


def _to_syslog(line: str, priority: str) -> None:
    import syslog

    syslog.openlog("guild-sync", syslog.LOG_PID, syslog.LOG_USER)
    # With its priority's number, not its name: the module has no enum.
    syslog.syslog(getattr(syslog, priority), line)


def append(path: Path, data: bytes, kept: int = KEPT) -> None:
    """Append to the file, at one go, after the `kept` older ones have made room if it is full."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with closing(os.fdopen(fd, "ab", buffering=0)) as file:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if not _is_at(fd, path):
                continue  # another process has put it aside while we waited
            if os.fstat(fd).st_size + len(data) > MAX_BYTES and os.fstat(fd).st_size:
                _put_aside(path, kept)
                continue
            file.write(data)
            return


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _put_aside(path: Path, kept: int) -> None:
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, kept + 1))]
    for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
        if newer.exists():
            newer.replace(older)
