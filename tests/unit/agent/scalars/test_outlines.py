"""Outlines of curves: few points, and none of the heights and depths is lost."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import trained

from guild_sync.agent.protocol import OUTLINE_PIECES, Figure, Outline, figure, number
from guild_sync.agent.scalars import kept, outlines

RUN = "a" * 32


def outline(home: Path, values: Sequence[float], pieces: int = 10) -> Outline:
    trained(home, RUN, 0, {'"times":[1],': values})
    (found,) = kept.outlines(str(home), RUN, pieces).values()
    return found


def test_few_points_are_all_there(tmp_path: Path) -> None:
    assert outline(tmp_path, [3.0, 1.0, 2.0]) == {
        "step": [0, 1, 2],
        "value": [3.0, 1.0, 2.0],
        "of": 3,
    }


def test_of_many_points_the_extremes_and_the_ends_are_there(tmp_path: Path) -> None:
    draw = random.Random(1)
    values = [draw.gauss(0, 1) for _ in range(1000)]
    values[333], values[700] = 99.0, -99.0
    found = outline(tmp_path, values)
    assert len(found["value"]) <= 22
    assert {99.0, -99.0, values[0], values[-1]} <= {*found["value"]}
    assert found["step"] == sorted(found["step"])
    assert [values[step] for step in found["step"]] == found["value"]
    assert found["of"] == 1000


@given(
    values=st.lists(st.floats(width=16), min_size=1, max_size=60),
    pieces=st.integers(1, 8),
)
def test_no_picture_of_an_outline_is_lower_or_shorter_than_that_of_all_points(
    values: list[float], pieces: int
) -> None:
    steps = [7 * at for at in range(len(values))]
    figures: list[Figure] = [figure(value) for value in values]
    found = outlines.outline(steps, figures, pieces)
    assert (found["step"][0], found["step"][-1]) == (steps[0], steps[-1])
    assert found["step"] == sorted({*found["step"]})
    assert [figures[step // 7] for step in found["step"]] == found["value"]
    finite = [value for value in values if math.isfinite(value)]
    there = [number(value) for value in found["value"] if not isinstance(value, str)]
    assert (min(there), max(there)) == (min(finite), max(finite)) if finite else not there
    assert {*found["value"]} >= {each for each in figures if isinstance(each, str)} or (
        len(values) > 2 * pieces
    )


@pytest.mark.parametrize("count", [5, 500])
def test_what_is_no_number_is_told_where_it_is(tmp_path: Path, count: int) -> None:
    values = [float(at) for at in range(count)]
    values[1], values[count // 2] = math.nan, math.inf
    found = outline(tmp_path, values)
    assert {"nan", "inf"} <= {*found["value"]}
    assert [
        step for step, value in zip(found["step"], found["value"], strict=True) if value == "inf"
    ] == [count // 2]
    finite = [number(value) for value in found["value"] if not isinstance(value, str)]
    assert max(finite) == count - 1 and min(finite) == 0


def test_names_and_numbers_are_those_of_all_points(tmp_path: Path) -> None:
    run = trained(tmp_path, RUN, 0, {"loss": [1.0, 0.5], "acc": [0.1]})
    found = kept.outlines(str(tmp_path), RUN, 50)
    points = kept.points(str(run))
    assert {name: (one["step"], one["value"]) for name, one in found.items()} == {
        name: (one["step"], one["value"]) for name, one in points.items()
    }


def test_an_outline_is_kept_beside_many_points_and_is_that_of_them(tmp_path: Path) -> None:
    draw = random.Random(2)
    values = [draw.gauss(0, 1) for _ in range(3000)]
    values[8] = math.nan
    run = trained(tmp_path, RUN, 0, {'"times":[1],': values, "few": [1.0, 2.0]})
    told = kept.outlines(str(tmp_path), RUN, OUTLINE_PIECES)
    file = run / ".guild" / kept.SERIES
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert ["outline" in line for line in lines] == [True, False]
    for line in lines:
        line.pop("outline", None)
    file.write_text("".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines))
    assert kept.outlines(str(tmp_path), RUN, OUTLINE_PIECES) == told  # as of earlier versions


def test_who_draws_a_curve_reads_its_outline_alone(tmp_path: Path) -> None:
    run = trained(tmp_path, RUN, 0, {"loss": [float(at) for at in range(1000)]})
    told = kept.outlines(str(tmp_path), RUN, OUTLINE_PIECES)
    file = run / ".guild" / kept.SERIES
    file.write_text(file.read_text().replace(',"steps":[', ',"steps":[torn,'))
    assert kept.outlines(str(tmp_path), RUN, OUTLINE_PIECES) == told
    assert kept.outlines(str(tmp_path), RUN, 10) == {}


@pytest.mark.parametrize(
    "said",
    [
        "5",
        "{}",
        '{"step":[],"value":[],"of":9}',
        '{"step":[1],"value":[1,2],"of":9}',
        '{"step":["a"],"value":[1],"of":9}',
        '{"step":[9223372036854775808],"value":[1],"of":9}',
        '{"step":[1],"value":[1],"of":-9}',
        '{"step":[1],"value":["<b>"],"of":9}',
        f'{{"step":{[1] * 300},"value":{[1] * 300},"of":9}}',
        '{"step":[1],"value":[1],"of":9',
    ],
)
def test_an_outline_of_anothers_making_that_is_none_is_not_told(tmp_path: Path, said: str) -> None:
    run = trained(tmp_path, RUN, 0, {})
    line = f'{{"name":"loss","outline":{said},"times":[5],"steps":[3],"values":[0.5]}}\n'
    (run / ".guild" / kept.SERIES).write_text(line)
    told = kept.outlines(str(tmp_path), RUN, OUTLINE_PIECES)
    whole = {"loss": {"step": [3], "value": [0.5], "of": 1}}
    assert told == (whole if said.count("{") == said.count("}") else {})


@pytest.mark.parametrize(
    "line",
    ["{", "5", '{"name":5}', '{"name":"x","steps":[1]}', '{"name":"x","steps":["a"],"values":[1]}'],
)
def test_what_is_torn_has_no_curve(tmp_path: Path, line: str) -> None:
    run = trained(tmp_path, RUN, 0, {"loss": [1.0]})
    with open(run / ".guild" / kept.SERIES, "a") as file:
        file.write(f"{line}\n")
    assert {*kept.outlines(str(tmp_path), RUN, 5)} == {"loss"}
