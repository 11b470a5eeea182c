"""Bring deleted runs back from the trash.

Usage:
  guild restore [options] [RUN]...
  guild runs restore [options] [RUN]...

RUN is an index of 'guild runs --deleted' (1 is the latest), a range 1:5, a run id or the
beginning of one. Without RUN, all deleted runs are meant, or with filters all that they
leave.

Options:
  -r, --remote NAME  Restore runs of this remote.
  -y, --yes          Do not ask.
  --help             Show this help and exit.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync import arguments, choosing
from guild_sync.display import say
from guild_sync.errors import Exit

USAGE = (__doc__ or "") + arguments.FILTER_OPTIONS


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(USAGE, argv)
    chosen = choosing.choose(args, all_runs=True, deleted=True)
    if not chosen.runs:
        say("Nothing to restore.")
        return Exit.OK
    change = choosing.Change(
        function="restore_runs",
        args={},
        intent="restore",
        done="Restored",
        refused="restored",
        question=lambda count: f"Restore {choosing.counted(count)}?",
        on_copy="What is restored of a run on {remote} is the copy: 'guild sync' renews it.",
    )
    return choosing.carry_out(change, chosen, ask=not args["--yes"])
