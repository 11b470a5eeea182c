"""Show runs beside each other: flags that differ, scalars, time, status.

Usage:
  guild compare [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one; without, all runs
are compared. The latest come first, or the best where guild.yml says under 'objective' which
number is to be least or greatest: then the best number has a '*' in front, and the others a
colour by their rank. What is nan, inf, or missing comes last.

The columns are what guild.yml names under 'compare' of a run's operation; else the flags that
differ, then the last number of each scalar. COL is one of these as the heading shows it, or 'loss',
'min loss', 'loss step', '=lr' for a flag, '.started' for an attribute, 'max acc as best'.

On a terminal it is a table to move through (? shows its keys), where the textual of the extra
'report' is installed; with -t, and in a pipe, it is printed.

Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the runs are in one table.
Copies here are as the last sync has brought them; with -r the remote is asked.

Options:
  --min COL            Show the lowest COL first.
  --max COL            Show the highest COL first.
  --sort COL           Sort by COL, behind a '-' in descending order; words too.
  -n, --top N          Show the first N runs of that order alone. --limit is the same.
  --columns COLS       Show these columns alone, with commas between them (-cc).
  -c, --cols COLS      Show these columns too, in front of the others.
  -a, --all            Show also flags that are the same in all runs.
  -u, --skip-unchanged
                       Show no column that is the same in all runs.
  -p, --skip-op-cols   Show no column of the operation: no flags and scalars.
  --skip-core          Show no time, status, operation, start and label.
  -s, --all-scalars    Show also scalars of the system: sys/...
  -e, --extra-cols     Show also who started a run, and the digest of its source code.
  --include-batch      Compare batches that have ended well, too.
  -t, --table          Print the table.
  --csv FILE           Write it as CSV; '-' prints it. Text that a spreadsheet would take for a
                       formula gets a ' in front.
  --json               Print JSON.
  -w, --watch          Look again and again, until no run goes on or Ctrl-C.
  --interval SEC       With -w, look every SEC seconds [default: 5].
  -r, --remote NAMES   Compare the runs of this remote, or of several.
  -A, --archive FILE   Compare the runs of this archive, such as 'guild export' makes.
  --help               Show this help and exit.

[filters]
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from guild_sync.agent import columns
from guild_sync.agent.protocol import ComparedListing, Filters
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.looking import HostAnswers
from guild_sync.comparison import page, record, sheet, together
from guild_sync.comparison.columns import CORE, DURATION, WantedColumns
from guild_sync.comparison.together import ComparedRow, Order, SideBySide
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.fleet.listing import newest_first
from guild_sync.hosts.base import Host
from guild_sync.output import console, extra, terminal, whole_files
from guild_sync.screens import redrawing

# What Guild AI's compare has under another name, and what to do for what it has alone.
_NAMES = {
    **dict.fromkeys(("-cc", "--strict-cols", "--strict-columns"), "--columns"),
    "--limit": "--top",
}
_INSTEAD = {
    "--tool": "Give the table to a program of yours: guild compare --csv FILE.",
    "--print-scalars": "'guild info RUN' shows the scalars of a run.",
}
_DIGEST = ".sourcecode_digest as sourcecode"
_ORDERS = ("--min", "--max", "--sort")
_FORMS = ("--csv", "--json", "--watch")


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", _in_our_words(argv))
    for group in (_ORDERS, _FORMS):
        given = [option for option in group if args.is_given(option)]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude each other")
    interval = arguments.whole_number(args, "--interval", least=1)
    assert interval is not None  # the usage has a default
    runs = _Runs(args)
    shown = runs.first()
    if args.is_set("--json"):
        print(json.dumps(record.of(shown)))
    elif (path := args.text("--csv")) is not None:
        _write(path, sheet.text(shown))
    elif shown.rows and _is_to_be_viewed(args):
        from guild_sync.comparison import viewer

        again = interval if args.is_set("--watch") else None
        viewer.view(shown, runs.again, runs.ending, again)
    elif args.is_set("--watch"):
        found = redrawing.looks(shown, runs.again, lambda one: one.goes_on, interval)
        redrawing.redrawn(found, lambda one: [*page.lines(one)])
    else:
        for line in page.lines(shown):
            print(line)
    return runs.exit


def _in_our_words(argv: Sequence[str]) -> list[str]:
    """The command line, with the options of Guild AI's compare by their names here."""
    words: list[str] = []
    for at, word in enumerate(argv):
        if word == "--":
            return [*words, *argv[at:]]
        name, equals, value = word.partition("=")
        if name in _INSTEAD:
            raise UsageError(f"guild compare has no {name}", _INSTEAD[name])
        words.append(_NAMES.get(name, name) + equals + value)
    return words


