"""Rows with aligned columns."""

from __future__ import annotations

from guild_sync.output import tables


def test_columns_are_aligned_with_two_spaces_between_them() -> None:
    assert tables.table([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_a_table_without_rows_has_no_lines() -> None:
    assert tables.table([]) == []


def test_wide_characters_do_not_bend_a_column() -> None:
    assert tables.table([("日本", "x"), ("abcd", "y")]) == ["日本  x", "abcd  y"]
