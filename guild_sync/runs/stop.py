"""End runs on a host: ask, wait, kill; each step a short call, however long the wait."""

from __future__ import annotations

import time
from collections.abc import Sequence

from guild_sync.agent.protocol import KILL, KILL_RUNNER, TERM, Run
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts.base import Host, on
from guild_sync.output.console import say, warn
from guild_sync.output.terminal import clean
from guild_sync.project import builtin

CALL_SECONDS = 20.0  # no call to a remote waits longer than this
AFTER_KILL = 10.0  # seconds for a runner to write down how its killed operation ended


def stop(host: Host, runs: Sequence[Run], patience: float | None, force: bool) -> Exit:
    """Stop the running runs. `patience`: seconds before they are killed; None: do not wait.

    The exit status is an error where one could not be stopped.
    """
    stopper = _Stopper(host)
    stopper.call_ended([run["id"] for run in runs if run["machine"]])
    ids = [run["id"] for run in runs if not run["machine"]]
    ids = stopper.signal(ids, KILL if force else TERM)
    for run_id in ids:
        say(f"Stopping {run_id}{on(host)}")
    if patience is None:
        return stopper.exit
    left = stopper.wait(ids, patience)
    queues = {run["id"] for run in runs if builtin.is_queue(run)} if not force else set()
    for run_id in [run_id for run_id in left if run_id in queues]:
        say(f"Queue {run_id} ends when the run that it started has ended")
        left.remove(run_id)
    if left and not force:
        for run_id in left:
            say(f"{run_id} has not ended in {patience:g} s: killing it")
        left = stopper.signal(left, KILL)
    left = stopper.wait(left, AFTER_KILL)
    left = stopper.wait(stopper.signal(left, KILL_RUNNER), AFTER_KILL)
    for run_id in left:
        stopper.fail(run_id, "it does not end")
    return stopper.exit


class _Stopper:
    """The host's runs, and whether all went well."""

    def __init__(self, host: Host) -> None:
        self.exit = Exit.OK
        self._host = host

    def signal(self, ids: Sequence[str], how: str) -> list[str]:
        """Tell the runs to end; those that could be told."""
        if not ids:
            return []
        told = self._host.signal_runs(ids=list(ids), how=how)
        refused = dict(told["refused"])
        if refused:
            # One that ended by itself meanwhile is what was wanted.
            answer = self._host.wait_runs(ids=list(refused), seconds=3)
            ended = answer["status"]
            for run_id, why in refused.items():
                if ended.get(run_id):
                    self._tell(run_id, ended[run_id])
                else:
                    self.fail(run_id, why)
        return list(told["done"])

    def call_ended(self, ids: Sequence[str]) -> None:
        """Have it written down that runs of another machine on the host's disk have ended."""
        if ids:
            told = self._host.call_ended(ids)
            for run_id in told["done"]:
                self._tell(run_id, "terminated")
            for run_id, why in told["refused"].items():
                self.fail(run_id, why)

    def wait(self, ids: Sequence[str], seconds: float) -> list[str]:
        """Wait for the runs to end and tell how each did; those that have not."""
        left = list(ids)
        deadline = time.monotonic() + seconds
        while left:
            # One look at least, even where there is no time left.
            span = min(max(deadline - time.monotonic(), 0.0), CALL_SECONDS)
            answer = self._host.wait_runs(ids=left, seconds=span)
            for run_id, status in answer["status"].items():
                self._tell(run_id, status)
            left = list(answer["running"])
            if time.monotonic() >= deadline:
                break
        return left

    def _tell(self, run_id: str, status: str | None) -> None:
        say(f"Run {run_id} stopped with a status of '{clean(status or 'deleted')}'")

    def fail(self, run_id: str, why: str) -> None:
        self.exit = Exit.ERROR
        warn(GuildError(f"run {run_id}{on(self._host)} was not stopped: {clean(why)}"))
