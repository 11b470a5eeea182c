"""Runs of a remote that were started from here, and are not here yet."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from guild_sync.hooks.events import EXPECTED, Change, ChangeListener
from guild_sync.hosts.local import LocalHost
from guild_sync.sync.request import Wanted

# From when a run is expected to when it must have been made there, had its start happened: what
# a guild that was killed has asked for last, a slow remote may be doing yet.
_START_SECONDS = 60.0


class Awaited:
    """The runs that are expected from one remote, as one visit of it goes on."""

    def __init__(self, here: LocalHost, remote: str, wanted: Wanted) -> None:
        self._here = here
        self._remote = remote
        copies = set(wanted.ids)
        self._runs = [run for run in wanted.expected if run["run"] not in copies]
        self._copies = [run["run"] for run in wanted.expected if run["run"] in copies]

    @property
    def ids(self) -> list[str]:
        """The runs to ask for."""
        return [run["run"] for run in self._runs]

    @property
    def begun(self) -> list[str]:
        """Those of them that the remote is known to have had."""
        return [run["run"] for run in self._runs if run["begun"]]

    def lose(self, lost: Sequence[str], journal: ChangeListener | None) -> list[Change]:
        """Expect these no more, which the remote had and has not."""
        changes = [Change(run_id, self._remote, EXPECTED, "lost") for run_id in lost]
        if journal:
            journal.expect(changes)
            journal.happened(changes, changes)
        # Last: a kill between has it told again, and not for ever unknown.
        self._here.forget_expected(lost)
        return changes

    def forget(
        self, found: Collection[str], unfinished: Collection[str], is_same_home: bool
    ) -> list[str]:
        """Expect no more what has come home, nor what was never started; the latter's ids."""
        now = time.time()
        may_begin = range(int((now - _START_SECONDS) * 1e6), int(now * 1e6) + 1)
        unstarted = [
            run["run"]
            for run in self._runs
            if run["run"] not in found
            and not run["begun"]
            and run["time"] not in may_begin  # nor later: the clock was set back
            and is_same_home
        ]
        home = [r for r in (*self.ids, *self._copies) if r in found and r not in unfinished]
        forgotten = [*home, *unstarted]
        if forgotten:
            self._here.forget_expected(forgotten)
        return unstarted
