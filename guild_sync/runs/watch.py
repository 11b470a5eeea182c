"""Show the output of a run as it is made."""

from __future__ import annotations

import sys
from collections.abc import Callable

from guild_sync.agent.protocol import Run, Value
from guild_sync.errors import Exit
from guild_sync.hosts.base import Host, on, option
from guild_sync.output.console import say, to_stdout
from guild_sync.output.terminal import clean

_MOST_SCALARS = 5  # whose last values are shown
_QUEUE_SECONDS = 30.0  # until a scheduler is asked again, while a run waits


def watch(
    host: Host,
    run_id: str,
    state: str = "running",
    is_queued: bool = False,
    show: Callable[[bytes], None] = to_stdout,
) -> Run | None:
    """`show` the run's output from its beginning until it has ended; its summary then.

    Of one that waits in the queue of a scheduler it is told for what, until it has begun.
    None after Ctrl-C, which leaves the run as it is: running, as far as `state` does not say more.
    """
    sys.stdout.flush()
    try:
        if is_queued:
            _wait_in_queue(host, run_id)
        host.watch(show, run_id)
        run, values = _ended(host, run_id)
    except KeyboardInterrupt:
        say(f"\nStopped watching {run_id}: it is still {state}{on(host)}")
        say(f"To watch use 'guild watch {run_id}{option(host.name)}'")
        return None
    say(f"Run {run_id} stopped with a status of '{clean(run['status'])}'{values}")
    return run


def tell_next(host: Host, run_id: str, is_home: bool, is_batch: bool) -> None:
    """Tell a person, on a terminal, what there is to do with a run that has ended."""
    if not sys.stdout.isatty():
        return
    where = "" if is_home else option(host.name)
    if is_batch:  # which has no files of its own
        say(f"Its trials beside each other: 'guild compare{where}'")
    else:
        say(f"Its files: 'guild ls {run_id[:8]}{where}'")
    if host.name is not None and not is_home:
        say(f"To bring it home: 'guild pull {host.name} {run_id[:8]}'")


def _ended(host: Host, run_id: str) -> tuple[Run, str]:
    """The run's summary, and where a person reads it the last values of its scalars."""
    if not sys.stdout.isatty():
        return host.list_runs([run_id])["runs"][0], ""
    from guild_sync.output.cells import last_ones

    found = host.listed([run_id], scalars=True)["runs"][0]
    values = last_ones(found["scalars"], _MOST_SCALARS)
    return found, f" ({values})" if values else ""


def _wait_in_queue(host: Host, run_id: str) -> None:
    """Tell what the run waits for, again when it has changed, until it waits no more."""
    from guild_sync.output import runs  # most runs wait in no queue

    said = ""
    while True:
        run = host.summaries([run_id])[0]
        if not is_queued(run):
            return
        if (why := runs.waits(run)) != said:
            say(f"Run {run_id} waits {_in_queue(clean(why))}{_stuck(run)}")
            sys.stdout.flush()
        said = why
        host.await_start(run_id, _QUEUE_SECONDS)


def _in_queue(why: str) -> str:
    return f"in {why}" if why.startswith("the queue") else f"for {why}"


def _stuck(run: Run) -> str:
    """What is said of a job that does not begin by itself, however long it waits."""
    is_held = run["job"] is not None and run["job"]["held"]
    return "; it does not begin by itself, a person has to help it" if is_held else ""


def is_queued(run: Run) -> bool:
    """Whether the run is a job that has not begun."""
    return run["status"] == "pending" and run["job"] is not None


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
