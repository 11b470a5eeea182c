"""The table of the benchmark's page, made in parts."""

from __future__ import annotations

import pytest

from bench import cases, readme
from bench.lab import Lab

OLD, NEW = "2026-01-01, load 1.0", "2026-02-02, load 2.0"
EMPTY = f"Before.\n{readme.BEGIN}\n{readme.END}\nAfter.\n"
ORDER = [("one", ""), ("two", "bare"), ("two", "of one"), ("three", "")]


def cells(what: str, limit: str = "", median: str = "1.000", when: str = OLD) -> tuple[str, ...]:
    found = dict.fromkeys(readme.HEADINGS, "")
    found.update({"what": what, "limit": limit, "median s": median, "measured": when})
    return tuple(found.values())


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def told(text: str) -> list[tuple[str, ...]]:
    """Of each row what it does, beside what, how long, and when it was measured."""
    return [(row[0], row[6], row[2], row[-1]) for row in table(text)[2:]]


def test_rows_come_in_their_order_between_the_marks() -> None:
    text = readme.merged(EMPTY, [cells("three"), cells("one")], ORDER)
    assert told(text) == [("one", "", "1.000", OLD), ("three", "", "1.000", OLD)]
    assert text.startswith(f"Before.\n{readme.BEGIN}\n|")
    assert text.endswith(f"|\n{readme.END}\nAfter.\n")
    head, rule = table(text)[:2]
    assert tuple(head) == readme.HEADINGS
    assert all(set(cell.rstrip(":")) == {"-"} for cell in rule), "each column is one of Markdown's"


def test_what_was_not_measured_stays_with_its_day() -> None:
    first = readme.merged(
        EMPTY, [cells("one"), cells("two", "bare"), cells("two", "of one")], ORDER
    )
    text = readme.merged(first, [cells("two", "of one", "2.000", NEW)], ORDER)
    assert told(text) == [
        ("one", "", "1.000", OLD),
        ("two", "bare", "1.000", OLD),
        ("two", "of one", "2.000", NEW),
    ]


def test_a_row_that_there_is_no_more_goes() -> None:
    first = readme.merged(EMPTY, [cells("one"), cells("three")], ORDER)
    assert [row[0] for row in told(readme.merged(first, [], ORDER[1:]))] == ["three"]


def test_a_page_without_its_marks_is_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="no table"):
        readme.merged("Before.\n", [cells("one")], ORDER)


def test_the_page_has_only_rows_that_there_are_and_each_of_these_once() -> None:
    with Lab() as lab:
        order = [
            (case.work.what, case.limit.what if case.limit else "")
            for case in cases.all_cases(lab, quick=False)
        ]
    assert len(set(order)) == len(order)
    text = readme.README.read_text(encoding="utf-8")
    assert readme.merged(text, [], order) == text
