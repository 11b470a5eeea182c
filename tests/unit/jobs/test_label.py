"""The label of a run."""

from __future__ import annotations

import pytest
from projects import op

from guild_sync.jobs import label
from guild_sync.project.definitions import Operation
from guild_sync.project.values import FlagValue


def test_a_label_is_the_flags_in_the_order_of_their_names() -> None:
    assert label.label_of(op(), {"b": 2, "a": "x y", "none": None}) == "a='x y' b=2"


def test_an_operations_own_label_has_the_values_in_it() -> None:
    operation = Operation("op", label="run ${a} of ${b} ${gone} $a ${} ${a")
    assert label.label_of(operation, {"a": 1, "b": True}) == "run 1 of yes  $a ${} ${a"


def test_a_label_does_not_read_a_value_as_a_variable() -> None:
    operation = Operation("op", label="${a}")
    assert label.label_of(operation, {"a": "${b}", "b": "secret"}) == "${b}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *((text, text) for text in ("a*b", "/x/*.jpg", "1,2", "it's", "a=b", "a:b", "a;b", "$x")),
        *((text, f"'{text}'") for text in ("a b", 'say "hi"', "a: b", "#x", "- a", "[1]", "yes")),
        *((text, f"'{text}'") for text in ("10", "?", "", " lead", "null", '"q"')),
        ("1 2 'a b'", "\"1 2 'a b'\""),
        ("a 'b' \"c\"", "'a \\'b\\' \"c\"'"),
        ("'q'", "'''q'''"),
    ],
)
def test_a_text_is_in_the_quotes_that_guild_ai_gives_it(text: str, shown: str) -> None:
    assert label.label_of(op(), {"a": text}) == f"a={shown}"


def test_a_long_label_of_flags_is_cut() -> None:
    text = label.label_of(op(), {"a": "x" * 1000})
    assert (len(text), text[-3:]) == (200, "...")


VALUES: dict[str, FlagValue] = {
    "n": 1.23456,
    "i": 5,
    "x": None,
    "s": "hello world",
    "b": True,
    "f": False,
    "path": "a/b/c.txt",
    "small": 0.0000012345678,
    "long": 0.123456789,
    "empty": "",
    "yes": "yes",
}


# What Guild AI 0.9.0 makes of each, tried.
@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("${n|%.2f}", "1.23"),
        ("${i|%03d}", "005"),
        ("${i|%.2f%%}", "5.00%"),
        ("${n|%d}", "1"),
        ("${i|%i}-${i|%g}-${i|%e}-${i|%05.1f}", "5-5-5.000000e+00-005.0"),
        ("${s|%.3s}", "hel"),
        ("${s|%.2f}", "hello world"),
        ("${n|%x}", "1.23456"),
        ("${i|%}", "5"),
        ("${f|%d}", "0"),
        ("${x|%s}", "None"),
        ("${x|default:none}", "none"),
        ("${x|default:a:b}", "a:b"),
        ("${nope|default:zz}", "zz"),
        ("${s|default:foo}", "hello world"),
        ("${b|default:z}", "True"),
        ("${x|default:a/b|basename}", "b"),
        ("${x|default:3|%.1f}", "3"),
        ("${n|%.2f|unquote}", "1.23"),
        ("${path|basename}", "c.txt"),
        ("${s}", "'hello world'"),
        ("${s|unquote}", "hello world"),
        ("${b|unquote}", "True"),
        ("${b} ${f}", "yes no"),
        ("${empty}", "''"),
        ("${yes}", "'yes'"),
        ("${small}", "1.23456e-06"),
        ("${long} ${long|unquote}", "0.12345 0.123456789"),
        ("p ${nope} q ${x} r", "p  q  r"),
        ("${x|default}${x|basename}${x|unquote}", ""),
        ("${s|upper}${n|}${n| %.2f }", "#error##error##error#"),
        ("${|default:z}", "z"),
        ("$${n}", "$1.23456"),
    ],
)
def test_a_label_takes_filters(template: str, made: str) -> None:
    assert label.label_of(Operation("op", label=template), VALUES) == made


def test_a_labels_format_cannot_fill_the_memory() -> None:
    operation = Operation("op", label="${i|%9999999999d}${i|%*d}${i|%.9999999999f}")
    assert label.label_of(operation, {"i": 5}) == "555"


def test_a_label_may_have_the_flags_in_it() -> None:
    operation = Operation("op", label="mine ${default_label}")
    assert label.label_of(operation, {"b": 2, "a": 1.5}) == "mine a=1.5 b=2"


def test_a_number_in_a_label_has_five_digits_behind_its_point() -> None:
    values: dict[str, FlagValue] = {"a": 0.000123456789, "b": 12345678901, "c": "1.2345678"}
    assert label.label_of(op(), values) == "a=0.00012 b=12345678901 c='1.2345678'"


def test_a_run_that_is_tagged_has_the_tags_and_its_flags_as_label() -> None:
    operation = Operation("op", label="own")
    assert label.label_with_tags(operation, {"a": 1}, ["x", "y"]) == "x y a=1"
    assert label.label_with_tags(operation, {"a": 1}, []) == "own"
    assert label.label_with_tags(operation, {}, ["x"]) == "x"
