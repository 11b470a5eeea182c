"""Outlines of curves: few points, and none of the heights and depths is lost."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from reported import trained

from guild_sync.agent.protocol import Outline, number
from guild_sync.agent.scalars import kept
from guild_sync.agent.scalars.outlines import outlines

RUN = "a" * 32


def outline(home: Path, values: Sequence[float], pieces: int = 10) -> Outline:
    trained(home, RUN, 0, {'"times":[1],': values})
    (found,) = outlines(str(home), RUN, pieces).values()
    return found


def test_few_points_are_all_there(tmp_path: Path) -> None:
    assert outline(tmp_path, [3.0, 1.0, 2.0]) == {
        "step": [0, 1, 2],
        "value": [3.0, 1.0, 2.0],
        "of": 3,
    }


def test_of_many_points_the_extremes_and_the_last_are_there(tmp_path: Path) -> None:
    draw = random.Random(1)
    values = [draw.gauss(0, 1) for _ in range(1000)]
    values[333], values[700] = 99.0, -99.0
    found = outline(tmp_path, values)
    assert len(found["value"]) <= 21
    assert {99.0, -99.0, values[-1]} <= {*found["value"]}
    assert found["step"] == sorted(found["step"])
    assert [values[step] for step in found["step"]] == found["value"]
    assert found["of"] == 1000


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
    found = outlines(str(tmp_path), RUN, 50)
    points = kept.points(str(run))
    assert {name: (one["step"], one["value"]) for name, one in found.items()} == {
        name: (one["step"], one["value"]) for name, one in points.items()
    }


@pytest.mark.parametrize(
    "line",
    ["{", "5", '{"name":5}', '{"name":"x","steps":[1]}', '{"name":"x","steps":["a"],"values":[1]}'],
)
def test_what_is_torn_has_no_curve(tmp_path: Path, line: str) -> None:
    run = trained(tmp_path, RUN, 0, {"loss": [1.0]})
    with open(run / ".guild" / kept.SERIES, "a") as file:
        file.write(f"{line}\n")
    assert {*outlines(str(tmp_path), RUN, 5)} == {"loss"}
