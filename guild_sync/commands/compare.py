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
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.comparison import page, record, sheet, together, watching
from guild_sync.comparison.columns import CORE, DURATION, WantedColumns
from guild_sync.comparison.together import ComparedRow, Order, SideBySide
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.fleet.asking import gathered
from guild_sync.fleet.listing import newest_first
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host
from guild_sync.output import console, extra, terminal, whole_files

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
        watching.redrawn(shown, runs.again, interval)
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
    """The runs that a command line means, looked at once or again and again."""

    def __init__(self, args: Arguments) -> None:
        self._args = args
        self._remotes = several.names(args)
        self._named = args.texts("RUN")
        self._whole = args.is_set("--include-batch")
        self._order = _order(args)
        self._wanted = _wanted(args, self._order, bool(self._remotes))
        # Of what every run has anyway no host is asked.
        by = [self._wanted.order] if self._wanted.order else []
        self._asked = [*self._wanted.asked, *by, DURATION]
        self._listings: dict[str, ComparedListing] = {}
        self._target: Host | None = None
        self._filters: Filters = {}
        self.exit = Exit.OK

    def first(self) -> SideBySide:
        """The runs, as all say that can be asked; why others cannot is told."""
        if self._remotes:
            replies = several.ask(self._args, self._remotes, self._named, self._question)
            self._listings, self.exit = dict(replies.answers), replies.exit
            if not replies.answers:
                raise replies.without("no run can be compared")
        else:
            target = host(self._args.text("--remote"), self._args.text("--archive"))
            self._filters = arguments.filters_for(self._args, target, changes=False)
            self._target = target
            self._listings = {"": self._question(target, self._named, self._filters)}
        self._warn_of_unknown()
        return self._compared()

    def again(self) -> SideBySide:
        """The same runs, and those that are new where none was named; nothing is printed.

        Of what cannot be asked now, what was known is shown, with why.
        """
        problems: list[str] = []
        if self._target is not None:
            if self._named and not self._words(""):
                return self._compared()
            try:
                listing = self._question(self._target, self._words(""), self._filters)
                self._listings[""] = listing
            except GuildError as e:
                problems.append(e.message)
        else:
            names = [name for name in self._remotes if not self._named or self._words(name)]
            replies = gathered(
                names,
                lambda there: self._question(
                    there, self._words(there.name), arguments.filters_on(self._args, there)
                ),
                lambda name, error: None,
            )
            self._listings.update(replies.answers)
            problems += [error.message for error in replies.errors.values()]
        return replace(self._compared(), problems=problems)

    def ending(self, row: ComparedRow, most: int) -> str:
        """The last bytes of the output of a run, at most so many."""
        there = host(row.placed.remote) if row.placed.remote else self._target
        assert there is not None  # a run is of a remote, or of the one host that was asked
        return there.ending(row.placed.run["id"], most)

    def _question(self, there: Host, specs: Sequence[str], filters: Filters) -> ComparedListing:
        return there.compared(specs, None, filters, self._whole, self._asked)

    def _words(self, name: str) -> Sequence[str]:
        """What names the runs once they are known: indexes would mean others later."""
        known = self._listings.get(name) if self._named else None
        return [run["id"] for run in known["runs"]] if known else ()

    def _compared(self) -> SideBySide:
        runs = {name: listing["runs"] for name, listing in self._listings.items()}
        placed = newest_first(runs, indexed=not self._named)
        total = sum(listing["total"] for listing in self._listings.values())
        return together.compared(placed, self._wanted, self._order, total)

    def _warn_of_unknown(self) -> None:
        runs = [run for listing in self._listings.values() for run in listing["runs"]]
        for at, text in enumerate(self._wanted.asked):
            told = (run["cells"][at : at + 1] for run in runs)
            if text != _DIGEST and runs and all(not c or c[0]["value"] is None for c in told):
                placed = [*newest_first({"": runs})]
                hint = together.known(placed, columns.column(text).heading)
                console.warn(GuildError(f"no run has {terminal.clean(text)!r}", hint))


def _order(args: Arguments) -> Order:
    top = arguments.whole_number(args, "--top")
    if lowest := args.column("--min"):
        return Order(lowest, is_ranking=True, top=top)
    if highest := args.column("--max"):
        return Order(highest, descending=True, is_ranking=True, top=top)
    text = args.text("--sort") or ""
    return Order(text.removeprefix("-"), descending=text.startswith("-"), top=top)


def _asked(args: Arguments) -> list[str]:
    """The columns that are named."""
    texts = (args.text("--columns"), args.text("--cols"))
    named = [column for text in texts for column in columns.split(text or "")]
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
