"""How remotes stand, as text for Prometheus, in a file that node_exporter collects.

Source: Prometheus' text exposition format 0.0.4; names as its naming practice has them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from guild_sync import __version__
from guild_sync.agent.protocol import FINAL
from guild_sync.monitoring.standings import NEVER, NOT_HERE_YET, REACHABLE, Standing

_STATUSES = ("running", "pending", "staged", "lost", *FINAL, NOT_HERE_YET)
_MODE = 0o644  # node_exporter is another user

Value = Callable[[Standing, float], float | None]

# name, type, help, value; of each remote one, where it has one
_OF_REMOTES: tuple[tuple[str, str, str, Value], ...] = (
    (
        "guild_remote_up",
        "gauge",
        "Whether the last sync reached the remote and could work there.",
        lambda s, now: None if s.state == NEVER else float(s.state == REACHABLE),
    ),
    (
        "guild_remote_last_try_timestamp_seconds",
        "gauge",
        "When a sync last asked the remote.",
        lambda s, now: s.entry.tried,
    ),
    (
        "guild_remote_last_success_timestamp_seconds",
        "gauge",
        "When a sync last reached the remote and could work there.",
        lambda s, now: s.entry.succeeded,
    ),
    (
        "guild_remote_lag_seconds",
        "gauge",
        "Time since the remote's last word for the run that waits longest for one.",
        lambda s, now: s.lag(now),
    ),
    (
        "guild_remote_consecutive_failures",
        "gauge",
        "Syncs that failed since the last success.",
        lambda s, now: s.entry.failures,
    ),
    (
        "guild_remote_syncs_total",
        "counter",
        "Syncs that asked the remote.",
        lambda s, now: s.entry.syncs,
    ),
    (
        "guild_remote_failed_syncs_total",
        "counter",
        "Syncs that asked the remote and failed.",
        lambda s, now: s.entry.failed_syncs,
    ),
    (
        "guild_remote_transferred_bytes_total",
        "counter",
        "Bytes that rsync sent and received.",
        lambda s, now: s.entry.bytes,
    ),
    (
        "guild_remote_sync_seconds_total",
        "counter",
        "Time that successful syncs took.",
        lambda s, now: s.entry.seconds,
    ),
    (
        "guild_remote_last_sync_transferred_bytes",
        "gauge",
        "Bytes that rsync sent and received in the last successful sync.",
        lambda s, now: s.entry.last_bytes,
    ),
    (
        "guild_remote_last_sync_duration_seconds",
        "gauge",
        "Time that the last successful sync took.",
        lambda s, now: s.entry.last_seconds,
    ),
)


def text(standings: Sequence[Standing], now: float) -> str:
    """The metrics at the time `now`, in seconds since 1970."""
    return "".join(f"{line}\n" for line in _lines(standings, now))


def write(path: Path, standings: Sequence[Standing], now: float) -> None:
    """Put the metrics into the file, at one go. Raises OSError where that cannot be.

    The temporary file is one that node_exporter does not collect: it does `*.prom` alone.
    """
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(text(standings, now))
        os.chmod(temporary, _MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _lines(standings: Sequence[Standing], now: float) -> Iterator[str]:
    info = [({"version": __version__}, 1.0)]
    yield from _family("guild_info", "gauge", "The version of guild.", info)
    yield from _family(
        "guild_metrics_timestamp_seconds",
        "gauge",
        "When these metrics were written.",
        [({}, now)],
    )
    for name, kind, about, value in _OF_REMOTES:
        values = ((s.remote, value(s, now)) for s in standings)
        samples = [({"remote": remote}, found) for remote, found in values if found is not None]
        yield from _family(name, kind, about, samples)
    runs = [
        ({"remote": s.remote, "status": status}, float(s.runs.get(status, 0)))
        for s in standings
        for status in _STATUSES
    ]
    yield from _family("guild_runs", "gauge", "Runs that came from the remote, or are to.", runs)


def _family(
    name: str, kind: str, about: str, samples: Iterable[tuple[dict[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{pairs}}} {value!r}" if pairs else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
