"""Mark runs, or unmark them.

Usage:
  guild mark [options] [RUN]...
  guild runs mark [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, the latest run is meant, or with filters the latest one that they leave, and all
marked runs for --clear.

Options:
  -c, --clear        Unmark runs.
  -r, --remote NAME  Change runs of this remote.
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
    clear = bool(args["--clear"])
    chosen = choosing.choose(args, all_runs=True, marked=True) if clear else choosing.choose(args)
    if not chosen.runs:
        say("Nothing to unmark." if clear else "Nothing to mark.")
        return Exit.OK
    change = choosing.Change(
        function="mark",
        args={"marked": not clear},
        intent="unmark" if clear else "mark",
        done="Unmarked" if clear else "Marked",
        refused="unmarked" if clear else "marked",
    )
    return choosing.carry_out(change, chosen, ask=not args["--yes"])
