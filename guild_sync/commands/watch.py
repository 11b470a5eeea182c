"""Show the output of a run as it is made, from its beginning, until the run ends.

Usage:
  guild watch [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the latest of all that
are running is meant, or RUN: an id that one of them has, or gpu1:3.
Of a run that waits in the queue of a cluster it is said for what, until it has begun.
Ctrl-C ends the watching and leaves the run running.

Options:
  -p, --pid PID      Watch the run that a process belongs to. PID is its number, or a file
                     that holds it.
  -r, --remote NAMES
                     Watch a run of this remote, or of one of several. 'guild sync --watch'
                     shows what all runs print that come from remotes.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import being_pushed, only
from guild_sync.cli.several import OneRun
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts.choose import host
from guild_sync.output.console import say
from guild_sync.runs.watch import is_queued, state_of, tell_next, watch


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    found = _found(args)
    target = found.host
    run = only(target, found.spec, found.filters)
    if pushed := being_pushed(run):
        raise pushed
    if run["remote"] and target.name is None:
        target = host(run["remote"])  # what is here is a copy: its output is made there
    if several.names(args):
        say(f"Watching {run['id']} on {target.name}")
    shown = watch(target, run["id"], state_of(run), is_queued(run))
    if shown:
        is_batch = run["opref"]["name"].endswith("+")
        tell_next(target, run["id"], target.name is None, is_batch)
    return found.exit if shown else Exit.INTERRUPTED


def _found(args: Arguments) -> OneRun:
    process = args.text("--pid")
    if process is None:
        return several.one_run(args, args.text("RUN"), status="running")
    target = host(args.text("--remote"))
    if args.text("RUN") or arguments.filters_on(args, target):
        raise UsageError("--pid excludes RUN and filters")
    return OneRun(target, target.of_process(process), {})
