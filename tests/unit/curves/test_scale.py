"""Where numbers are on an axis, and what is written beside it."""

from __future__ import annotations

import math
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guild_sync.curves.curve import LOGARITHMS, NAMES, NUMBERS, TIMES, Axis
from guild_sync.curves.scale import scale_of

NUMBERS_OF_ALL_KINDS = st.floats(allow_nan=True, allow_infinity=True)


def texts(kind: str, numbers: list[float], most: int = 5) -> list[str]:
    return [tick.text for tick in scale_of(Axis("x", kind), numbers).ticks(most)]


def test_the_numbers_beside_an_axis_are_round() -> None:
    assert texts(NUMBERS, [0, 590]) == ["0", "200", "400", "600"]
    assert texts(NUMBERS, [0.001, 0.0093]) == ["0.002", "0.004", "0.006", "0.008"]
    assert texts(NUMBERS, [-1, 1]) == ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
    assert texts(NUMBERS, [5, 5]) == ["4.6", "4.8", "5.0", "5.2", "5.4"]
    assert texts(NUMBERS, [0, 3e9]) == ["0", "1G", "2G", "3G"]
    assert texts(NUMBERS, [0, 19_000]) == ["0", "5000", "10k", "15k"]
    assert texts(NUMBERS, [70_000, 70_004])[0] == "70000"
    assert texts(NUMBERS, [0, 5e-324]) == ["-0.4", "-0.2", "0.0", "0.2", "0.4"]


def test_beside_logarithms_there_are_powers_of_ten() -> None:
    assert texts(LOGARITHMS, [0.0004, 30]) == ["0.001", "0.01", "0.1", "1", "10"]
    assert texts(LOGARITHMS, [1e-30, 1]) == ["1e-30", "1e-23", "1e-16", "1e-09", "0.01"]
    assert texts(LOGARITHMS, [2, 5]) == ["2", "3", "4", "5"]
    assert texts(LOGARITHMS, [1.79e308, 1e308])
    assert math.isnan(scale_of(Axis("x", LOGARITHMS), [1, 10]).place(0))


@pytest.mark.parametrize("kind", [NUMBERS, LOGARITHMS])
@given(first=st.floats(allow_nan=False), second=st.floats(allow_nan=False))
@example(first=0.0, second=5e-324)
@example(first=0.0, second=1e-320)
@example(first=1e300, second=1e300)
@example(first=sys.float_info.max, second=1e308)
def test_all_numbers_that_there_are_have_a_place(kind: str, first: float, second: float) -> None:
    scale = scale_of(Axis("x", kind), [first, second])
    for number in (first, second):
        if math.isfinite(number) and (kind == NUMBERS or number > 0):
            assert -0.01 <= scale.place(number) <= 1.01
    for tick in scale.ticks(5):
        assert math.isfinite(tick.place) or tick.text == "0"


def test_times_are_full_hours_of_this_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")  # half an hour beside most others
    time.tzset()
    try:
        begin = time.mktime((2026, 11, 27, 9, 12, 30, 0, 0, -1))
        assert texts(TIMES, [begin, begin + 7200]) == ["09:30", "10:00", "10:30", "11:00"]
        assert texts(TIMES, [begin, begin + 30]) == ["09:12:30", "09:12:40", "09:12:50", "09:13:00"]
        assert texts(TIMES, [begin + 0.25, begin + 0.75]) == ["09:12:30.24", "09:12:30.75"]
        assert texts(TIMES, [begin, begin + 86400])[0] == "11-27 12:00"
        assert texts(TIMES, [begin, begin + 9 * 86400])[0] == "2026-11-29"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_names_stand_at_their_places() -> None:
    scale = scale_of(Axis("x", NAMES, ("adam", "s\x1bgd")), [0, 1])
    assert [(tick.place, tick.text) for tick in scale.ticks(5)] == [(0.25, "adam"), (0.75, "s?gd")]
    many = scale_of(Axis("x", NAMES, tuple(map(str, range(100)))), [])
    assert len(many.ticks(5)) == 5


@given(st.sampled_from([NUMBERS, LOGARITHMS, TIMES]), st.lists(NUMBERS_OF_ALL_KINDS))
def test_whatever_the_numbers_are_each_has_a_place_on_the_axis_or_none(
    kind: str, numbers: list[float]
) -> None:
    scale = scale_of(Axis("x", kind), numbers)
    for number in numbers:
        place = scale.place(number)
        assert not math.isfinite(place) or -1e-9 <= place <= 1 + 1e-9
        if kind == NUMBERS and math.isfinite(number):
            assert math.isfinite(place)
    ticks = scale.ticks(5)
    assert len(ticks) <= 20
    assert all("\n" not in tick.text for tick in ticks)
