"""What a run has in a column: sorted, shown, written."""

from __future__ import annotations

import math

import pytest

from guild_sync.agent.protocol import Value
from guild_sync.comparison import cells
from guild_sync.output import formats


def in_order(values: list[Value], descending: bool = False) -> list[Value]:
    return [values[at] for at in cells.ordered(values, descending)]


def test_numbers_come_first_then_words_then_what_is_no_number_then_nothing() -> None:
    values: list[Value] = [None, "b", "nan", 2, "a", 1.5, "inf", ""]
    assert in_order(values) == [1.5, 2, "a", "b", "nan", "inf", None, ""]


def test_in_descending_order_what_is_missing_is_last_still() -> None:
    values: list[Value] = [None, "b", "-inf", 2, "a", 1.5]
    assert in_order(values, descending=True) == [2, 1.5, "b", "a", "-inf", None]


@pytest.mark.parametrize("descending", [False, True])
def test_equal_ones_stay_as_they_are(descending: bool) -> None:
    assert cells.ordered([1, 1.0, 1], descending) == [0, 1, 2]
    assert cells.ordered(["x", "X", None, None], descending) == [0, 1, 2, 3]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", None, True, "1", [1], math.nan, 10**400])
def test_what_is_no_finite_number_cannot_be_the_best(value: Value) -> None:
    assert formats.finite(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.20250000059604645, "0.2025"),
        (1e-7, "1e-07"),
        (3, "3"),
        ("nan", "nan"),
        ("a\x1b[31mb", "a?[31mb"),
        ([1, 2], "1, 2"),
        (True, "yes"),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(value: Value, text: str) -> None:
    assert formats.shown(value) == text


def test_a_file_gets_all_digits_and_whole_numbers_as_such() -> None:
    assert cells.exact(0.20250000059604645) == 0.20250000059604645
    assert str(cells.exact(4.0)) == "4"
    assert cells.exact(1e300) == 1e300
    assert cells.exact(None) == ""


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", " =1", "\t=1", "|x", "-1+2"])
def test_text_that_is_a_formula_to_a_spreadsheet_is_quoted(text: str) -> None:
    assert cells.guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", ["x=1", "-0.5", "+1e-3", "-inf", "", "a-b", -0.5, 3])
def test_numbers_and_other_text_stay_as_they_are(value: str | int | float) -> None:
    assert cells.guarded(value) == value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0645, "0.06s"), (1.26, "1.3s"), (0.0, "0s"), (9.96, "10s"), (75.4, "1m15s"), (None, "")],
)
def test_how_long_a_run_took(seconds: float | None, text: str) -> None:
    assert formats.lasted(seconds) == text
