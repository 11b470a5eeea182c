"""Ranges of time in words, reckoned from a Wednesday noon."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.cli.timeranges import parse_range
from guild_sync.errors import UsageError

NOW = datetime(2026, 3, 18, 12, 34, 56)


def at(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-03-18", None),
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("this day", "2026-03-18", None),
        ("this week", "2026-03-16", None),
        ("this month", "2026-03-01", None),
        ("this year", "2026-01-01", None),
        ("last 30 min", "2026-03-18T12:04:56", None),
        ("last 30 minutes", "2026-03-18T12:04:56", None),
        ("last 6 hours", "2026-03-18T06:34:56", None),
        ("last 1 hr", "2026-03-18T11:34:56", None),
        ("last hour", "2026-03-18T11:34:56", None),
        ("last 3 days", "2026-03-15T12:34:56", None),
        ("last day", "2026-03-17", "2026-03-18"),
        ("last week", "2026-03-09", "2026-03-16"),
        ("last month", "2026-02-01", "2026-03-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("last 2 months", "2026-01-18T12:34:56", None),
        ("last 1 year", "2025-03-18T12:34:56", None),
        ("2 weeks ago", "2026-03-02", "2026-03-09"),
        ("1 day ago", "2026-03-17", "2026-03-18"),
        ("3 months ago", "2025-12-01", "2026-01-01"),
        ("1 year ago", "2025-01-01", "2026-01-01"),
        ("5 min ago", "2026-03-18T12:29:00", "2026-03-18T12:30:00"),
        ("after 9:00", "2026-03-18T09:00", None),
        ("after 7-1", "2026-07-01", None),
        ("before 2026-01-01", None, "2026-01-01"),
        ("before 26-01-01 10:15", None, "2026-01-01T10:15"),
        ("between 1-1 and 4-30", "2026-01-01", "2026-04-30"),
        ("between 4-30 and 1-1", "2026-01-01", "2026-04-30"),
        ("between 10:00 and 15:00", "2026-03-18T10:00", "2026-03-18T15:00"),
        ("before 3 days ago", None, "2026-03-15"),
        ("after 3 days ago", "2026-03-16", None),
        ("after 10 minutes ago", "2026-03-18T12:25", None),
        ("before 1 week ago", None, "2026-03-09"),
        ("before today", None, "2026-03-18"),
        ("after yesterday", "2026-03-18", None),
        ("between 4 days ago and today", "2026-03-14", "2026-03-19"),
        ("between 10 min ago and 30 min ago", "2026-03-18T12:04", "2026-03-18T12:25"),
        ("between 2 days ago and 9:00", "2026-03-16", "2026-03-18T09:00"),
        ("  Last   3  DAYS ", "2026-03-15T12:34:56", None),
    ],
)
def test_words_are_times(text: str, first: str | None, last: str | None) -> None:
    assert parse_range(text, NOW) == (at(first), at(last))


def test_a_month_before_its_31st_is_the_last_day_of_a_shorter_one() -> None:
    now = datetime(2026, 3, 31, 8)
    assert parse_range("last 1 month", now) == (at("2026-02-28T08:00"), None)
    assert parse_range("last 1 months", datetime(2024, 3, 31)) == (at("2024-02-29"), None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "whenever", "last", "last x days", "3 days", "ago", "after", "before", "before x"),
        *("after 25:00", "after 13-40", "between 1-1", "between 1-1 and", "this minute"),
        *("last 999999 years", "999999 months ago", "after 2026-02-30", "-1 days ago"),
    ],
)
def test_what_is_no_range_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_range(text, NOW)
    assert error.value.message == f"{text!r} is not a range of time"
    assert "last 3 days" in error.value.hint


WORDS = [
    "last",
    "this",
    "ago",
    "after",
    "before",
    "between",
    "and",
    "day",
    "months",
    "year",
    "9:00",
]
NUMBERS = [
    "0",
    "1",
    "12",
    "999999",
    "1-1",
    "0001-1-1",
    "9999-12-31",
    "0000-1-1",
    "24:60",
    "00-2-29",
]


@given(st.text() | st.lists(st.sampled_from(WORDS + NUMBERS)).map(" ".join))
def test_any_text_is_a_range_or_a_usage_error(text: str) -> None:
    try:
        first, last = parse_range(text, NOW)
    except UsageError:
        return
    assert first is not None or last is not None
    assert first is None or last is None or first <= last
