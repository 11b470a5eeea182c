"""Remove deleted runs for good: nothing brings them back.

Usage:
  guild purge [options] [RUN]...
  guild runs purge [options] [RUN]...

RUN is an index of 'guild runs --deleted' (1 is the latest), a range 1:5, a run id or the
beginning of one. Without RUN, all deleted runs are meant, or with filters all that they
leave.

Options:
  -r, --remote NAME  Purge runs of this remote.
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
        say("Nothing to purge.")
        return Exit.OK
    change = choosing.Change(
        function="purge_runs",
        args={},
        intent="permanently delete",
        done="Permanently deleted",
        refused="deleted",
        question=lambda count: f"Permanently delete {choosing.counted(count)}?",
        default=False,
        on_copy="Of a run that is running on {remote}, only the copy here is deleted.",
    )
    return choosing.carry_out(change, chosen, ask=not args["--yes"])
