"""What is known of a remote's machine from earlier answers: it makes connections and copies fast.

It is a memory, and no promise depends on it: a remote is asked once in a while, with what it is
asked anyway, and where that is not known any more, again.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from guild_sync.agent.protocol import Abilities
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import file_name, guild_home
from guild_sync.config.remotes import Remote

_MOST_BYTES = 1 << 12
_KEPT = 7 * 24 * 3600  # seconds; an rsync there may be another one by then


def known_of(remote: Remote) -> Abilities | None:
    """What is known of the machine that the remote is; None where it has to be asked."""
    try:
        with open(_path(remote), encoding="utf-8", errors="replace") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            data = json.loads(file.read(_MOST_BYTES))
        if data["machine"] == _machine(remote) and abs(age) < _KEPT:
            return {"aes": data["aes"] is True, "zstd": data["zstd"] is True}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def note(remote: Remote, abilities: Abilities) -> None:
    """Keep what the remote says of itself."""
    path = _path(remote)
    with suppress(OSError):  # it is asked again
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(str(path), json.dumps({"machine": _machine(remote), **abilities}))


def _path(remote: Remote) -> Path:
    return guild_home() / "machines" / file_name(remote.name)


def _machine(remote: Remote) -> list[str]:
    """What in a remote's settings says which machine it is, and which rsync it has."""
    means = (remote.host, remote.port, remote.proxy, remote.proxy_jump, remote.rsync_path)
    return [str(value) for value in means]
