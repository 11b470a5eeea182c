"""Curves as text: as wide as it may be, and nothing in it that a terminal obeys."""

from __future__ import annotations

import math
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_sync.curves import on_terminal
from guild_sync.curves.curve import LOGARITHMS, NAMES, Axis, Plot, PlotCurve
from guild_sync.errors import GuildError
from guild_sync.output.terminal import width_of

HOSTILE = "a\x1b[31m\r\n\u202e日本\x07"


def plot_of(*curves: PlotCurve, x: str = "step", connected: bool = True) -> Plot:
    return Plot("loss", Axis(x), Axis("loss"), curves, connected)


def rows(lines: list[str]) -> list[str]:
    """What is between the frame's sides."""
    return [found[1] for line in lines if (found := re.search("[│┤](.*)│$", line))]


def test_a_curve_goes_from_its_first_point_to_its_last() -> None:
    lines = on_terminal.drawn(plot_of(PlotCurve("", [0, 10], [1, 0])), 60, 12, False)
    inside = rows(lines)
    assert {inside[0].strip().strip("a"), inside[-1].strip().strip("a")} == {""}
    assert inside[0].index("a") < 3
    assert inside[-1].rindex("a") > len(inside[-1]) - 4
    assert all("a" in row for row in inside)
    assert len(lines) == 12
    assert {width_of(line) for line in lines} <= set(range(61))


def test_a_gap_is_left_open() -> None:
    ys = [0.0] * 50 + [math.nan] + [0.0] * 50
    whole = on_terminal.drawn(plot_of(PlotCurve("", range(101), [0.0] * 101)), 110, 10, False)
    cut = on_terminal.drawn(
        plot_of(PlotCurve("", [*range(50), 50, *range(90, 140)], ys)), 110, 10, False
    )
    assert any(re.search("a{90}", row) for row in rows(whole))
    assert any(re.search("a +a", row) for row in rows(cut))


def test_points_that_are_not_connected_are_points() -> None:
    drawn = on_terminal.drawn(
        plot_of(PlotCurve("", [0, 10], [1, 0]), connected=False), 60, 12, False
    )
    assert sum(row.count("a") for row in rows(drawn)) == 2


def test_curves_are_told_apart_by_colours_or_letters() -> None:
    some = on_terminal.signs(3, colours=True)
    assert len({sign.style for sign in some}) == 3
    assert {sign.text for sign in some} == {"━"}
    assert [sign.text for sign in on_terminal.signs(3, colours=False)] == ["a", "b", "c"]
    many = on_terminal.signs(30, colours=True)
    assert len({*many}) == 30
    assert len(on_terminal.signs(1000, colours=False)) == 1000


def test_a_pipe_gets_no_colours_and_a_terminal_gets_nothing_else() -> None:
    plot = plot_of(PlotCurve(HOSTILE, [0, 1], [0, 1]), x=HOSTILE)
    plain = "\n".join(on_terminal.drawn(plot, 60, 12, False))
    assert "\x1b" not in plain
    coloured = "\n".join(on_terminal.drawn(plot, 60, 12, True))
    assert "\x1b[38;5;4m" in coloured
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", without)
    assert "a?[31m??????" in without, "what takes two columns is none that plotext counts"


def test_names_of_an_axis_are_no_more_than_text() -> None:
    x = Axis("opt", NAMES, ("adam", HOSTILE))
    plot = Plot("", x, Axis("loss", LOGARITHMS), [PlotCurve("", [0, 1], [1, 100])], connected=False)
    text = "\n".join(on_terminal.drawn(plot, 60, 12, False))
    assert "\x1b" not in text
    assert "adam" in text
    assert len(text.splitlines()) == 12


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(), st.floats()), min_size=0, max_size=20),
    st.integers(-5, 200),
    st.integers(-5, 60),
    st.booleans(),
)
def test_any_points_can_be_drawn_at_any_size(
    points: list[tuple[float, float]], width: int, height: int, connected: bool
) -> None:
    one = PlotCurve("", [x for x, _ in points], [y for _, y in points])
    lines = on_terminal.drawn(plot_of(one, connected=connected), width, height, False)
    assert len(lines) == max(height, on_terminal.LEAST_HEIGHT)
    assert all(width_of(line) <= max(width, on_terminal.LEAST_WIDTH) for line in lines)


def test_without_plotext_a_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    monkeypatch.setattr("guild_sync.output.extra.find_spec", lambda name: None)
    with pytest.raises(GuildError) as raised:
        on_terminal.drawn(plot_of(PlotCurve("", [0], [0])), 60, 12, False)
    assert "guild-sync[report]" in raised.value.hint
