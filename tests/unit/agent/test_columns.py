"""What names and columns mean as people write them, and in which order values are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent import columns
from guild_sync.agent.columns import Column, Name
from guild_sync.agent.protocol import Value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("loss", Name("loss")),
        (" loss ", Name("loss")),
        ("val/loss", Name("val/loss")),
        ("min loss", Name("loss", "", "min")),
        ("max  val/acc", Name("val/acc", "", "max")),
        ("avg loss", Name("loss", "", "mean")),
        ("mean loss", Name("loss", "", "mean")),
        ("count loss", Name("loss", "", "count")),
        ("loss step", Name("loss", "", "", True)),
        ("min loss step", Name("loss", "", "min", True)),
        ("min step", Name("step", "", "min")),
        ("min", Name("min")),
        ("step", Name("step")),
        ("last", Name("last")),
        ("minimum", Name("minimum")),
        ("flag:lr", Name("lr", "flag")),
        ("=lr", Name("lr", "flag")),
        (".label", Name("label", "attr")),
        ("attr:label", Name("label", "attr")),
        ("scalar:lr", Name("lr", "scalar")),
        ("min scalar:lr", Name("lr", "scalar", "min")),
        ("a:b", Name("a:b")),
        ("two words", Name("two words")),
        ("'min loss'", Name("min loss")),
        ('last "two words" step', Name("two words", "", "last", True)),
        ("scalar:'a, b'", Name("a, b", "scalar")),
        ("min flag:lr", Name("min flag:lr")),
        ("=lr step", Name("=lr step")),
        ("''", Name("''")),
        ("", Name("")),
    ],
)
def test_a_name_says_of_what_it_is(text: str, name: Name) -> None:
    assert columns.name(text) == name


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("loss", Column("loss", "loss")),
        ("min  loss as best", Column("best", "min loss")),
        ("min loss as 'the best'", Column("the best", "min loss")),
        ("flag:lr", Column("lr", "flag:lr")),
        ("=lr", Column("lr", "=lr")),
        (".label", Column("label", ".label")),
        ("'two words'", Column("two words", "'two words'")),
        ("as", Column("as", "as")),
        ("as as x", Column("x", "as")),
    ],
)
def test_a_column_has_a_heading(text: str, column: Column) -> None:
    assert columns.column(text) == column


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lr,loss", ["lr", "loss"]),
        (" lr , min loss as best ,", ["lr", "min loss as best"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("'a", ["'a"]),
        (",", []),
        ("", []),
    ],
)
def test_columns_have_commas_in_between(text: str, parts: list[str]) -> None:
    assert columns.split(text) == parts


def test_an_order_has_a_minus_where_the_greatest_is_first() -> None:
    assert columns.order_of("loss") == ("loss", False)
    assert columns.order_of("-min loss as x") == ("min loss", True)
    assert columns.order_of("") == columns.order_of(" ") == ("", False)
    assert columns.order_of("-") == ("", True)


def test_numbers_are_before_texts_and_nothing_is_last_either_way() -> None:
    keyed: list[tuple[str, Value]] = [
        ("n", None),
        ("b", "b"),
        ("2", 2),
        ("a", "a"),
        ("t", True),
        ("1", 1.0),
        ("l", [1]),
    ]
    assert columns.in_order(keyed, False) == ["t", "1", "2", "a", "b", "n", "l"]
    assert columns.in_order(keyed, True) == ["2", "t", "1", "b", "a", "n", "l"]


@given(st.text())
def test_any_text_is_a_column(text: str) -> None:
    found = columns.column(text)
    columns.name(found.text)
    for part in columns.split(text):
        columns.column(part)


def test_numbers_of_any_size_have_their_order_and_nan_is_last() -> None:
    keyed: list[tuple[str, Value]] = [
        ("a", 10**400),
        ("n", math.nan),
        ("b", 1e300),
        ("c", -(10**400)),
    ]
    assert columns.in_order(keyed, False) == ["c", "b", "a", "n"]
    assert columns.in_order(keyed, True) == ["a", "b", "c", "n"]
