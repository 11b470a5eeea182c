"""Draw scalars of runs as curves, in the terminal or as a picture.

Usage:
  guild plot [options] SCALAR [RUN]...

SCALAR is the name of one, or of several with commas between: guild plot loss,val_loss. RUN is an
index (1 is the latest), a range 1:5, a run id or the beginning of one. Without RUN, the latest
runs that have it are drawn. What follows the '#' of scalars of TensorBoard's event files, as the
'loss' of 'train#loss' and 'val#loss', means all of these.

Below the curves each run has its sign, and the scalar's last number. A number that is none (nan,
inf) is a gap.

With --x FLAG each run is a point: the flag's value, and the scalar's last number. Any column of
'guild compare' may be FLAG, and SCALAR: guild plot 'min loss' --x lr.

Options:
  -x, --x WHAT       What the curves are drawn over: step, time, elapsed (the time since the run
                     began), or a flag [default: step].
  -n, --limit N      Draw the N latest runs that have it (20). RUN is not limited.
  -a, --all          Draw all runs that have it.
  --log              Draw the logarithm: numbers that are not above 0 are gaps.
  --smooth N         Draw the mean of the last N numbers.
  --png FILE         Write a picture to FILE, and draw nothing in the terminal; '-' is stdout.
  --svg FILE         Write a picture that can be enlarged.
  -w, --watch        Draw it anew, again and again, until none of the runs is running.
  --interval SEC     With --watch, draw it every SEC seconds (5).
  -r, --remote NAMES
                     Draw runs of this remote, or of several.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import ComparedRun, Filters, goes_on
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.looking import HostAnswers
from guild_sync.curves import lacking, on_terminal, runs_drawn
from guild_sync.curves.curve import Plot
from guild_sync.curves.runs_drawn import CurveOfRun, DrawnRun, Gathered, WantedCurves
from guild_sync.errors import GuildError, UsageError
from guild_sync.fleet.listing import newest_first
from guild_sync.hosts.base import Host
from guild_sync.output import console, formats, tables, terminal
from guild_sync.output.console import say
from guild_sync.output.runs import operation, short_operation, status
from guild_sync.output.terminal import Styled, clean
from guild_sync.screens import redrawing

_LIMIT, _INTERVAL = 20, 5
_WIDTH, _HEIGHT = 80, 20  # of what is drawn where no terminal is
_MOST_SMOOTH = 100_000
_PICTURES = ("png", "svg")


class _Page(NamedTuple):
    """What is drawn, and the lines below it; no plot yet: None. `goes_on`: one of the runs does."""

    plot: Plot | None
    legend: Sequence[Sequence[str]]
    goes_on: bool
    problems: Sequence[str]


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    wanted = _wanted(args)
    interval = arguments.whole_number(args, "--interval", least=1) or _INTERVAL
    looks: HostAnswers[Gathered] = HostAnswers(
        args, partial(_question, wanted), lambda found: [run["id"] for run in found.looked_at]
    )
    looks.first("no run")
    watches = args.is_set("--watch")
    first = _page(looks, wanted, watches)
    if not watches:
        _show(args, [first])
        return looks.exit

    def again() -> _Page:
        looks.again()
        return _page(looks, wanted, watches)

    found = redrawing.looks(first, again, lambda page: page.goes_on, interval)
    if any(args.is_given(f"--{form}") for form in _PICTURES):
        _show(args, found)
    else:
        redrawing.redrawn(found, partial(_lines_of_page, wanted))
    return looks.exit


def _wanted(args: Arguments) -> WantedCurves:
    names = list(dict.fromkeys(name.strip() for name in args.word("SCALAR").split(",")))
    if not all(names):
        raise UsageError("SCALAR is a name, or several with commas between them")
    smooth = arguments.whole_number(args, "--smooth", least=1) or 1
    if smooth > _MOST_SMOOTH:
        raise UsageError(f"--smooth takes a number up to {_MOST_SMOOTH}")
    limit = arguments.whole_number(args, "--limit", least=1) or _LIMIT
    found = WantedCurves(
        [" ".join(name.split()).removeprefix("scalar:") for name in names],
        args.word("--x"),
        None if args.is_set("--all") else limit,
        smooth,
        args.is_set("--log"),
    )
    if found.is_scatter and smooth > 1:
        raise UsageError("--smooth is for curves: with --x FLAG each run is one point")
    return found


def _page(looks: HostAnswers[Gathered], wanted: WantedCurves, watches: bool) -> _Page:
    """What is drawn; with --watch it may be still to come, where some run is running."""
    found = looks.answers
    runs = _newest(found, None if looks.named else wanted.limit)
    looked_at = [*chain.from_iterable(each.looked_at for each in found.values())]
    if not runs:
        if watches and any(map(goes_on, looked_at)):
            return _Page(None, (), True, looks.problems)
        raise lacking.nothing([*found.values()], wanted)
    if looks.named and not watches:
        _warn_of_others(looked_at, runs, wanted)
    if wanted.is_scatter:
        plot, legend = runs_drawn.scatter_of(runs, wanted), _legend_of_scatter(runs, wanted)
        drawn = any(one.points for one in plot.curves)
    else:
        plot, curves = runs_drawn.curves_of(runs, wanted)
        legend, drawn = _legend(curves, wanted, several=bool(looks.remotes)), bool(curves)
    if not drawn:
        raise lacking.no_numbers(len(runs), wanted)
    return _Page(plot, legend, any(goes_on(one.run) for one in runs), looks.problems)


# What is drawn.


def _question(
    wanted: WantedCurves, there: Host, specs: Sequence[str], filters: Filters
) -> Gathered:
    return runs_drawn.gathered(there, specs, filters, wanted)


def _newest(found: Mapping[str, Gathered], limit: int | None) -> list[DrawnRun]:
    """The runs of all remotes that are drawn, the newest first."""
    drawn = {one.run["id"]: one for each in found.values() for one in each.drawn}
    placed = newest_first({name: [one.run for one in g.drawn] for name, g in found.items()})
    return list({one.run["id"]: drawn[one.run["id"]] for one in placed}.values())[:limit]


def _warn_of_others(
    looked_at: Sequence[ComparedRun], runs: Sequence[DrawnRun], wanted: WantedCurves
) -> None:
    """Name the runs that were named and have nothing that is drawn."""
    drawn = {one.run["id"] for one in runs}
    what = " or ".join([*wanted.names, *([wanted.over] if wanted.is_scatter else [])])
    for run in looked_at:
        if run["id"] not in drawn:
            console.warn(GuildError(f"run {run['id']} has no {clean(what)}"))


# How it is shown.


def _show(args: Arguments, pages: Iterable[_Page]) -> None:
    """Write each of the pages as the pictures that are asked for; else the one there is as text."""
    files = {path: form for form in _PICTURES if (path := args.text(f"--{form}")) is not None}
    told: set[str] = set()
    for page in pages:
        if page.plot is None:
            if "" not in told:
                say(_waiting(args.word("SCALAR")))
            told.add("")
            continue
        for path, form in files.items():
            from guild_sync.curves import pictures

            if path == "-":
                console.to_stdout(pictures.picture(page.plot, form))
            elif pictures.write(page.plot, Path(path), form) and path not in told:
                told.add(path)
                say(f"Wrote {clean(path)}")
        if not files:
            say("\n".join(_lines(page.plot, page.legend, terminal.terminal_width())))


def _lines_of_page(wanted: WantedCurves, page: _Page) -> list[str]:
    """What is drawn on the terminal as it is now; behind it, why it may be old."""
    width = terminal.terminal_width()
    problems = [
        clean(text) if width is None else terminal.cut(clean(text), width) for text in page.problems
    ]
    if page.plot is None:
        return [_waiting(", ".join(wanted.names)), *problems]
    return [*_lines(page.plot, page.legend, width, len(problems)), *problems]


def _waiting(names: str) -> str:
    return f"Waiting for the first number of {clean(names)}"


def _lines(
    plot: Plot, rows: Sequence[Sequence[str]], width: int | None, below: int = 0
) -> list[str]:
    """A plot and its legend, with room for so many lines below them."""
    legend = tables.table(rows)
    height = _HEIGHT
    if width is not None:
        high = _rows_of_terminal() - below
        # The lines below the curves take half of the terminal at most: the others are not shown.
        most = max(3, high // 2 - 2)
        if len(legend) > most:
            legend = [*legend[: most - 1], f"and {len(legend) - most + 1} more"]
        height = high - len(legend) - 2
    colours = terminal.has_colours(sys.stdout)
    title = terminal.cut(clean(plot.title), width or _WIDTH)
    curves = on_terminal.drawn(plot, width or _WIDTH, height, colours)
    return [title, *curves, *legend]


def _rows_of_terminal() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or _HEIGHT
    except (OSError, ValueError):
        return _HEIGHT


def _legend(
    curves: Sequence[CurveOfRun], wanted: WantedCurves, several: bool
) -> list[Sequence[str]]:
    """A row for each curve: its sign, its run, and the scalar's last number."""
    signs = on_terminal.signs(len(curves), terminal.has_colours(sys.stdout))
    has_keys = any(one.key != wanted.names[0] for one in curves)
    runs = [one.drawn.run for one in curves]
    labels = [clean(run["label"] if run["label"] is not None else "") for run in runs]
    named = operation
    if sys.stdout.isatty():  # a person, whose lines are cut
        labels, named = runs_drawn.differing(labels), short_operation
    rows: list[Sequence[str]] = []
    for sign, one, run, label in zip(signs, curves, runs, labels, strict=True):
        last = run["scalars"][one.key]["last"]
        place = f"[{one.drawn.remote}:{run['id'][:8]}]" if several else f"[{run['id'][:8]}]"
        rows.append(
            (
                Styled.of(sign.text, sign.style),
                clean(place),
                named(run),
                status(run),
                *([clean(one.key)] if has_keys else []),
                formats.shown(last),
                label,
            )
        )
    return rows


def _legend_of_scatter(runs: Sequence[DrawnRun], wanted: WantedCurves) -> list[Sequence[str]]:
    """How many runs are drawn; of several scalars the sign of each."""
    rows: list[Sequence[str]] = []
    if len(wanted.names) > 1:
        signs = on_terminal.signs(len(wanted.names), terminal.has_colours(sys.stdout))
        for sign, name in zip(signs, wanted.names, strict=True):
            rows.append((Styled.of(sign.text, sign.style), clean(name)))
    return rows or [(formats.counted(len(runs)),)]
