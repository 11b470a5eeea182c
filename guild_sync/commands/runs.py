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

COLS are flags, attributes and scalars (the numbers that runs have printed), with commas in
between: 'lr,loss,min acc,duration'. Of a scalar the last value is shown, or what stands before
its name: first, min, max, mean, count; 'loss step' is the step of the last one, 'min loss step'
that of the lowest. 'flag:x', 'attr:x' and 'scalar:x' (or '=x' and '.x' for the first two) say
which is meant where several have one name; 'min loss as best' gives a heading. 'duration' is how
long a run took. An index means the same run, however the list is sorted.

Options:
  --columns COLS     Show these of each run, too.
  --sort COL         The lowest COL first, or with '-COL' the highest; runs without one last.
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

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import (
    Details,
    Filters,
    ListedRun,
    ListedRuns,
    Run,
    RunLine,
    ScalarForm,
)
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.table import SUBCOMMANDS, module_of
from guild_sync.errors import Exit, RunNotFound
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, tables
from guild_sync.output.runs import AT_END, comments, row_on_terminal, row_without_index, run_row
from guild_sync.output.terminal import Styled, clean, terminal_width

if TYPE_CHECKING:
    from guild_sync.output.records import RunRecord

PAGE = 20
_AT_A_TIME = 2000  # runs: enough that two processes read them, few enough to hold
_OF_LISTED = ("index", "cells", "order")  # what a program sees as `columns`, or has no use for


class _Wanted(NamedTuple):
    """What is to be shown of which runs."""

    args: Arguments
    columns: Sequence[str] = ()
    sort: str = ""
    is_short: bool = False  # for a person, on a terminal: without flags at their default

    @property
    def as_json(self) -> bool:
        return self.args.is_set("--json")

    @property
    def deleted(self) -> bool:
        return self.args.is_set("--deleted")

    @property
    def limit(self) -> int | None:
        if self.args.is_set("--all"):
            return None
        limit = arguments.whole_number(self.args, "--limit")
        return PAGE * (1 + self.args.count("--more")) if limit is None else limit

    @property
    def is_plain(self) -> bool:
        """Whether all runs are to be shown with no more than their lines, or as JSON."""
        more = any(self.args.is_set(name) for name in ("--comments", "--verbose"))
        return self.args.is_set("--all") and not (more or self.columns or self.sort)


class _Answer(NamedTuple):
    """The first of a host's runs that are meant, what else was asked of each, how many in all.

    `listed`: the same runs, where more was asked than a listing has.
    """

    runs: Sequence[Run]
    details: Sequence[Details]
    total: int
    listed: ListedRuns | None = None


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
    is_whole = args.is_set("--simple") or args.is_set("--verbose")
    is_short = not is_whole and terminal_width() is not None
    wanted = _Wanted(args, args.columns("--columns") or (), args.order("--sort"), is_short)
    remotes = _several(args)
    if wanted.is_plain and not remotes:
        _print_all(wanted)
        return Exit.OK
    page = _of_several(wanted, remotes) if remotes else _of_one(wanted)
    if wanted.as_json:
        import json

        print(json.dumps(_records(wanted, page)))
        return page.exit
    for line in _lines(wanted, page):
        print(line)
    shown, total = len(page.answer.runs), page.answer.total
    if not total and not page.exit and sys.stdout.isatty():
        print(_why_none(wanted))
    if shown < total and args.text("--limit") is None:
        print(
            f"Showing the first {shown} runs ({total} in all) - use -a to show all, -m to show more"
        )
    return page.exit


def _why_none(wanted: _Wanted) -> str:
    """Why a listing is empty, for a person."""
    remote = wanted.args.text("--remote")
    where = f" on {clean(remote)}" if remote else ""
    if wanted.args.texts("RUN") or arguments.filters(wanted.args):
        return f"No run{where} is meant by that. All that there are: guild runs{_there(remote)}"
    if wanted.deleted:
        return f"No run is deleted{where}."
    if wanted.args.text("--archive"):
        return "There are no runs in the archive."
    if remote:
        return f"There are no runs{where}. To start one: guild run OPERATION{_there(remote)}"
    return "There are no runs here. To start one: guild run OPERATION ('guild ops' lists them)"


def _there(remote: str | None) -> str:
    return f" -r {clean(remote)}" if remote else ""


def _several(args: Arguments) -> Sequence[str]:
    """The remotes that are asked, where `-r` may name several; else none."""
    if args.text("--remote") is None:
        return ()
    from guild_sync.cli import several  # a listing of what is here has no use for it

    return several.names(args) or ()


