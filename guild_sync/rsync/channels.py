"""The channels of a remote's connection: how many copies it is worth to have in it, side by side.

One ssh channel carries some 2 MB for each round trip, whatever the line and the ciphers can do.
"""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait

from guild_sync.config.remotes import Remote
from guild_sync.transport import background, ssh, ssh_config, watched

WINDOW = 1 << 21  # bytes that a channel carries for each round trip
FASTEST = 4e8  # bytes a second that ciphers let through
MOST_LANES = 4  # where the remote's settings say nothing
LEAST_BYTES = 1 << 25  # of large files: with less, a lane takes longer to begin than it saves
SECONDS = 3.0  # for a word there and back; one that takes longer tells nothing
_WORDS = 4  # of which the first one waits for the program there
_LEAST_RATE = 512  # bytes a second: rsync takes no lower limit
_UNITS = "BKMGTP"  # each a thousand times the one before where it ends with a B, else 1024 times

# In this process, by the names of remotes: seconds of a round trip, and channels that were allowed.
_round_trips: dict[str, float] = {}
_allowed: dict[str, int] = {}


def lanes(remote: Remote, sizes: Sequence[int]) -> Callable[[], int]:
    """How many rsyncs shall copy files of these sizes; it is found out meanwhile.

    As many as the remote's settings say; else as many as its distance is worth. One where the
    user's configuration keeps no connection open, which the others could join.
    """
    if remote.lanes == 1 or len(sizes) < 2 or _allowed.get(remote.name) == 1:
        return lambda: 1
    if remote.lanes is not None:
        has_one = ssh.is_shared(remote) or ssh.is_connected(remote)
        return lambda: _at_most(remote, remote.lanes or 1) if has_one else 1
    if sum(sizes) < LEAST_BYTES:
        return lambda: 1
    measured = background.begun(lambda: round_trip(remote))
    return lambda: _at_most(remote, _worth(remote, measured.result()))


def refused(remote: Remote, allowed: int) -> None:
    """Remember that the remote has let so many rsyncs into its connection, and no more."""
    _allowed[remote.name] = max(1, min(allowed, _allowed.get(remote.name, allowed)))


def are_few(remote: Remote) -> bool:
    """Whether the remote has refused a channel."""
    return remote.name in _allowed


def _at_most(remote: Remote, wanted: int) -> int:
    """So many of them as the connection takes, and as its limit can be divided among."""
    if rate := _rate(remote.bwlimit):
        wanted = min(wanted, max(1, int(rate // _LEAST_RATE)))
    return min(wanted, _allowed.get(remote.name, wanted))


def _worth(remote: Remote, seconds: float | None) -> int:
    rate = min(FASTEST, _rate(remote.bwlimit) or FASTEST)
    return max(1, min(MOST_LANES, math.ceil(rate * (seconds or 0) / WINDOW)))


def _rate(bwlimit: str | None) -> float:
    """A rate in rsync's words, in bytes a second; 0: without limit."""
    found = re.match(r"(?P<number>[\d.]+)(?P<unit>[BKMGTP]?)(?P<end>B?)", (bwlimit or "0").upper())
    base = 1000 if found and found["end"] else 1024
    return float(found["number"]) * base ** _UNITS.index(found["unit"] or "K") if found else 0


def round_trip(remote: Remote) -> float | None:
    """The seconds that a byte takes there and back, over the connection that is open.

    None where there is none, or nothing comes back.
    """
    if remote.name not in _round_trips and (seconds := _measured(remote)) is not None:
        _round_trips[remote.name] = seconds
    return _round_trips.get(remote.name)


def _measured(remote: Remote) -> float | None:
    program, *words = ssh.argv(remote, "cat")
    joins = (program, *ssh_config.JOINING, *words)
    try:
        ours, theirs = socket.socketpair()
    except OSError:
        return None
    joined = background.begun(lambda: watched.join(joins, theirs))
    with ours:
        ours.settimeout(SECONDS)
        try:
            times = [_echo(ours, b"%d\n" % number) for number in range(_WORDS)]
        except OSError:
            return None
    seconds = min(times[1:])
    if seconds < WINDOW / FASTEST:  # one rsync follows, and this channel may be the only one
        wait([joined], SECONDS)
    return seconds


def _echo(connection: socket.socket, word: bytes) -> float:
    """The seconds until a word is back, behind whatever else is printed. Raises OSError."""
    began = time.monotonic()
    connection.sendall(word)
    last = b""
    while not last.endswith(word):
        chunk = connection.recv(4096)
        if not chunk or time.monotonic() > began + SECONDS:
            raise TimeoutError
        last = (last + chunk)[-len(word) :]
    return time.monotonic() - began
