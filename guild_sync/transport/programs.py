"""What ssh and rsync here can, found out once for each version of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from guild_sync.agent.machine import abilities
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError
from guild_sync.transport import question

# Where a processor has instructions for AES these are the fastest. In front of all others that
# ssh has by itself: which of them are offered stays the same.
FASTEST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_SECONDS = 5.0
_MOST_BYTES = 1 << 16


@cache
def ssh_has_fastest() -> bool:
    """Whether ssh here takes the fastest ciphers in front, and they are fast on this machine."""
    return abilities.has_aes() and _can("ssh", _takes_ciphers)


@cache
def rsync_has_zstd() -> bool:
    """Whether rsync here compresses by zstd."""
    return _can("rsync", lambda: abilities.has_zstd("rsync", _SECONDS))


def _takes_ciphers() -> bool:
    # One before 8.1, or one built without OpenSSL, takes them for a mistake.
    argv = ("ssh", "-G", "-F", "/dev/null", "-o", f"Ciphers={FASTEST_CIPHERS}", "--", "localhost")
    return question.run(argv, timeout=_SECONDS).code == 0


def _can(program: str, find_out: Callable[[], bool]) -> bool:
    """What was found out of a program, or is now, where it is another one by now."""
    path = _path_of(program)
    if path is None:
        return False
    status = os.stat(path)
    this = f"{program} {os.path.abspath(path)} {status.st_mtime_ns} {status.st_size}"
    known = _known()
    if this not in known:
        try:
            found = find_out()
        except GuildError:
            return False
        others = {name: can for name, can in known.items() if not name.startswith(f"{program} ")}
        known = {**others, this: found}
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
