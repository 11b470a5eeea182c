"""Set, change or clear the label of runs.

Usage:
  guild label [options] [--remove TEXT]... [RUN]...
  guild runs label [options] [--remove TEXT]... [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, the latest run is meant, or with filters the latest one that they leave; with -r the
latest of your own there, as --mine has them.

One of these says what to do:
  -s, --set TEXT      Make TEXT the label.
  -p, --prepend TEXT  Put TEXT before the label.
  -a, --append TEXT   Put TEXT behind the label.
  --remove TEXT       Take TEXT out of the label, where it stands between spaces (-rm).
                      May be given several times.
  -c, --clear         Remove the label.

Options:
  -r, --remote NAME   Change runs of this remote.
  --all-users         With -r and no RUN: change the runs of others too.
  -y, --yes           Do not ask.
  --help              Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.choosing import Action, change_runs

ACTIONS = ("--set", "--prepend", "--append", "--remove", "--clear")


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    option = arguments.one_of(args, ACTIONS)
    clear = option == "--clear"
    values = [] if clear else args.texts(option) or [args.word(option)]
    change = Action(
        lambda host, ids: host.label(ids, option.removeprefix("--"), values),
        verb="label",
        intent="clear the label of" if clear else "label",
        done="Cleared the label of" if clear else "Labeled",
        refused="labeled",
    )
    return change_runs(args, change)
