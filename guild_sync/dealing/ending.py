"""A whole batch over several remotes, ended: what waits waits no more, what runs is stopped."""

from __future__ import annotations

import re

from guild_sync.agent.protocol import FINAL
from guild_sync.dealing import batches
from guild_sync.dealing.batches import Batch
from guild_sync.errors import Exit
from guild_sync.fleet.asking import asked
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.console import say
from guild_sync.runs import stop as runs_stop

_PREFIX = re.compile("[0-9a-f]{4,32}\\Z")


def meant(spec: str) -> Batch | None:
    """The batch whose id that is, or begins so; None where it is none, or several begin so."""
    found = [name for name in batches.names() if _PREFIX.match(spec) and name.startswith(spec)]
    return batches.find(found[0]) if len(found) == 1 else None


def stop(batch: Batch, here: LocalHost, patience: float | None, force: bool) -> Exit:
    """End a batch: no trial of it is dealt any more, and those that run are stopped, all at once.

    Those that wait go to the trash. `patience` and `force` are those of `runs.stop`.
    """
    batches.stopped(batch)
    waiting = batches.waiting(here.trials(batch.trials))
    gone = here.delete_runs(waiting)["done"] if waiting else []
    if gone:
        say(f"Not dealt yet, and in the trash now: {batches.counted(len(gone))}")
    of_remotes: dict[str, list[str]] = {}
    for trial in here.trials(batch.trials):  # one may have been dealt meanwhile
        if trial["remote"] and trial["status"] not in (*FINAL, "lost"):
            of_remotes.setdefault(trial["remote"], []).append(trial["run"])

    def stop_there(host: RemoteHost) -> Exit:
        states = host.states(of_remotes[host.name])
        there = [run for run in of_remotes[host.name] if states[run]["status"] is not None]
        # Of those that were just being made, none starts any more.
        unstarted = [run for run in there if states[run]["status"] in ("pending", "staged")]
        if unstarted:
            host.withdraw_runs(unstarted)
        running = [run for run in there if states[run]["status"] == "running"]
        if not running:
            return Exit.OK
        return runs_stop.stop(host, host.list_runs(running)["runs"], patience, force)

    if not gone and not of_remotes:
        say("Nothing of it is left to stop.")
    done = asked([*of_remotes], stop_there)
    return max(done.exit, *done.answers.values(), Exit.OK)
