"""Rows with aligned columns."""

from __future__ import annotations

import pytest

from guild_sync.output import tables
from guild_sync.output.terminal import Styled


def test_columns_are_aligned_with_two_spaces_between_them() -> None:
    assert tables.table([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_a_table_without_rows_has_no_lines() -> None:
    assert tables.table([]) == []


def test_wide_characters_do_not_bend_a_column() -> None:
    assert tables.table([("日本", "x"), ("abcd", "y")]) == ["日本  x", "abcd  y"]


def test_many_rows_have_the_lines_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = [("[1]", Styled.of("error", "red"), ""), ("[10]", "日本", "label"), ("", "", "x")]
    lines = tables.table(rows)
    assert "\x1b[31m" in lines[0]
    assert [*tables.lines_of_many(iter(rows))] == lines
    assert [*tables.lines_of_many([])] == []


def test_without_a_terminal_lines_of_many_are_those_of_a_table() -> None:
    rows = [("[1]", "", "a "), ("[10]", "日本", "e\u0301"), ("", "x", ""), ("", "", "")]
    assert [*tables.lines_of_many(iter(rows))] == tables.table(rows)
