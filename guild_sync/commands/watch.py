"""Show the output of a run as it is made, from its beginning, until the run ends.

Usage:
  guild watch [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
Ctrl-C ends the watching and leaves the run running.

Options:
  -p, --pid PID      Watch the run that a process belongs to. PID is its number, or a file
                     that holds it.
  -r, --remote NAME  Watch a run of this remote.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.agent.protocol import Run
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import being_pushed, only
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host
from guild_sync.runs.watch import watch


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    target = host(args.text("--remote"))
    run = _chosen(target, args)
    if pushed := being_pushed(run):
        raise pushed
    if run["remote"] and target.name is None:
        target = host(run["remote"])  # what is here is a copy: its output is made there
    return Exit.OK if watch(target, run["id"]) else Exit.INTERRUPTED


def _chosen(target: Host, args: Arguments) -> Run:
    spec = args.text("RUN") or "1"
    filters = arguments.filters_for(args, target, changes=False)
    process = args.text("--pid")
    if process is not None:
        if args.text("RUN") or filters:
            raise UsageError("--pid excludes RUN and filters")
        spec = target.of_process(process)
    return only(target, spec, filters)
