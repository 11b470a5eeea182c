"""Bring deleted runs back from the trash.

Usage:
  guild restore [options] [RUN]...
  guild runs restore [options] [RUN]...

RUN is an index of 'guild runs --deleted' (1 is the latest), a range 1:5, a run id or the
beginning of one. Without RUN, all deleted runs are meant, or with filters all that they
leave; with -r your own there, as --mine has them, and how many others there are is said.

Options:
  -r, --remote NAME  Restore runs of this remote.
  --all-users        With -r and no RUN: restore the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.choosing import Action, change_runs
from guild_sync.output.formats import counted

RESTORE = Action(
    lambda host, ids: host.restore_runs(ids),
    verb="restore",
    intent="restore",
    done="Restored",
    refused="restored",
    question=lambda count: f"Restore {counted(count)}?",
    on_copy="What is restored of a run on {remote} is the copy: 'guild sync' renews it.",
)


def main(argv: Sequence[str]) -> int:
    return change_runs(arguments.parse(__doc__ or "", argv), RESTORE, all_runs=True, deleted=True)
