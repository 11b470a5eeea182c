"""Show the output of a run as it is made."""

from __future__ import annotations

import sys

from guild_sync.agent.protocol import Run, Value
from guild_sync.errors import Exit
from guild_sync.hosts.base import Host, on, option
from guild_sync.output.console import say, to_stdout
from guild_sync.output.terminal import clean


def watch(host: Host, run_id: str, state: str = "running") -> Run | None:
    """Show the run's output from its beginning until it has ended; its summary then.

    None after Ctrl-C, which leaves the run as it is: running, as far as `state` does not say more.
    """
    sys.stdout.flush()
    try:
        host.watch(to_stdout, run_id)
        run = host.list_runs([run_id])["runs"][0]
    except KeyboardInterrupt:
        say(f"\nStopped watching {run_id}: it is still {state}{on(host)}")
        say(f"To watch use 'guild watch {run_id}{option(host.name)}'")
        return None
    say(f"Run {run_id} stopped with a status of '{clean(run['status'])}'")
    return run


def state_of(run: Run) -> str:
    """What may be said of a run that has not ended, however long ago its summary was told."""
    waits = run["waits"] is not None or run["status"] == "staged"
    return f"{run['status']}, or running" if waits else "running"


def exit_status(code: Value) -> int:
    """What guild ends with after waiting for a run: the operation's own exit status.

    After a signal, 128 and its number, as a shell has it.
    """
    if not isinstance(code, int):
        return Exit.ERROR
    return 128 - code if code < 0 else min(code, 255)
