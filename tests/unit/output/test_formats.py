"""Times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent.protocol import Value, lasting
from guild_sync.output import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("yesterday", ""),
        (1.5, ""),
        ([], ""),
        (10**30, "?"),
        (-(10**30), "?"),
        (999_999, "1970-01-01 00:00:00"),
    ],
)
def test_a_time_is_shown_to_the_second_whatever_a_run_says(
    utc: None, value: object, text: str
) -> None:
    assert formats.date(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45, "45s"), (600, "10m"), (5400, "1h30m"), (36000, "10h"), (90061, "1d1h1m1s")],
)
def test_a_time_span_is_shown_as_the_config_file_has_it(seconds: int, text: str) -> None:
    assert lasting(seconds) == text


@pytest.mark.parametrize("seconds", [None, -1.0, 1e12, float("nan"), float("inf"), -float("inf")])
def test_how_long_something_took_is_not_shown_where_it_is_not_known(seconds: float | None) -> None:
    assert formats.lasted(seconds) == ""


@pytest.mark.parametrize("other", [None, True, "1", -1, 1.5, 1 << 62, 10**400])
def test_from_or_to_what_is_no_time_nothing_lasts(other: Value) -> None:
    assert formats.span(1_000_000, 3_500_000) == "2.5s"
    assert formats.span(other, 2_000_000) == formats.span(1, other) == ""
    assert formats.span(2, 1) == ""


def test_an_open_connection_says_since_when_and_until_when(utc: None) -> None:
    since = "since 1970-01-01 00:00:01, until"
    assert formats.open_since(1, 36000) == f"{since} nothing has used it for 10h"
    assert formats.open_since(1, 0) == f"{since} it is closed"


@given(st.integers())
def test_no_number_is_too_large_for_a_time(value: int) -> None:
    assert isinstance(formats.date(value), str)
