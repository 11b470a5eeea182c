"""Filter expressions: what they mean as a tree, and where one is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.cli import expressions
from guild_sync.errors import UsageError

A, B, C = ["=", "a", 1], ["=", "b", 2], ["=", "c", 3]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1", ["=", "a", 1]),
        ("a = 1", ["=", "a", 1]),
        ("a != 1", ["!=", "a", 1]),
        ("a <> 1", ["!=", "a", 1]),
        ("a<1", ["<", "a", 1]),
        ("a <= 1", ["<=", "a", 1]),
        ("a > 1", [">", "a", 1]),
        ("a>=1", [">=", "a", 1]),
        ("label contains best", ["contains", "label", "best"]),
        ("a in [1, x]", ["in", "a", [1, "x"]]),
        ("a in []", ["in", "a", []]),
        ("a not in [1]", ["not", ["in", "a", [1]]]),
        ("a is undefined", ["not", ["defined", "a", None]]),
        ("a is not undefined", ["defined", "a", None]),
        ("a is 1", ["=", "a", 1]),
        ("a is not x", ["!=", "a", "x"]),
        ("notable = orange", ["=", "notable", "orange"]),
        ("in = not", ["=", "in", "not"]),
        ("flag:batch-size = 100", ["=", "flag:batch-size", 100]),
        ("val/loss < 1", ["<", "val/loss", 1]),
        ("min loss < 1", ["<", "min loss", 1]),
        ("max  scalar:val/acc step > 1", [">", "max scalar:val/acc step", 1]),
        ("min 'my loss' step is undefined", ["not", ["defined", "min 'my loss' step", None]]),
        ("'my loss' in [1]", ["in", "'my loss'", [1]]),
        ("min > 1", [">", "min", 1]),
        ("step = 1", ["=", "step", 1]),
        ("min step = 1", ["=", "min step", 1]),
        ("last step = min", ["=", "last step", "min"]),
        ("  a\n=\t1 ", ["=", "a", 1]),
    ],
)
def test_a_comparison_is_operator_name_and_value(text: str, tree: list[object]) -> None:
    assert expressions.parse(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1 and b=2", ["and", A, B]),
        ("a=1 or b=2 and c=3", ["or", A, ["and", B, C]]),
        ("a=1 and b=2 or c=3", ["or", ["and", A, B], C]),
        ("(a=1 or b=2) and c=3", ["and", ["or", A, B], C]),
        ("not a=1 and b=2", ["and", ["not", A], B]),
        ("not (a=1 and b=2)", ["not", ["and", A, B]]),
        ("a=1 OR NOT b=2", ["or", A, ["not", B]]),
        ("((a=1))", A),
    ],
)
def test_not_binds_before_and_and_before_or(text: str, tree: list[object]) -> None:
    assert expressions.parse(text) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("yes", True),
        ("True", True),
        ("no", False),
        ("false", False),
        ("word", "word"),
        ("gpkg.hello/op", "gpkg.hello/op"),
        ("2026-01-02", "2026-01-02"),
        ("10:30", "10:30"),
        ("3abc", "3abc"),
        ("1.2.3", "1.2.3"),
        ("'two words'", "two words"),
        ('"it\'s"', "it's"),
        ("'1'", "1"),
        ("'yes'", "yes"),
        ("''", ""),
    ],
)
def test_a_value_is_a_number_a_truth_or_a_text(text: str, value: object) -> None:
    operator, name, found = expressions.parse(f"a = {text}")
    assert (operator, name) == ("=", "a")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("status = = error", 9),
        ("status", 6),
        ("a = 1 and", 9),
        ("a = 1 b = 2", 6),
        ("a = 1)", 5),
        ("(a = 1", 6),
        ("", 0),
        ("a = 'open", 4),
        ("a & 1", 2),
        ("1 = a", 0),
        ("a in 1", 5),
        ("a in [1", 7),
        ("a =\n= 1", 4),
        ("a b = 1", 2),
        ("min a b = 1", 6),
        ("a = 1 and min 'b' c = 1", 18),
    ],
)
def test_an_error_points_at_its_place(text: str, place: int) -> None:
    with pytest.raises(UsageError) as error:
        expressions.parse(text)
    assert error.value.message == "the filter is not an expression that guild understands"
    line, pointer, how = error.value.hint.splitlines()
    assert line == "  " + text.replace("\n", " ")
    assert pointer.index("^") - 2 == place
    assert how.startswith("Write it like: ")


def test_a_control_character_is_not_shown_as_one() -> None:
    with pytest.raises(UsageError) as error:
        expressions.parse("a = \x1b[31m ]")
    assert "\x1b" not in error.value.hint


def test_a_long_expression_is_one_list() -> None:
    assert expressions.parse("a = 1 or " * 1000 + "a = 1") == ["or", *1001 * [A]]
    assert expressions.parse("(" * 4000 + "a = 1" + ")" * 4000) == A


@pytest.mark.parametrize(
    "text",
    ["a = 1 or " * 2000 + "a = 1", "not " * 101 + "a = 1", "not " * 2000 + "a = 1"],
)
def test_one_that_is_too_long_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        expressions.parse(text)


def test_a_number_of_thousands_of_digits_is_no_failure() -> None:
    assert expressions.parse("a < " + "9" * 5000) == ["<", "a", float("inf")]


WORDS = ["a", "status", "=", "!=", "<", "in", "not", "is", "undefined", "contains", "and", "or"]
PIECES = [*WORDS, "(", ")", "[", "]", ",", "'x'", '"', "1", "-2.5e3", "yes", "\n", "\x00", "\u00e9"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text_is_a_tree_or_a_usage_error(text: str) -> None:
    try:
        tree = expressions.parse(text)
    except UsageError as e:
        assert len(e.message.splitlines()) == 1
    else:
        assert json.loads(json.dumps(tree)) == tree
