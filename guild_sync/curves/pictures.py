"""Curves as pictures, PNG or SVG: by matplotlib, which gets no text of a run that it could read."""

from __future__ import annotations

import atexit
import io
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from guild_sync.config.home import guild_home
from guild_sync.curves.curve import Plot
from guild_sync.curves.scale import AxisScale, scale_of
from guild_sync.output import extra, whole_files
from guild_sync.output.terminal import clean, cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (9.0, 5.5)  # inches
_DOTS = 120  # an inch, of a PNG
_MOST_NAMED = 24  # curves in the legend
_LONGEST = 60  # columns of a name in it
_DASHES = ("-", "--", ":", "-.")  # each for all colours before the next


def write(plot: Plot, path: Path, form: str) -> bool:
    """Write a plot as a picture, `png` or `svg`: whole, or not at all.

    The answer is False where it went into a pipe or a device.
    """
    return whole_files.write(path, picture(plot, form))


def picture(plot: Plot, form: str) -> bytes:
    """The picture as a file has it. Raises GuildError where matplotlib is not there."""
    extra.need("pictures", "report", "matplotlib")
    _keep_fonts_away()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")  # of characters that the font lacks: they are boxes
        matplotlib.rcdefaults()  # no settings of the user's, or of a file in this folder
        matplotlib.rcParams["text.parse_math"] = False  # `$` and what is in it mean themselves
        matplotlib.rcParams["svg.hashsalt"] = "guild"  # the same curves are the same file
        return _rendered(plot, form)


def _rendered(plot: Plot, form: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DOTS)
    axes = figure.add_subplot()
    points = [point for one in plot.curves for point in one.points]
    across, up = scale_of(plot.x, (x for x, _ in points)), scale_of(plot.y, (y for _, y in points))
    colours = [f"C{number}" for number in range(10)]
    lines = []
    for number, one in enumerate(plot.curves):
        places = [(across.place(x), up.place(y)) for x, y in one.pairs]
        dash = _DASHES[number // len(colours) % len(_DASHES)]
        lines += axes.plot(
            [x for x, _ in places],
            [y for _, y in places],
            linestyle=dash if plot.connected else "none",
            marker="" if plot.connected and len(one.points) > 1 else "o",
            color=colours[number % len(colours)],
            linewidth=1.5,
            markersize=4,
        )
    _rule(axes, across, up)
    axes.set_title(_text(plot.title))
    if len(plot.curves) > 1 or plot.curves[0].label:
        named = [*plot.curves][:_MOST_NAMED]
        legend = axes.legend(
            lines[:_MOST_NAMED],
            ["x"] * len(named),  # what begins with `_` would be left out: the texts follow
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            fontsize="small",
        )
        for shown, one in zip(legend.get_texts(), named, strict=True):
            shown.set_text(_text(one.label))
        if len(plot.curves) > len(named):
            legend.set_title(f"the first {len(named)} of {len(plot.curves)}")
    file = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {}
    figure.savefig(file, format=form, bbox_inches="tight", metadata=metadata)
    return file.getvalue()


def _rule(axes: Axes, across: AxisScale, up: AxisScale) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for scale, most, ticks_at, name in (
        (across, 8, axes.set_xticks, axes.set_xlabel),
        (up, 8, axes.set_yticks, axes.set_ylabel),
    ):
        ticks = [tick for tick in scale.ticks(most) if 0 <= tick.place <= 1]
        ticks_at([tick.place for tick in ticks], [_text(tick.text) for tick in ticks])
        name(_text(scale.axis.label))
    axes.grid(True, alpha=0.3)


def _text(text: str) -> str:
    return cut(clean(text), _LONGEST)


def _keep_fonts_away() -> None:
    """Have matplotlib keep what it knows of fonts in the guild home, and not in the user's."""
    if os.environ.get("MPLCONFIGDIR"):
        return
    folder = guild_home() / "cache" / "matplotlib"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="guild-fonts-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = str(folder)
