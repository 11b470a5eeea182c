"""What ssh, rsync and setpriv here can, found out once for each version of them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from guild_sync.agent.machine import abilities
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError
from guild_sync.transport import question
from guild_sync.transport.process import Completed

# Where a processor has instructions for AES these are the fastest. In front of all others that
# ssh has by itself: which of them are offered stays the same.
FASTEST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
# In front of a program: the kernel ends it with the thread that has started it. What starts without
# is told so as a copy of us, which takes several times the CPU (bench/README.md).
_ENDING = ("setpriv", "--pdeathsig", "TERM", "--")
_SECONDS = 5.0
_MOST_BYTES = 1 << 16
_finding_out = threading.Lock()  # once, whoever else asks


@cache
def ssh_has_fastest() -> bool:
    """Whether ssh here takes the fastest ciphers in front, and they are fast on this machine."""
    # One before 8.1, or one built without OpenSSL, takes them for a mistake.
    argv = ("ssh", "-G", "-F", "/dev/null", "-o", f"Ciphers={FASTEST_CIPHERS}", "--", "localhost")
    return abilities.has_aes() and _can("ssh", argv)


@cache
def rsync_has_zstd() -> bool:
    """Whether rsync here compresses by zstd."""
    return _can("rsync", ("rsync", "--version"), lambda said: abilities.tells_of_zstd(said.stdout))


def ending_with_us(program: str) -> tuple[str, ...]:
    """Words in front of a program that have it end with us; none where there are no such here.

    Nor where it is not here itself: that is told by what would start it.
    """
    return _ENDING if _path_of(program) and _setpriv_ends() else ()


@cache
def _setpriv_ends() -> bool:
    # One before 2.33, or that of busybox, does not know the option.
    return _can("setpriv", (*_ENDING, "true"))


def _can(
    program: str, argv: Sequence[str], tells: Callable[[Completed], bool] = lambda _: True
) -> bool:
    """What was found out of a program, or is now, where it is another one by now.

    It can where `argv` ends well, and `tells` says so of what it has said. Not known is what takes
    too long, as on a machine that is busy: that is found out by a later command.
    """
    path = _path_of(program)
    if path is None:
        return False
    status = os.stat(path)
    this = f"{program} {os.path.abspath(path)} {status.st_mtime_ns} {status.st_size}"
    with _finding_out:
        known = _known()
        if this not in known:
            try:
                done = question.run(argv, timeout=_SECONDS)
            except GuildError:
                return False
            if done.timed_out:
                return False
            others = {name: can for name, can in known.items() if name.partition(" ")[0] != program}
            known = {**others, this: done.code == 0 and tells(done)}
            _keep(known)
        return known[this]


def _path_of(program: str) -> str | None:
    """Where it is; shutil's own loads all that archives are packed with."""
    paths = (os.path.join(folder, program) for folder in os.get_exec_path())
    return next((p for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)), None)


def _known() -> dict[str, bool]:
    try:
        with open(_path(), encoding="utf-8", errors="replace") as file:
            data = json.loads(file.read(_MOST_BYTES))
        return {name: can for name, can in data.items() if isinstance(can, bool)}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _keep(known: Mapping[str, bool]) -> None:
    with suppress(OSError):  # it is found out again
        _path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(str(_path()), json.dumps(known))


def _path() -> Path:
    return guild_home() / "machines" / "this"
