"""Times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(st.integers())
def test_no_number_is_too_large_for_a_time(value: int) -> None:
    assert isinstance(formats.date(value), str)
