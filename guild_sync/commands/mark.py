"""Mark runs, or unmark them.

Usage:
  guild mark [options] [RUN]...
  guild runs mark [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, the latest run is meant, or with filters the latest one that they leave, and all
marked runs for --clear; with -r your own there, as --mine has them.

Options:
  -c, --clear        Unmark runs.
  -r, --remote NAME  Change runs of this remote.
  --all-users        With -r and no RUN: change the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.choosing import Action, change_runs

MARK = Action(
    lambda host, ids: host.mark(ids), verb="mark", intent="mark", done="Marked", refused="marked"
)
UNMARK = Action(
    lambda host, ids: host.mark(ids, marked=False),
    verb="unmark",
    intent="unmark",
    done="Unmarked",
    refused="unmarked",
)


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.is_set("--clear"):
        return change_runs(args, UNMARK, all_runs=True, marked=True)
    return change_runs(args, MARK)
