"""What is known here of remotes and their runs, without asking any of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guild_sync.agent.protocol import GlancedRun
from guild_sync.hosts.local import LocalHost
from guild_sync.monitoring.standings import NOT_HERE_YET, Standing, standings


def known(here: LocalHost, names: Sequence[str]) -> Iterator[tuple[Standing, list[GlancedRun]]]:
    """How each remote stood when it was last synced, and the copies here of its open runs."""
    wanted = set(names)
    for standing in standings(here, names):
        if standing.remote in wanted:
            ids = [run.run for run in standing.open if run.status != NOT_HERE_YET]
            yield standing, here.glanced(ids) if ids else []
