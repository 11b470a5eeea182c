"""A scalar as it grows: every number counts, evenly chosen points stay."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent.scalars.series import MOST_POINTS, ScalarSeries

NUMBERS = st.one_of(st.integers(-5, 5).map(float), st.floats(width=32))
STEPPED = st.tuples(NUMBERS, st.one_of(st.none(), st.integers(-3, 9)))
# With steps; some with the step of each, some with none at all.
BATCHES = st.lists(
    st.one_of(
        st.lists(STEPPED, min_size=1, max_size=40),
        st.lists(NUMBERS.map(lambda value: (value, None)), min_size=1, max_size=40),
        st.lists(st.tuples(NUMBERS, st.integers(-3, 9)), min_size=1, max_size=40),
    ),
    max_size=5,
)


def made(values: list[float]) -> ScalarSeries:
    series = ScalarSeries()
    for value in values:
        series.add(value, 5)
    return series


@given(
    batches=BATCHES,
    most=st.sampled_from([1, 2, 3, 7, 8, MOST_POINTS]),
)
def test_many_at_once_are_as_one_after_the_other(
    batches: list[list[tuple[float, int | None]]], most: int
) -> None:
    one, all_at_once = ScalarSeries(), ScalarSeries()
    one.keep_at_most(most)
    all_at_once.keep_at_most(most)
    for batch in batches:
        for value, step in batch:
            one.add(value, 5, step)
        values, steps = [value for value, _ in batch], [step for _, step in batch]
        all_at_once.add_all(values, 5, None if {*steps} == {None} else steps)
    assert one.points() == all_at_once.points()
    if batches:
        mean, other = one.summary()["mean"], all_at_once.summary()["mean"]
        assert mean == other or math.isclose(float(mean or 0), float(other or 0), abs_tol=1e-6)
        assert {**one.summary(), "mean": 0} == {**all_at_once.summary(), "mean": 0}


def test_figures_are_those_of_all_numbers_and_points_are_even() -> None:
    values = [float((i * 7919) % 10_007) for i in range(10_007)]
    series = made(values)
    told, points = series.summary(), series.points()
    assert (told["count"], told["min"], told["max"]) == (10_007, 0.0, 10_006.0)
    assert told["mean"] == sum(values) / len(values)
    assert values[told["min_step"]] == 0.0
    assert values[told["max_step"]] == 10_006.0
    assert len(points["value"]) <= MOST_POINTS + 1
    between = {
        after - before
        for before, after in zip(points["step"][:-2], points["step"][1:-1], strict=True)
    }
    assert len(between) == 1
    assert points["step"][-1] == 10_006


def test_what_is_no_finite_number_is_neither_least_nor_greatest() -> None:
    told = made([math.nan, 2.0, math.inf, -math.inf]).summary()
    assert (told["first"], told["last"], told["count"]) == ("nan", "-inf", 4)
    assert (told["min"], told["max"], told["mean"]) == (2.0, 2.0, 2.0)
    assert (told["min_step"], told["max_step"]) == (1, 1)
    told = made([math.nan]).summary()
    assert (told["min"], told["max"], told["mean"]) == (None, None, None)


def test_a_mean_that_is_beyond_all_numbers_is_not_told() -> None:
    assert made([1.7e308, 1.7e308]).summary()["mean"] is None
