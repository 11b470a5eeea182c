"""What is known of a remote's machine from earlier answers: it makes connections and copies fast.

It is a memory, and no promise depends on it: a remote is asked once in a while, with what it is
asked anyway, and where that is not known any more, again.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypedDict

from guild_sync.agent.protocol import Abilities
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import file_name, guild_home
from guild_sync.config.remotes import Remote

_MOST_BYTES = 1 << 12
_KEPT = 7 * 24 * 3600  # seconds; an rsync there may be another one by then
Way = Literal["from", "to"]
WAYS: tuple[Way, Way] = ("from", "to")
# What a machine has, and the bytes a second that came from there and went there; 0: not known.
Machine = TypedDict(
    "Machine", {"aes": bool, "zstd": bool, "from": float, "to": float, "since": float}
)


def known_of(remote: Remote) -> Machine | None:
    """What is known of the machine that the remote is; None where it has to be asked."""
    try:
        with open(_path(remote), encoding="utf-8", errors="replace") as file:
            data = json.loads(file.read(_MOST_BYTES))
        since = float(data["since"])
        if data["machine"] == _machine(remote) and abs(time.time() - since) < _KEPT:
            return {
                "aes": data["aes"] is True,
                "zstd": data["zstd"] is True,
                "from": _rate(data["from"]),
                "to": _rate(data["to"]),
                "since": since,
            }
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        pass
    return None


def note(remote: Remote, abilities: Abilities) -> None:
    """Keep what the remote says of itself."""
    _write(remote, {**abilities, "from": 0.0, "to": 0.0, "since": time.time()})


def note_speed(remote: Remote, way: Way, rate: float) -> None:
    """Keep how many bytes a second came from the remote, or went there, of one that is known."""
    there = known_of(remote)
    if there is not None and not 0.8 * rate < there[way] < 1.25 * rate:
        there[way] = rate
        _write(remote, there)


def _write(remote: Remote, there: Machine) -> None:
    path = _path(remote)
    with suppress(OSError):  # it is asked again
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(str(path), json.dumps({"machine": _machine(remote), **there}))


def _rate(value: float) -> float:
    rate = float(value)
    return rate if math.isfinite(rate) else 0.0


def _path(remote: Remote) -> Path:
    return guild_home() / "machines" / file_name(remote.name)


def _machine(remote: Remote) -> str:
    """Stands for what in a remote's settings says which machine it is, and which rsync it has.

    Not as it is there: a proxy's command line may have a password in it.
    """
    means = (remote.host, remote.port, remote.proxy, remote.proxy_jump, remote.rsync_path)
    return file_name(repr(means))
