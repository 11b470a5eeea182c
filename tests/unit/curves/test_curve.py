"""Points of scalars as curves."""

from __future__ import annotations

import math

from guild_sync.agent.protocol import Points
from guild_sync.curves import curve
from guild_sync.curves.curve import ELAPSED, STEP, TIME, PlotCurve

POINTS: Points = {
    "time": [10_000_000, 12_500_000, 20_000_000],
    "step": [0, 100, 200],
    "value": [1.0, "nan", 0.25],
}


def test_a_curve_is_over_steps_or_seconds() -> None:
    assert curve.curve_of("", POINTS, STEP, None).xs == [0, 100, 200]
    assert curve.curve_of("", POINTS, TIME, 5_000_000).xs == [10, 12.5, 20]
    assert curve.curve_of("", POINTS, ELAPSED, 5_000_000).xs == [5, 7.5, 15]
    assert curve.curve_of("", POINTS, ELAPSED, None).xs == [0, 2.5, 10]


def test_what_is_no_number_is_a_gap() -> None:
    found = curve.curve_of("", POINTS, STEP, None)
    assert found.points == [(0, 1.0), (200, 0.25)]
    assert math.isnan(found.pairs[1][1])


def test_a_smooth_curve_has_the_mean_of_the_last_numbers() -> None:
    rough = PlotCurve("", [0, 1, 2, 3, 4], [4, 2, math.nan, 6, 1e308])
    smooth = [*curve.smoothed(rough, 2).ys]
    assert smooth[:2] == [4, 3]
    assert math.isnan(smooth[2])
    assert smooth[3:] == [4, 5e307 + 3]
    assert curve.smoothed(rough, 1).points == rough.points
    assert curve.smoothed(rough, 100).ys[3] == 4


def test_a_time_is_in_the_unit_that_suits_the_longest_curve() -> None:
    short, long = PlotCurve("", [0, 60], [1, 1]), PlotCurve("", [0, 7200], [1, 1])
    assert curve.in_units([short])[0] == "seconds"
    unit, found = curve.in_units([short, long])
    assert (unit, [one.xs[-1] for one in found]) == ("minutes", [1, 120])
    assert curve.in_units([])[0] == "seconds"


def test_a_name_means_the_scalar_of_that_name_or_those_of_event_files_in_folders() -> None:
    one = {
        "last": 1.0, "first": 1.0, "min": 1.0, "max": 1.0, "mean": 1.0, "count": 1, "step": 0,
        "time": 0, "min_step": 0, "max_step": 0,
    }  # fmt: skip
    scalars = {"loss": one, "train#loss": one, "val#loss": one, "val#acc": one}
    assert curve.keys_of(scalars, "loss") == ["loss"]  # type: ignore[arg-type]
    del scalars["loss"]
    assert curve.keys_of(scalars, "loss") == ["train#loss", "val#loss"]  # type: ignore[arg-type]
    assert curve.keys_of(scalars, "val#loss") == ["val#loss"]  # type: ignore[arg-type]
    assert curve.keys_of(scalars, "oss") == []  # type: ignore[arg-type]
