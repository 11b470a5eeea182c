"""Ranges of time in words: `last 3 days`, `today`, `before 2 days ago`, `after 9:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from guild_sync.errors import UsageError

Bounds = tuple[int | None, int | None]

_UNITS = {
    "second": timedelta(seconds=1), "sec": timedelta(seconds=1),
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1),
    "hour": timedelta(hours=1), "hr": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}  # fmt: skip
_AMOUNT = r"(?:(?P<count>\d{1,6})\s+)?(?P<unit>second|sec|minute|min|hour|hr|day|week|month|year)s?"
_LAST = re.compile(rf"last\s+{_AMOUNT}\Z")
_THIS = re.compile(r"this\s+(?P<unit>day|week|month|year)\Z")
_AGO = re.compile(rf"{_AMOUNT}\s+ago\Z")
_BETWEEN = re.compile(r"between\s+(?P<one>.+?)\s+and\s+(?P<other>.+)\Z")
_TIME = re.compile(
    r"(?:(?:(?P<year>\d{4}|\d\d)-)?(?P<month>\d{1,2})-(?P<day>\d{1,2}))?"
    r"\s*(?:(?P<hour>\d{1,2}):(?P<minute>\d\d))?\Z"
)


def parse_range(text: str, now: datetime | None = None) -> Bounds:
    """The first microsecond of a range and the first one after it; None where it is open.

    Times are local. `now` is the time that words like `today` are reckoned from.
    Raises UsageError for what is not a range.
    """
    now = now or datetime.now()
    words = " ".join(text.lower().split())
    try:
        first, last = _bounds(words, now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a range of time",
            "Write it like: 'last 3 days', 'today', 'yesterday', 'this week', '2 weeks ago', "
            "'after 9:00', 'before 2026-01-01', 'before 3 days ago', 'between 1-1 and 4-30'.",
        ) from None
    return _microseconds(first), _microseconds(last)


def _microseconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp() * 1_000_000)


def _bounds(words: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    if words == "today":
        return _begin("day", now), None
    if words == "yesterday":
        return _period(words, now)
    if match := _THIS.match(words):
        return _begin(match["unit"], now), None
    if match := _LAST.match(words):
        if match["count"] is None and match["unit"] in ("day", "week", "month", "year"):
            end = _begin(match["unit"], now)
            return _begin(match["unit"], end - timedelta(seconds=1)), end
        return _before(now, match["unit"], int(match["count"] or 1)), None
    if _AGO.match(words):
        return _period(words, now)
    if match := _BETWEEN.match(words):
        one, other = _period(match["one"], now), _period(match["other"], now)
        return min(one[0], other[0]), max(one[1], other[1])
    kind, _, rest = words.partition(" ")
    if kind == "after":
        return _period(rest, now)[1], None
    if kind == "before":
        return None, _period(rest, now)[0]
    raise ValueError(words)


def _period(words: str, now: datetime) -> tuple[datetime, datetime]:
    """The beginning and the end of what words mean: a day such as `3 days ago`, or one moment."""
    if match := _AGO.match(words):
        begin = _begin(match["unit"], _before(now, match["unit"], int(match["count"] or 1)))
        return begin, _after(begin, match["unit"])
    if words in ("today", "yesterday"):
        begin = _begin("day", now) - timedelta(days=words == "yesterday")
        return begin, begin + timedelta(days=1)
    moment = _time(words, now)
    return moment, moment


def _time(text: str, now: datetime) -> datetime:
    match = _TIME.match(text.strip())
    if not match or not text.strip():
        raise ValueError(text)
    found = _begin("day", now)
    if match["month"]:
        year = int(match["year"]) if match["year"] else now.year
        found = found.replace(
            year=year + 2000 if year < 100 else year,
            month=int(match["month"]),
            day=int(match["day"]),
        )
    if match["hour"]:
        found = found.replace(hour=int(match["hour"]), minute=int(match["minute"]))
    return found


def _begin(unit: str, time: datetime) -> datetime:
    """The beginning of the day, week, month or year (or minute, hour) that `time` is in."""
    begin = time.replace(second=0, microsecond=0)
    if unit in ("second", "sec"):
        return time.replace(microsecond=0)
    if unit in ("minute", "min"):
        return begin
    begin = begin.replace(minute=0)
    if unit in ("hour", "hr"):
        return begin
    begin = begin.replace(hour=0)
    if unit == "week":
        return begin - timedelta(days=begin.weekday())
    if unit == "month":
        return begin.replace(day=1)
    return begin.replace(month=1, day=1) if unit == "year" else begin


def _before(time: datetime, unit: str, count: int) -> datetime:
    if unit == "year":
        return _months_before(time, 12 * count)
    return _months_before(time, count) if unit == "month" else time - count * _UNITS[unit]


def _after(begin: datetime, unit: str) -> datetime:
    if unit in ("month", "year"):
        return _begin(unit, begin + timedelta(days=32 if unit == "month" else 367))
    return begin + _UNITS[unit]


def _months_before(time: datetime, count: int) -> datetime:
    months = time.year * 12 + time.month - 1 - count
    # The last day of a shorter month stands for the days that it does not have.
    for day in range(time.day, 27, -1):
        try:
            return time.replace(year=months // 12, month=months % 12 + 1, day=day)
        except ValueError:
            continue
    return time.replace(year=months // 12, month=months % 12 + 1, day=min(time.day, 28))