def _is_to_be_viewed(args: Arguments) -> bool:
    """Whether a person can move through the table; where only a library lacks, that is said."""
    if args.is_set("--table") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        extra.need("tables to move through", "report", "textual")
    except GuildError as e:
        console.complain(f"{e.message}: it is printed", "yellow", e.hint)
        return False
    return True


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
        return
    if whole_files.write(Path(path), text.encode()):
        console.say(f"Wrote {terminal.clean(path)}")


class _Runs:
    """The runs that a command line means, beside each other, once or again and again."""

    def __init__(self, args: Arguments) -> None:
        self._looks = HostAnswers(args, self._question, _ids)
        self._whole = args.is_set("--include-batch")
        self._order = _order(args)
        self._wanted = _wanted(args, self._order, bool(self._looks.remotes))
        # Of what every run has anyway no host is asked.
        by = [self._wanted.order] if self._wanted.order else []
        self._asked = [*self._wanted.asked, *by, DURATION]

    @property
    def exit(self) -> Exit:
        return self._looks.exit

    def first(self) -> SideBySide:
        """The runs, as all say that can be asked; why others cannot is told."""
        self._looks.first("no run can be compared")
        self._warn_of_unknown()
        return self._compared()

    def again(self) -> SideBySide:
        """The same runs, and those that are new where none was named; nothing is printed.

        Of what cannot be asked now, what was known is shown, with why.
        """
        self._looks.again()
        return replace(self._compared(), problems=self._looks.problems)

    def ending(self, row: ComparedRow, most: int) -> str:
        """The last bytes of the output of a run, at most so many."""
        return self._looks.host_of(row.placed.remote).ending(row.placed.run["id"], most)

    def _question(self, there: Host, specs: Sequence[str], filters: Filters) -> ComparedListing:
        return there.compared(specs, None, filters, self._whole, self._asked)

    def _compared(self) -> SideBySide:
        runs = {name: listing["runs"] for name, listing in self._looks.answers.items()}
        placed = newest_first(runs, indexed=not self._looks.named)
        total = sum(listing["total"] for listing in self._looks.answers.values())
        return together.compared(placed, self._wanted, self._order, total)

    def _warn_of_unknown(self) -> None:
        runs = [run for listing in self._looks.answers.values() for run in listing["runs"]]
        for at, text in enumerate(self._wanted.asked):
            if text in (_DIGEST, *CORE) or not runs:
                continue
            told = (run["cells"][at : at + 1] for run in runs)
            if all(not cell or cell[0]["value"] is None for cell in told):
                placed = [*newest_first({"": runs})]
                hint = together.known(placed, columns.column(text).heading)
                console.warn(GuildError(f"no run has {terminal.clean(text)!r}", hint))


def _ids(listing: ComparedListing) -> list[str]:
    return [run["id"] for run in listing["runs"]]


def _order(args: Arguments) -> Order:
    top = arguments.whole_number(args, "--top", least=1)
    if lowest := args.column("--min"):
        return Order(lowest, is_ranking=True, top=top)
    if highest := args.column("--max"):
        return Order(highest, descending=True, is_ranking=True, top=top)
    text = args.order("--sort")
    return Order(text.removeprefix("-"), descending=text.startswith("-"), top=top)


def _asked(args: Arguments) -> list[str]:
    """The columns that are named."""
    lists = (args.columns("--columns"), args.columns("--cols"))
    named = [column for listed in lists for column in listed or ()]
    return [*named, *([_DIGEST] if args.is_set("--extra-cols") else [])]


def _wanted(args: Arguments, order: Order, placed: bool) -> WantedColumns:
    return WantedColumns(
        _asked(args),
        "" if order.column in CORE else order.column,
        only_asked=args.is_given("--columns"),
        core=not args.is_set("--skip-core"),
        of_operation=not args.is_set("--skip-op-cols"),
        same=args.is_set("--all"),
        extra=args.is_set("--extra-cols"),
        system=args.is_set("--all-scalars"),
        unchanged=not args.is_set("--skip-unchanged"),
        placed=placed,
    )
