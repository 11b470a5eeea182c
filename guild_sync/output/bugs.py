"""The report of a bug of guild's own: a traceback, and the versions that it was seen with."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from guild_sync import __version__
from guild_sync.config.home import guild_home
from guild_sync.output import log, terminal
from guild_sync.transport import process, question

_PATIENCE = 3.0  # seconds; a program that is asked for its version may hang
_MOST = 1 << 18  # characters of one report, the last of which say most
_UNKNOWN = "not known"


def report(error: BaseException, words: Sequence[str]) -> str:
    """What a maintainer asks for. Of the command line it has the command's name alone."""
    told = "".join(traceback.format_exception(error))
    if len(told) > _MOST:
        told = f"[cut]\n{told[-_MOST:]}"
    lines = [
        f"guild {__version__} {list(words[:1])} {time.strftime('%Y-%m-%dT%H:%M:%S%z')}",
        f"Python: {platform.python_version()} ({sys.executable})",
        f"ssh: {_version('ssh', '-V')}",
        f"rsync: {_version('rsync', '--version')}",
        f"system: {_system()}",
    ]
    return "\n".join(map(terminal.clean, lines)) + f"\n{told}"


def write(text: str) -> Path:
    """The file that the report was appended to. Raises OSError or GuildError where it cannot be."""
    path = guild_home() / "error.log"
    data = f"{text.rstrip()}\n\n".encode("utf-8", "backslashreplace")
    log.append(path, data, kept=1)
    return path


def _version(*argv: str) -> str:
    """The first line that a program prints of its version."""
    try:
        with process.deadline(None):  # that of a sync may have passed
            done = question.run(argv, timeout=_PATIENCE)
    except (Exception, KeyboardInterrupt):  # whatever it is, the bug matters more
        return _UNKNOWN
    lines = f"{done.stdout.decode('utf-8', 'replace')}\n{done.stderr}".split("\n")
    return next((line.strip()[:200] for line in lines if line.strip()), _UNKNOWN)


def _system() -> str:
    kernel = os.uname()
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = _UNKNOWN
    return f"{kernel.sysname} {kernel.release} {kernel.machine}, {name}"
