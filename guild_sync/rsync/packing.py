"""Whether what a copy brings is compressed on its way: `compress: auto` of a remote.

It is where both rsyncs have zstd, which at its lowest level takes hardly longer than ssh takes to
encrypt, the files pack well, and no copy without it was faster than it could be with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from guild_sync.agent.protocol import State
from guild_sync.config.remotes import AUTO, FAST, YES, Remote
from guild_sync.transport import known, programs

# Bytes a second, of two cores that do all that both ends do: 64 MB of logs in 0.3 s, of less
# regular JSON in 0.8 s, and without zstd in 0.7 s each.
FAST_LINE = 60e6
SLOW_LINE = 12.5e6
_WORTH = 0.8  # of the bytes, that are left of what packs well
# Of these a copy tells how fast the line is: bytes, or seconds.
_MUCH, _LONG = 8 << 20, 2.0


def may_pack(remote: Remote, way: known.Way = "from", *, often: bool = False) -> bool:
    """Whether it is worth a look how well files pack that are to be copied.

    What is asked `often`, and most often of files that have not changed, over a slow line alone.
    """
    if remote.compress != AUTO:
        return False
    there = known.known_of(remote)
    if there is not None and (not there["zstd"] or there[way] >= FAST_LINE):
        return False
    if often and not (there and 0 < there[way] < SLOW_LINE):
        return False
    return programs.rsync_has_zstd()


def in_words(remote: Remote, way: known.Way) -> str:
    """What becomes of files on that way, as `guild check` says it."""
    if remote.compress != AUTO:
        return "all is compressed" if remote.compress == YES else "none is compressed"
    there = known.known_of(remote)
    if there is None:
        return "not known yet"
    if not (there["zstd"] and programs.rsync_has_zstd()):
        return f"none is compressed: rsync {'here' if there['zstd'] else 'there'} has no zstd"
    if not may_pack(remote, way):
        return f"none is compressed: a copy had {there[way] / 1e6:.0f} MB/s"
    return "what packs well is compressed"


def packing(remote: Remote, states: Iterable[State], way: known.Way = "from") -> Remote:
    """The remote, with whether these runs are compressed on their way from there, or to there."""
    there = known.known_of(remote)
    if there is None or not there["zstd"] or not may_pack(remote, way):
        return remote
    samples = [state["sample"] for state in states]
    size, packed = (sum(sample[at] for sample in samples) for at in (0, 1))
    return remote._replace(compress=FAST) if packed < size * _WORTH else remote


def note_copy(remote: Remote, traffic: int, seconds: float, way: known.Way = "from") -> None:
    """Keep how fast a copy was, if it tells something of the line, which is as fast at least."""
    if remote.compress not in (AUTO, FAST) or seconds <= 0:
        return
    rate, there = traffic / seconds, known.known_of(remote)
    # A long copy of little may have waited for a disk; it does not say that the line is slower.
    is_slower = there is not None and rate < there[way]
    if traffic >= _MUCH or (seconds >= _LONG and not is_slower):
        known.note_speed(remote, way, rate)
