"""Values as people write and see them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guild_sync.agent.value_words import plain_value
from guild_sync.project.values import FlagValue, as_value, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-1", -1),
        ("+1", 1),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("10:30", "10:30"),
        ("yes", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("[1, b]", [1, "b"]),
        ("'10'", "10"),
        ('"a b"', "a b"),
        ("a b", "a b"),
        ("{a: 1}", "{a: 1}"),
        ("a: 1", "a: 1"),
        ("- a", "- a"),
        ("a\nb", "a\nb"),
        ("", ""),
        ("  ", "  "),
        ("#x", "#x"),
        ("*x", "*x"),
        ("'unfinished", "'unfinished"),
        ("2026-01-01", "2026-01-01"),
        ("[1, 2", "[1, 2"),
    ],
)
def test_a_word_is_a_value_where_yaml_says_so_and_else_text(text: str, value: FlagValue) -> None:
    assert (plain_value(text), type(plain_value(text))) == (value, type(value))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=40)
)


@given(st.booleans() | st.none() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False))
def test_a_number_yes_no_or_null_is_read_back_from_what_is_shown(value: FlagValue) -> None:
    assert plain_value(shown(value)) == value
    assert type(plain_value(shown(value))) is type(value)


@given(st.from_regex(r"[A-Za-z0-9_./+-]{1,20}", fullmatch=True))
@example("yes")
@example("10")
@example("1.0e3")
@example("null")
def test_a_word_of_text_is_read_back_as_text(value: str) -> None:
    assert plain_value(shown(value)) == value


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=30))
@example("it's")
@example("both ' and \"")
@example("a\\b")
@example("é")
def test_a_text_on_one_line_is_read_back_as_it_was(value: str) -> None:
    assert plain_value(shown(value)) == value


@given(scalars | st.lists(scalars, max_size=3))
def test_what_is_shown_is_on_one_line(value: FlagValue) -> None:
    assert "\n" not in shown(value)


def test_a_list_is_shown_with_its_items_unchanged() -> None:
    assert "a - b" in shown(["a - b"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10, "10"),
        (0.1, "0.1"),
        (True, "yes"),
        (False, "no"),
        (None, "null"),
        ("cnn", "cnn"),
        ("a b", "'a b'"),
        ("10", "'10'"),
        ("yes", "'yes'"),
        ("$x", "'$x'"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_value_is_shown_as_people_write_it(value: FlagValue, text: str) -> None:
    assert shown(value) == text


def test_what_a_file_holds_becomes_a_value_or_is_refused() -> None:
    assert as_value({1: [None, True, {"a": 0.5}]}) == {"1": [None, True, {"a": 0.5}]}
    endless: list[object] = []
    endless.append(endless)
    wide = [[0] * 9] * 9
    for found, most in ((endless, 10**6), (wide, 90), (b"x", 9), ({"a": {1}}, 9)):
        with pytest.raises(ValueError, match=r"too large, or nested|of the kind"):
            as_value(found, most)
    assert as_value(wide, 91) == wide
