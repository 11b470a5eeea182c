"""List runs, here or on a remote.

Usage:
  guild runs [list] [-m...] [options] [RUN]...

Each line has the run's index and the beginning of its id, its operation, when it
started, its status, and its label. RUN is an index (1 is the latest), a range 1:5,
a run id or the beginning of one. 'guild runs info' shows all of one run.

Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the runs are in one
list, the newest of all first, each with what it is meant by: gpu1:3. RUN is such a word,
gpu1:1:5 or an id that one of them has. A remote that is down is named, and shows in the exit
status.

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
  -r, --remote NAMES
                     Show the runs of this remote, or of several.
  -A, --archive FILE
                     Show the runs of this archive, such as 'guild export' makes.
  --json             Print JSON.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import Details, Filters, Run
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.table import SUBCOMMANDS, module_of
from guild_sync.errors import Exit
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.output import tables
from guild_sync.output.runs import comments, row_without_index, run_row
from guild_sync.output.terminal import clean

if TYPE_CHECKING:
    from guild_sync.output import records

PAGE = 20
_AT_A_TIME = 200


class _Answer(NamedTuple):
    """The first of a host's runs that are meant, what else was asked of each, how many in all."""

    runs: Sequence[Run]
    details: Sequence[Details]
    total: int


class _Page(NamedTuple):
    """What is shown: the runs, and for each a row, and on which of several remotes it is."""

    answer: _Answer
    rows: Sequence[Sequence[str]]
    remotes: Sequence[str] = ()
    exit: Exit = Exit.OK


def main(argv: Sequence[str]) -> int:
    if argv[1:2] and argv[1] in SUBCOMMANDS:
        module = module_of(SUBCOMMANDS[argv[1]])
        return int(import_module(f"guild_sync.commands.{module}").main(argv))
    args = arguments.parse(__doc__ or "", argv)
    remotes = _several(args)
    if _is_plain(args) and not remotes:
        _print_all(args)
        return Exit.OK
    page = _of_several(args, remotes) if remotes else _of_one(args)
    if args.is_set("--json"):
        import json

        print(json.dumps(_records(page)))
        return page.exit
    for line in _lines(page, args):
        print(line)
    shown, total = len(page.answer.runs), page.answer.total
    if shown < total and args.text("--limit") is None:
        print(
            f"Showing the first {shown} runs ({total} in all) - use -a to show all, -m to show more"
        )
    return page.exit


def _several(args: Arguments) -> Sequence[str]:
    """The remotes that are asked, where `-r` may name several; else none."""
    if args.text("--remote") is None:
        return ()
    from guild_sync.cli import several  # a listing of what is here has no use for it

    return several.names(args) or ()


def _is_plain(args: Arguments) -> bool:
    """Whether all runs are to be shown with no more than their lines, or as JSON."""
    more = ("--comments", "--verbose")
    return args.is_set("--all") and not any(args.is_set(name) for name in more)


def _print_all(args: Arguments) -> None:
    """Print all runs, which may be so many that they are not held at once."""
    target = host(args.text("--remote"), args.text("--archive"))
    deleted = args.is_set("--deleted")
    filters = arguments.filters_for(args, target, changes=False, deleted=deleted)
    runs = _each(target, args.texts("RUN"), filters, deleted)
    if not args.is_set("--json"):
        for line in tables.lines_of_many(_rows(args, runs)):
            print(line)
        return
    import json

    text = "["
    for run in runs:
        print(text + json.dumps(run), end="")
        text = ", "
    print("]" if text == ", " else "[]")


def _each(host: Host, specs: Sequence[str], filters: Filters, deleted: bool) -> Iterator[Run]:
    """All runs that are meant: of a remote at one go, else so many at a time."""
    if not isinstance(host, LocalHost):
        yield from host.list_runs(specs, None, filters, deleted, whole=True)["runs"]
        return
    ids = host.select(specs, filters, deleted, whole=True)
    for first in range(0, len(ids), _AT_A_TIME):
        yield from host.summaries(ids[first : first + _AT_A_TIME], deleted)


def _records(page: _Page) -> Sequence[Run | records.PlacedRunRecord]:
    if not page.remotes:
        return page.answer.runs
    placed: list[records.PlacedRunRecord] = [
        {**run, "on_remote": remote}
        for run, remote in zip(page.answer.runs, page.remotes, strict=True)
    ]
    return placed


def _of_one(args: Arguments) -> _Page:
    target = host(args.text("--remote"), args.text("--archive"))
    deleted = args.is_set("--deleted")
    filters = arguments.filters_for(args, target, changes=False, deleted=deleted)
    answer = _answer(args, target, args.texts("RUN"), filters)
    return _Page(answer, [*_rows(args, answer.runs)])


def _rows(args: Arguments, runs: Iterable[Run]) -> Iterator[Sequence[str]]:
    """The cells of each run's line."""
    index = 0
    for run in runs:
        index += run["indexed"]
        row = run_row(index, run) if run["indexed"] else row_without_index(run)
        simple = f"[{index if run['indexed'] else '-'}]"
        yield (simple, row[1], *row[3:]) if args.is_set("--simple") else row


def _of_several(args: Arguments, remotes: Sequence[str]) -> _Page:
    """The runs of all remotes that could be asked, in one list."""
    from guild_sync.cli import several
    from guild_sync.fleet.listing import newest_first

    named = args.texts("RUN")
    replies = several.ask(
        *(args, remotes, named),
        lambda there, words, filters: _answer(args, there, words, filters),
        deleted=args.is_set("--deleted"),
    )
    answers = replies.answers
    placed = newest_first(
        {name: answer.runs for name, answer in answers.items()}, _limit(args), indexed=not named
    )
    details = {(name, run["id"]): run for name, answer in answers.items() for run in answer.details}
    shown = _Answer(
        [one.run for one in placed],
        [details[one.remote, one.run["id"]] for one in placed] if details else (),
        sum(answer.total for answer in answers.values()),
    )
    rows: list[Sequence[str]] = []
    for one in placed:
        row = row_without_index(one.run)
        cells = (row[1], *row[3:]) if args.is_set("--simple") else row
        rows.append((clean(one.place), *cells))
    return _Page(shown, rows, [one.remote for one in placed], replies.exit)


def _answer(args: Arguments, target: Host, specs: Sequence[str], filters: Filters) -> _Answer:
    which = (specs, _limit(args), filters, args.is_set("--deleted"), args.is_set("--all"))
    if args.is_set("--verbose"):
        detailed = target.list_details(*which)
        return _Answer(detailed["runs"], detailed["runs"], detailed["total"])
    found = target.list_runs(*which, counted=args.text("--limit") is None)
    return _Answer(found["runs"], (), found["total"])


def _limit(args: Arguments) -> int | None:
    if args.is_set("--all"):
        return None
    limit = arguments.whole_number(args, "--limit")
    return PAGE * (1 + args.count("--more")) if limit is None else limit


def _lines(page: _Page, args: Arguments) -> Iterator[str]:
    runs, details, _ = page.answer
    for number, (run, line) in enumerate(zip(runs, tables.table(page.rows), strict=True)):
        yield line
        if args.is_set("--comments"):
            yield from comments(run)
        if details:
            from guild_sync.commands.info import fields

            yield from (f"  {field}" for field in fields(details[number]))
