"""Add tags to runs, and delete tags of runs.

Usage:
  guild tag [options] [--add TAG]... [--delete TAG]... [RUN]...
  guild runs tag [options] [--add TAG]... [--delete TAG]... [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, the latest run is meant, or with filters the latest one that they leave; with -r the
latest of your own there, as --mine has them. For --list-all all runs are meant.

What to do:
  -a, --add TAG      Add TAG. May be given several times.
  -d, --delete TAG   Delete TAG. May be given several times.
  -c, --clear        Delete all tags, before any is added.
  -l, --list-all     List the tags of the runs, each once.

Options:
  -s, --sync-labels  Put added tags before the label, and take deleted ones out of it.
  -r, --remote NAME  Change runs of this remote.
  --all-users        With -r and no RUN: change the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.agent.protocol import Run, tags_of
from guild_sync.cli import arguments, choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, UsageError
from guild_sync.output import terminal


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    changes = [o for o in ("--add", "--delete", "--clear") if args.is_set(o)]
    if args.is_set("--list-all"):
        if changes:
            raise UsageError(f"--list-all and {changes[0]} exclude each other")
        return _list(args)
    if not changes:
        raise UsageError("say what to do: --add, --delete, --clear or --list-all")
    if "" in args.texts("--add"):
        raise UsageError("a tag cannot be empty")
    return choosing.change_runs(args, _change(args))


def _change(args: Arguments) -> choosing.Action:
    labels = (
        "Their labels are changed too."
        if args.is_set("--sync-labels")
        else "Their labels stay as they are; --sync-labels changes them too."
    )
    return choosing.Action(
        lambda host, ids: host.tag(
            ids,
            add=args.texts("--add"),
            delete=args.texts("--delete"),
            clear=args.is_set("--clear"),
            sync_labels=args.is_set("--sync-labels"),
        ),
        verb="tag",
        intent="change the tags of",
        done="Changed the tags of",
        note=labels,
    )


def _list(args: Arguments) -> int:
    chosen = choosing.choose(args, changes=False, all_runs=True)
    for tag in sorted({tag for run in chosen.runs for tag in _tags(run)}):
        print(tag)
    return Exit.OK


def _tags(run: Run) -> list[str]:
    """A run's tags, fit to be shown."""
    return [terminal.clean(tag) for tag in tags_of(run)]
