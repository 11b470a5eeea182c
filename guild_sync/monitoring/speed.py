"""How fast the line to a remote is: the time there and back, and bytes a second each way.

It is measured over the connection that is open, by programs that every remote has, and with bytes
that no compression makes fewer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from guild_sync.config.remotes import Remote
from guild_sync.rsync import channels
from guild_sync.transport import question, ssh

SECONDS = 8.0  # for an amount: a slower line is not measured
_FIRST, _MOST = 1 << 18, 1 << 24  # amounts of bytes that go one way
_LONG = 0.5  # seconds that an amount has to take


class Speed(NamedTuple):
    """Seconds there and back, and bytes a second from there and to there; None: not measured."""

    round_trip: float | None
    down: float | None
    up: float | None


def measure(remote: Remote) -> Speed:
    """The speed of the line to a remote, as far as each word or amount takes no longer."""
    return Speed(
        channels.round_trip(remote),
        _rate(remote, _receive),
        _rate(remote, _send),
    )


def _rate(remote: Remote, seconds_of: Callable[[Remote, int], float | None]) -> float | None:
    """Bytes a second, of amounts that grow until one takes long enough to tell.

    What one takes longer than the one before is the line's alone: not the start of a program
    there, nor the first round trips, in which a connection finds out how fast it may go.
    """
    rate = None
    amount, before, took = _FIRST, 0, 0.0
    while (seconds := seconds_of(remote, amount)) is not None:
        rate = amount / seconds
        if seconds > took:
            rate = max(rate, (amount - before) / (seconds - took))
        if amount >= _MOST or seconds >= (_LONG if before else 4 * _LONG):
            break
        before, took = amount, seconds
        amount = min(max(int(rate * _LONG), 2 * amount), 8 * amount, _MOST)
    return rate


def _receive(remote: Remote, amount: int) -> float | None:
    """The seconds in which so many bytes come from there; None where they do not."""
    argv = ssh.argv(remote, f"head -c {amount} /dev/urandom")
    began = time.monotonic()
    done = question.run(argv, timeout=SECONDS, most=amount)
    return time.monotonic() - began if done.code == 0 and len(done.stdout) == amount else None


def _send(remote: Remote, amount: int) -> float | None:
    """The seconds in which so many bytes go there; None where they do not."""
    data = os.urandom(amount)
    began = time.monotonic()
    done = question.run(ssh.argv(remote, "cat > /dev/null"), stdin=data, timeout=SECONDS)
    return time.monotonic() - began if done.code == 0 else None