def _print_all(wanted: _Wanted) -> None:
    """Print all runs, which may be so many that they are not held at once."""
    args = wanted.args
    target = host(args.text("--remote"), args.text("--archive"))
    filters = arguments.filters_for(args, target, changes=False, deleted=wanted.deleted)
    if not wanted.as_json:
        runs = _each(wanted, target, args.texts("RUN"), filters)
        for line in tables.lines_of_many(_rows(wanted, runs)):
            print(line)
        return
    import json

    text = "["
    for run in _each_record(target, args.texts("RUN"), filters, wanted.deleted):
        print(text + json.dumps(run), end="")
        text = ", "
    print("]" if text == ", " else "[]")


def _each(wanted: _Wanted, host: Host, specs: Sequence[str], filters: Filters) -> Iterator[RunLine]:
    """All runs that are meant: of a remote at one go, else so many at a time."""
    deleted = wanted.deleted
    if not isinstance(host, LocalHost):
        found = host.list_runs(specs, None, filters, deleted, whole=True, short=wanted.is_short)
        yield from found["runs"]
        return
    for ids in _parts(host, specs, filters, deleted):
        yield from host.lines(ids, deleted, wanted.is_short)


def _each_record(
    host: Host, specs: Sequence[str], filters: Filters, deleted: bool
) -> Iterator[RunRecord]:
    """As `_each`, with the scalars of each."""
    if not isinstance(host, LocalHost):
        found = host.listed(specs, None, filters, deleted, whole=True, scalars=True)["runs"]
        yield from (_record(run, run["scalars"]) for run in found)
        return
    for ids in _parts(host, specs, filters, deleted):
        scalars = host.scalars_of(ids, deleted)
        for run in host.summaries(ids, deleted):
            yield _record(run, scalars.get(run["id"], {}))


def _parts(
    host: LocalHost, specs: Sequence[str], filters: Filters, deleted: bool
) -> Iterator[Sequence[str]]:
    ids = host.select(specs, filters, deleted, whole=True)
    for first in range(0, len(ids), _AT_A_TIME):
        yield ids[first : first + _AT_A_TIME]


def _records(wanted: _Wanted, page: _Page) -> Sequence[RunRecord]:
    answer = page.answer
    listed = answer.listed["runs"] if answer.listed else ()
    found = [
        _record(run, one["scalars"])
        for run, one in zip(answer.details or answer.runs, listed, strict=True)
    ]
    for record, one in zip(found, listed, strict=True):
        if wanted.columns:
            record["columns"] = {cell["heading"]: cell["value"] for cell in one["cells"]}
    for record, remote in zip(found, page.remotes, strict=False):
        record["on_remote"] = remote
    return found


def _record(run: Run, scalars: Mapping[str, ScalarForm]) -> RunRecord:
    own = {name: value for name, value in run.items() if name not in _OF_LISTED}
    return {**own, "scalars": scalars}  # type: ignore[typeddict-item]  # all else that it had


def _of_one(wanted: _Wanted) -> _Page:
    args = wanted.args
    target = host(args.text("--remote"), args.text("--archive"))
    filters = arguments.filters_for(args, target, changes=False, deleted=wanted.deleted)
    answer = _answer(wanted, target, args.texts("RUN"), filters)
    _tell_of_unknown([answer])
    if answer.listed:
        runs = answer.listed["runs"]
        return _Page(answer, [_row(wanted, run["index"], run, run) for run in runs])
    return _Page(answer, [*_rows(wanted, answer.runs)])


def _rows(wanted: _Wanted, runs: Iterable[RunLine]) -> Iterator[Sequence[str]]:
    """The cells of each run's line, each with its index: the order is that of these."""
    index = 0
    for run in runs:
        index += run["indexed"]
        yield _row(wanted, index if run["indexed"] else None, run)


def _row(
    wanted: _Wanted,
    index: int | None,
    run: RunLine,
    listed: ListedRun | None = None,
    place: str = "",
) -> Sequence[str]:
    """A run's cells: where it is, or its index, come first; then columns that were asked for."""
    is_simple = wanted.args.is_set("--simple")
    cells: Sequence[str]
    if wanted.is_short:
        cells = row_on_terminal(index, run)[: -len(AT_END) if wanted.columns else None]
    else:
        cells = row_without_index(run) if index is None else run_row(index, run)
    if is_simple:
        cells = (f"[{index or '-'}]", cells[1], *cells[3:])
    first = (clean(place), *cells[is_simple:]) if place else cells
    if not wanted.columns or listed is None:
        return first
    from guild_sync.output.cells import cells as asked

    return (*first[:-1], *asked(wanted.columns, listed), first[-1])


