"""List runs, here or on a remote.

Usage:
  guild runs [list] [-m...] [options] [RUN]...

Each line has the run's index and the beginning of its id, its operation, when it
started, its status, and its label. RUN is an index (1 is the latest), a range 1:5,
a run id or the beginning of one. 'guild runs info' shows all of one run.

Options:
  -n, --limit N      Show at most N runs (20 if neither this nor -a is given).
  -m, --more         Show 20 more, for each time that it is given.
  -a, --all          Show all runs, and with them batches that have ended well, which have
                     no index: what is to be seen of them is their trials.
  -d, --deleted      Show runs that were deleted and can be restored.
  -c, --comments     Show the runs' comments.
  -s, --simple       Show less: index, operation, status and label.
  -v, --verbose      Show more: also who started a run, and of a remote's run when it was
                     last confirmed.
  -r, --remote NAME  Show the runs of this remote.
  -A, --archive FILE
                     Show the runs of this archive, such as 'guild export' makes.
  --json             Print JSON.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from guild_sync.agent.protocol import DetailedListing, Details, Listing, Run
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.table import SUBCOMMANDS, module_of
from guild_sync.errors import Exit
from guild_sync.hosts.choose import host
from guild_sync.output import tables
from guild_sync.output.runs import comments, row_without_index, run_row

PAGE = 20


def main(argv: Sequence[str]) -> int:
    if argv[1:2] and argv[1] in SUBCOMMANDS:
        module = module_of(SUBCOMMANDS[argv[1]])
        return int(import_module(f"guild_sync.commands.{module}").main(argv))
    args = arguments.parse(__doc__ or "", argv)
    target = host(args.text("--remote"), args.text("--archive"))
    deleted = args.is_set("--deleted")
    filters = arguments.filters_for(args, target, changes=False, deleted=deleted)
    which = (args.texts("RUN"), _limit(args), filters, deleted, args.is_set("--all"))
    found: Listing | DetailedListing
    details: Sequence[Details] = ()
    if args.is_set("--verbose"):
        found = target.list_details(*which)
        details = found["runs"]
    else:
        found = target.list_runs(*which)
    if args.is_set("--json"):
        import json

        print(json.dumps(found["runs"]))
        return Exit.OK
    for line in _lines(found["runs"], details, args):
        print(line)
    if len(found["runs"]) < found["total"] and args.text("--limit") is None:
        print(
            f"Showing the first {len(found['runs'])} runs ({found['total']} in all) - "
            "use -a to show all, -m to show more"
        )
    return Exit.OK


def _limit(args: Arguments) -> int | None:
    if args.is_set("--all"):
        return None
    limit = arguments.whole_number(args, "--limit")
    return PAGE * (1 + args.count("--more")) if limit is None else limit


def _lines(runs: Sequence[Run], details: Sequence[Details], args: Arguments) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    index = 0
    for run in runs:
        index += run["indexed"]
        row = run_row(index, run) if run["indexed"] else row_without_index(run)
        simple = f"[{index if run['indexed'] else '-'}]"
        rows.append((simple, row[1], *row[3:]) if args.is_set("--simple") else row)
    for number, (run, line) in enumerate(zip(runs, tables.table(rows), strict=True)):
        yield line
        if args.is_set("--comments"):
            yield from comments(run)
        if details:
            from guild_sync.commands.info import fields

            yield from (f"  {field}" for field in fields(details[number]))
