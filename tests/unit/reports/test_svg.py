"""Curves and scatter plots: valid XML, true to their numbers, of a size that a page can have."""

from __future__ import annotations

import math
import random
import re
import sys
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from guild_sync.agent.protocol import Figure
from guild_sync.reports import figures, svg

NAME = "<b>&\"'\x1b\u202e"


def curve(values: Sequence[Figure], steps: Sequence[int] | None = None) -> svg.ThinCurve:
    return svg.drawn(
        {"step": [*(steps or range(len(values)))], "value": [*values], "of": len(values)}
    )


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def points(text: str) -> list[tuple[int, int]]:
    """Where a drawn curve goes, in tenths of a pixel, its pieces one behind the other."""
    (path,) = re.findall(r'class="curve" d="([^"]*)"', text)
    found: list[tuple[int, int]] = []
    for command, x, y in re.findall(r"([Ml])(-?\d+) (-?\d+)", path):
        at = (int(x), int(y))
        found.append(at if command == "M" else (found[-1][0] + at[0], found[-1][1] + at[1]))
    return found


def test_a_curve_goes_where_its_numbers_are() -> None:
    found = points(svg.curve("loss", curve([0.0, 10.0, 5.0]), "c"))
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    low, high, middle = (y for _, y in found)
    assert high < middle < low  # up is less
    assert abs((high + low) / 2 - middle) <= 1
    for x, y in found:
        assert 0 <= x <= svg.WIDTH * 10 and 0 <= y <= svg.HEIGHT * 10


def test_what_is_no_number_is_a_gap() -> None:
    text = svg.curve("loss", curve([1.0, 2.0, "nan", 3.0, "inf", "nan", 1.0, 1.5]), "c")
    (path,) = re.findall(r'class="curve" d="([^"]*)"', text)
    assert path.count("M") == 3


@pytest.mark.parametrize("values", [[], ["nan"], ["inf", "-inf"]], ids=["none", "nan", "infinite"])
def test_there_is_no_curve_of_nothing(values: list[Figure]) -> None:
    assert svg.curve("loss", curve(values), "c") == ""
    assert svg.spark(curve(values)) == ("", [])


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [5.0, 5.0],
        [0.0, 0.0],
        [1e308, -1e308],
        [1.7e308, 1.7e308],
        [5e-324, 0.0],
        [1e-320, 0.0],
        [2e-310, 1e-310],
        [1e-300, 1e-300],
        [sys.float_info.max, sys.float_info.max],
        [sys.float_info.max, 1e308],
        [1e-300, 2e-300],
        [float(1 << 62), 1.0],
        [10**300, 0.5],
        [-1.0, "nan"],
    ],
)
def test_curves_of_odd_numbers_are_drawn(values: list[Figure]) -> None:
    found = parsed(svg.curve(NAME, curve(values, [1 << 62, -(1 << 62)][: len(values)]), "c"))
    assert "nan" not in ElementTree.tostring(found, "unicode").replace("finance", "")
    svg.spark(curve(values))


def test_names_are_text_and_what_is_seen_is_told() -> None:
    found = parsed(svg.curve(NAME, curve([2.0, 1.0, 3.0]), "c7"))
    assert found.attrib["role"] == "img"
    assert found.attrib["aria-labelledby"] == "c7t c7d"
    title, told = found[0], found[1]
    assert title.text == "<b>&\"'?? by step"
    assert told.text == (
        "3 numbers, from 2 at step 0 to 3 at step 2; lowest 1 at step 1, highest 3 at step 2."
    )


def test_few_letters_are_the_same_curve() -> None:
    draw = random.Random(3)
    values = [math.sin(at / 9) + draw.uniform(-0.01, 0.01) for at in range(120)]
    letters, (x0, x1, y0, y1) = svg.spark(curve(values))
    assert len(letters) <= 4 * 42
    assert all(isinstance(end, (int, float)) for end in (x0, x1, y0, y1))
    for at in range(0, len(letters), 4):
        x = float(x0) + int(letters[at : at + 2], 36) / 1295 * (float(x1) - float(x0))
        y = float(y0) + int(letters[at + 2 : at + 4], 36) / 1295 * (float(y1) - float(y0))
        assert abs(values[round(x)] - y) < 0.05


def test_many_runs_are_one_path_and_few_are_links() -> None:
    few = [svg.Dot(at, at * 2.0, f"{NAME} {at}", f'x"{at}.html') for at in range(5)]
    found = parsed(svg.scatter(NAME, few, [], "p"))
    links = [element for element in found.iter() if element.tag == "a"]
    assert [link.attrib["href"] for link in links] == [f'x"{at}.html' for at in range(5)]
    many = [svg.Dot(at % 9, at, "run", "x") for at in range(2000)]
    text = svg.scatter("loss", many, [], "p")
    assert len(text) < 40_000 and "<a " not in text
    parsed(text)


def test_words_are_places_of_an_axis_and_wide_numbers_are_powers() -> None:
    words = svg.scatter(
        "x", [svg.Dot(0, 1, "a", "a"), svg.Dot(1, 2, "b", "b")], ["adam", NAME], "p"
    )
    assert ">adam<" in words and "&lt;b&gt;" in words
    rates = [svg.Dot(10.0**-at, at, "a", "a") for at in range(1, 5)]
    axis = re.findall(r'class="mid">([^<]*)<', svg.scatter("x", rates, [], "p"))
    assert axis == ["0.0001", "0.001", "0.01", "0.1"]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (0.0251349, "0.0251349"),
        (3.0, "3"),
        (1_200_000, "1,200,000"),
        ("nan", "nan"),
        (None, ""),
        (1e300, "1e+300"),
        (-0.5, "-0.5"),
    ],
)
def test_figures_are_short(figure: Figure | None, expected: str) -> None:
    assert figures.shown(figure) == expected


def test_of_numbers_of_which_some_were_kept_it_says_how_many() -> None:
    few = svg.drawn({"step": [0, 9], "value": [1.0, 2.0], "of": 1000}, 1_000_000)
    assert "1,000 of 1,000,000 numbers, from 1 at step 0" in svg.curve(NAME, few, "c")