def _of_several(wanted: _Wanted, remotes: Sequence[str]) -> _Page:
    """The runs of all remotes that could be asked, in one list."""
    from guild_sync.cli import several
    from guild_sync.fleet import listing

    named = wanted.args.texts("RUN")
    replies = several.ask(
        *(wanted.args, remotes, named),
        lambda there, words, filters: _answer(wanted, there, words, filters),
        deleted=wanted.deleted,
    )
    answers = replies.answers
    _tell_of_unknown([*answers.values()])
    more = {name: one.listed["runs"] for name, one in answers.items() if one.listed}
    runs = {name: answer.runs for name, answer in answers.items()}
    total = sum(answer.total for answer in answers.values())
    if wanted.sort:
        is_falling = wanted.sort.startswith("-")
        sorted_ones = listing.by_column(more, is_falling, wanted.limit, indexed=not named)
        placed = [listing.PlacedRun[Run](one.remote, one.index, one.run) for one in sorted_ones]
    else:
        placed = listing.newest_first(runs, wanted.limit, indexed=not named)
    details = {(name, run["id"]): run for name, answer in answers.items() for run in answer.details}
    listed = {(name, run["id"]): run for name, found in more.items() for run in found}
    keys = [(one.remote, one.run["id"]) for one in placed]
    shown = _Answer(
        [one.run for one in placed],
        [details[key] for key in keys] if details else (),
        total,
        _together([listed[key] for key in keys], total) if listed else None,
    )
    rows = [
        _row(wanted, None, one.run, listed.get(key), one.place)
        for key, one in zip(keys, placed, strict=True)
    ]
    return _Page(shown, rows, [one.remote for one in placed], replies.exit)


def _together(runs: Sequence[ListedRun], total: int) -> ListedRuns:
    return {"runs": [*runs], "total": total, "sort": "", "unknown": {}, "there": ""}


def _answer(wanted: _Wanted, target: Host, specs: Sequence[str], filters: Filters) -> _Answer:
    deleted, is_verbose = wanted.deleted, wanted.args.is_set("--verbose")
    which = (specs, wanted.limit, filters, deleted, wanted.args.is_set("--all"))
    if wanted.columns or wanted.sort or wanted.as_json:
        found = target.listed(
            *which,
            wanted.columns,
            wanted.sort,
            scalars=wanted.as_json,
            short=wanted.is_short and not wanted.as_json,
        )
        ids = [run["id"] for run in found["runs"]] if is_verbose else []
        details = _details(target, ids, deleted) if ids else ()
        return _Answer(found["runs"], details, found["total"], found)
    if is_verbose:
        detailed = target.list_details(*which)
        return _Answer(detailed["runs"], detailed["runs"], detailed["total"])
    is_counted = wanted.args.text("--limit") is None
    listing = target.list_runs(*which, counted=is_counted, short=wanted.is_short)
    return _Answer(listing["runs"], (), listing["total"])


def _details(target: Host, ids: Sequence[str], deleted: bool) -> Sequence[Details]:
    found = {run["id"]: run for run in target.list_details(ids, deleted=deleted)["runs"]}
    if missing := [run_id for run_id in ids if run_id not in found]:
        raise RunNotFound(f"run {clean(missing[0])} is not there any more", "List the runs again.")
    return [found[run_id] for run_id in ids]


def _tell_of_unknown(answers: Sequence[_Answer]) -> None:
    """Warn of each column that no run has."""
    found = [answer.listed for answer in answers if answer.listed]
    if any(one["unknown"] for one in found):
        from guild_sync.output.cells import nowhere

        for error in nowhere(found):
            console.warn(error)


def _lines(wanted: _Wanted, page: _Page) -> Iterator[str]:
    runs, details, *_ = page.answer
    rows = page.rows
    if wanted.columns and rows:
        usual = _usual(wanted, bool(page.remotes))
        rows = [_head(wanted, usual), *rows]
        rows = tables.fitting(rows, usual.index("started")) if "started" in usual else rows
    lines = iter(tables.table(rows))
    if wanted.columns and rows:
        yield next(lines)
    for number, (run, line) in enumerate(zip(runs, lines, strict=True)):
        yield line
        if wanted.args.is_set("--comments"):
            yield from comments(run)
        if details:
            from guild_sync.commands.info import fields

            yield from (f"  {field}" for field in fields(details[number]))


def _usual(wanted: _Wanted, are_placed: bool) -> Sequence[str]:
    """What is above the columns that each line has, but for the last one."""
    if wanted.args.is_set("--simple"):
        return ("run", "operation", "status")
    return ("run", *(["id"] if are_placed else []), "operation", "started", "status")


def _head(wanted: _Wanted, usual: Sequence[str]) -> Sequence[str]:
    from guild_sync.output.cells import headings

    bold = [Styled.of(text, "bold") for text in (*usual, "label")]
    return (*bold[:-1], *headings(wanted.columns), bold[-1])
