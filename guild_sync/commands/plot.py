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
  --png FILE         Write a picture to FILE, and draw nothing in the terminal.
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
import threading
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import number
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.curves import lacking, on_terminal, runs_drawn
from guild_sync.curves.curve import Plot
from guild_sync.curves.runs_drawn import DrawnCurve, DrawnRun, Gathered, WantedCurves
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.fleet.listing import newest_first
from guild_sync.hosts.choose import host
from guild_sync.output import console, tables, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.output.runs import operation, status
from guild_sync.output.terminal import Styled, clean

_LIMIT, _INTERVAL = 20, 5
_WIDTH, _HEIGHT = 80, 20  # of what is drawn where no terminal is
_MOST_SMOOTH = 100_000
_OPEN = ("running", "pending")
_CLEAR, _HOME = "\x1b[2J", "\x1b[H"  # a screen is empty; the cursor is at its beginning
_REST_OF_LINE, _REST = "\x1b[K", "\x1b[J"  # what is behind the cursor is empty


class _Page(NamedTuple):
    """What is drawn, the lines below it, and how the runs and remotes are."""

    plot: Plot
    legend: Sequence[Sequence[str]]
    is_running: bool
    exit: Exit


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    wanted = _wanted(args)
    interval = arguments.whole_number(args, "--interval", least=1) or _INTERVAL
    watches = args.is_set("--watch")
    is_first, waits = True, False
    while True:
        page = _page(args, wanted)
        if page is not None:
            _show(args, page, redraws=watches, is_first=is_first)
            is_first = False
            if not watches or not page.is_running:
                return page.exit
        elif not waits:
            waits = True
            say(f"Waiting for the first number of {clean(', '.join(wanted.names))}")
        threading.Event().wait(interval)  # nothing tells of what a run has printed elsewhere


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


def _page(args: Arguments, wanted: WantedCurves) -> _Page | None:
    """What is drawn; None where with --watch it is still to come, as some run is running."""
    found, exit_status = _gathered(args, wanted)
    runs = _newest(found, wanted, args)
    if not runs:
        looked_at = chain.from_iterable(each.looked_at for each in found.values())
        if args.is_set("--watch") and any(run["status"] in _OPEN for run in looked_at):
            return None
        raise lacking.nothing([*found.values()], wanted)
    _warn_of_others(args, found, runs, wanted)
    if wanted.is_scatter:
        plot, legend = runs_drawn.scatter_of(runs, wanted), _legend_of_scatter(runs, wanted)
        drawn = any(one.points for one in plot.curves)
    else:
        plot, curves = runs_drawn.curves_of(runs, wanted)
        legend, drawn = _legend(curves, wanted, several="" not in found), bool(curves)
    if not drawn:
        raise lacking.no_numbers(len(runs), wanted)
    is_running = any(one.run["status"] in _OPEN for one in runs)
    return _Page(plot, legend, is_running, exit_status)


# What is drawn.


def _gathered(args: Arguments, wanted: WantedCurves) -> tuple[dict[str, Gathered], Exit]:
    specs = args.texts("RUN")
    if remotes := several.names(args):
        replies = several.ask(
            *(args, remotes, specs),
            lambda there, words, filters: runs_drawn.gathered(there, words, filters, wanted),
        )
        if not replies.answers:
            raise replies.without("no run")
        return replies.answers, replies.exit
    target = host(args.text("--remote"))
    with target.staying():
        filters = arguments.filters_for(args, target, changes=False)
        found = runs_drawn.gathered(target, specs, filters, wanted)
    return {"": Gathered([o._replace(remote="") for o in found.drawn], *found[1:])}, Exit.OK


def _newest(found: dict[str, Gathered], wanted: WantedCurves, args: Arguments) -> list[DrawnRun]:
    """The runs of all remotes that are drawn, the newest first."""
    drawn = {one.run["id"]: one for each in found.values() for one in each.drawn}
    placed = newest_first({name: [one.run for one in g.drawn] for name, g in found.items()})
    limit = None if args.texts("RUN") else wanted.limit
    return list({one.run["id"]: drawn[one.run["id"]] for one in placed}.values())[:limit]


def _warn_of_others(
    args: Arguments, found: dict[str, Gathered], runs: Sequence[DrawnRun], wanted: WantedCurves
) -> None:
    """Name the runs that were named and have nothing that is drawn."""
    if not args.texts("RUN"):
        return
    drawn = {one.run["id"] for one in runs}
    for run in chain.from_iterable(each.looked_at for each in found.values()):
        if run["id"] not in drawn:
            what = " or ".join([*wanted.names, *([wanted.over] if wanted.is_scatter else [])])
            console.warn(GuildError(f"run {run['id']} has no {clean(what)}"))


# How it is shown.


def _show(args: Arguments, page: _Page, redraws: bool, is_first: bool) -> None:
    written = False
    for option, form in (("--png", "png"), ("--svg", "svg")):
        if path := args.text(option):
            from guild_sync.curves import pictures

            pictures.write(page.plot, Path(path), form)
            written = True
            if is_first:
                say(f"Wrote {clean(path)}")
    if written:
        return
    width = terminal.terminal_width()
    lines = _lines(page, width)
    if width is None:
        for line in ["", *lines] if not is_first else lines:
            print(line)
        sys.stdout.flush()
        return
    if redraws:
        lines = [f"{line}{_REST_OF_LINE}" for line in lines]
        lines[0] = f"{_CLEAR if is_first else ''}{_HOME}{lines[0]}"
    say("\n".join(lines) + (_REST if redraws else ""))


def _lines(page: _Page, width: int | None) -> list[str]:
    legend = tables.table(page.legend)
    height = _HEIGHT
    if width is not None:
        rows = _rows_of_terminal()
        # The lines below the curves take half of the terminal at most: the others are not shown.
        most = max(3, rows // 2 - 2)
        if len(legend) > most:
            legend = [*legend[: most - 1], f"and {len(legend) - most + 1} more"]
        height = rows - len(legend) - 2
    colours = terminal.has_colours(sys.stdout)
    title = terminal.cut(clean(page.plot.title), width or _WIDTH)
    curves = on_terminal.drawn(page.plot, width or _WIDTH, height, colours)
    return [title, *curves, *legend]


def _rows_of_terminal() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or _HEIGHT
    except (OSError, ValueError):
        return _HEIGHT


def _legend(
    curves: Sequence[DrawnCurve], wanted: WantedCurves, several: bool
) -> list[Sequence[str]]:
    """A row for each curve: its sign, its run, and the scalar's last number."""
    signs = on_terminal.signs(len(curves), terminal.has_colours(sys.stdout))
    has_keys = any(one.key != wanted.names[0] for one in curves)
    rows: list[Sequence[str]] = []
    for sign, one in zip(signs, curves, strict=True):
        run = one.drawn.run
        last = run["scalars"][one.key]["last"]
        place = f"[{one.drawn.remote}:{run['id'][:8]}]" if several else f"[{run['id'][:8]}]"
        rows.append(
            (
                Styled.of(sign.text, sign.style),
                clean(place),
                operation(run),
                status(run),
                *([clean(one.key)] if has_keys else []),
                f"{number(last):g}",
                clean(run["label"] if run["label"] is not None else ""),
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
    return rows or [(counted(len(runs)),)]
