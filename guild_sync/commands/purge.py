"""Remove deleted runs for good: nothing brings them back.

Usage:
  guild purge [options] [RUN]...
  guild runs purge [options] [RUN]...

RUN is an index of 'guild runs --deleted' (1 is the latest), a range 1:5, a run id or the
beginning of one. Without RUN, all deleted runs are meant, or with filters all that they
leave; with -r your own there, as --mine has them, and how many others there are is said.

Options:
  -r, --remote NAME  Purge runs of this remote.
  --all-users        With -r and no RUN: purge the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.choosing import Action, change_runs
from guild_sync.output.formats import counted

PURGE = Action(
    lambda host, ids: host.purge_runs(ids),
    verb="purge",
    intent="permanently delete",
    done="Permanently deleted",
    refused="deleted",
    question=lambda count: f"Permanently delete {counted(count)}?",
    default=False,
    on_copy="Of a run that is running on {remote}, only the copy here is deleted.",
)


def main(argv: Sequence[str]) -> int:
    return change_runs(arguments.parse(__doc__ or "", argv), PURGE, all_runs=True, deleted=True)
