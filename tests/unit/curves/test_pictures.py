"""Curves as pictures: whole files, in which no text of a run is read."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from guild_sync.curves import pictures
from guild_sync.curves.curve import LOGARITHMS, TIMES, Axis, Plot, PlotCurve
from guild_sync.errors import GuildError

PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = (
    "$\\frac{",
    "$\\frac{$",
    "_hidden",
    "<script>&-->",
    "a\x1b[31m\n\x00",
    "\ud800",
    "日本",
    "^{$}",
    "",
)


def plot_of(labels: tuple[str, ...], connected: bool = True) -> Plot:
    curves = [PlotCurve(label, [0, 1, 2], [1, math.nan, 2]) for label in labels]
    return Plot(labels[0], Axis(labels[-1]), Axis("\\"), curves, connected)


def test_labels_are_no_more_than_text() -> None:
    for connected in (True, False):
        assert pictures.picture(plot_of(HOSTILE, connected), "png").startswith(PNG)
        svg = pictures.picture(plot_of(HOSTILE, connected), "svg")
        tags = {one.tag.rpartition("}")[2] for one in ElementTree.fromstring(svg).iter()}
        assert tags <= {
            *("svg", "metadata", "RDF", "Work", "title", "type", "format", "creator", "Agent"),
            *("defs", "style", "g", "path", "use", "clipPath", "rect", "text"),
        }
        assert b"<script" not in svg.replace(b"<!-- <script", b"")


def test_a_label_that_begins_with_an_underscore_is_in_the_legend() -> None:
    with_it = pictures.picture(plot_of(("a", "_b")), "svg")
    assert b"<!-- _b -->" in with_it


def test_the_same_curves_are_the_same_file() -> None:
    assert pictures.picture(plot_of(("a", "b")), "svg") == pictures.picture(
        plot_of(("a", "b")), "svg"
    )


def test_a_legend_names_no_more_curves_than_can_be_read() -> None:
    found = pictures.picture(plot_of(tuple(f"r{n}x" for n in range(40))), "svg")
    assert b"<!-- r23x -->" in found
    assert b"<!-- r24x -->" not in found
    assert b"the first 24 of 40" in found


@pytest.mark.parametrize("kind", [TIMES, LOGARITHMS])
def test_numbers_of_any_size_can_be_drawn(kind: str) -> None:
    curve = PlotCurve("", [0, 1e308, -1e308, 5e-324], [1e308, -1e308, math.inf, 0])
    assert pictures.picture(Plot("", Axis("", kind), Axis(""), [curve]), "png").startswith(PNG)


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    plot = plot_of(("a",))
    with pytest.raises(GuildError, match="cannot write"):
        pictures.write(plot, tmp_path / "no" / "a.png", "png")
    (tmp_path / "folder").mkdir()
    with pytest.raises(GuildError, match="Is a directory"):
        pictures.write(plot, tmp_path / "folder", "png")
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "." or path.suffix] == []
    pictures.write(plot, tmp_path / "a.png", "png")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "a.png").chmod(0o604)
    pictures.write(plot, tmp_path / "link.png", "png")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o604


def test_nothing_of_matplotlib_gets_into_the_users_home(tmp_path: Path) -> None:
    code = (
        "from guild_sync.curves import pictures\n"
        "from guild_sync.curves.curve import Axis, PlotCurve, Plot\n"
        "plot = Plot('', Axis(''), Axis(''), [PlotCurve('', [0], [0])])\n"
        "print(len(pictures.picture(plot, 'png')))\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    hostile = tmp_path / "matplotlibrc"  # of a project's folder
    hostile.write_text("text.usetex: True\nfigure.hooks: no.such:hook\n")
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [*(tmp_path / "user").iterdir()] == []
    assert (tmp_path / "here/cache/matplotlib").is_dir()
