"""Lengths of time as people write them in files and on command lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent.protocol import lasting
from guild_sync.config.durations import seconds_of


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30s", 30),
        ("2m", 120),
        ("12h", 43200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("0.3s", 0.3),
        ("4:00:00", 14400),
        ("0:00:30", 30),
        ("1-02:00:00", 93600),
        ("90", 90),
        ("0.5", 0.5),
        (90, 90),
        (0.5, 0.5),
        (0, 0),
        ("0", 0),
        ("365d", 365 * 86400),
    ],
)
def test_a_time(value: str | float, seconds: float) -> None:
    assert seconds_of(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "s", "-5m", "-5", "+5", "1m1h", "5x", "5 m", "5m\n", "1e3", "1_0", "٣s", "2:00"),
        *("1:60:00", "1:00:60", "366d", "9999d", "999999999s", "inf", "nan", ".5", "5."),
        *(-1, True, False, float("inf"), float("nan"), 10**400, -0.1),
    ],
)
def test_what_is_no_time(value: str | float) -> None:
    assert seconds_of(value) is None


@given(st.integers(1, 365 * 86400))
def test_a_time_is_read_back_as_it_is_said(seconds: int) -> None:
    assert seconds_of(lasting(seconds)) == seconds


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = seconds_of(text)
    assert found is None or 0 <= found <= 365 * 86400
