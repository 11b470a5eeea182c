"""The values of flags: what the command line says, checked."""

from __future__ import annotations

import pytest
from projects import op

from guild_sync.errors import GuildError, UsageError
from guild_sync.project import flags
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Flag
from guild_sync.project.values import Several, plain_value


def test_flags_have_their_defaults_and_what_the_command_line_says() -> None:
    assert flags.flag_values(op(a=1, b="x", c=[0]), ["a=2", "c=[1, 2]"]) == {
        "a": 2,
        "b": "x",
        "c": [1, 2],
    }


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        (Flag("x", type="number"), "2", 2),
        (Flag("x", type="number"), "2.5", 2.5),
        (Flag("x", type="number"), "1e3", 1000.0),
        (Flag("x", type="string"), "10", "10"),
        (Flag("x", type="string"), "yes", "yes"),
        (Flag("x", type="boolean"), "no", False),
        (Flag("x", 1), "text", "text"),
        (Flag("x", "text"), "10", 10),
        (Flag("x", type="string"), "007", "007"),
        (Flag("x", type="path"), "~/data", "~/data"),
        (Flag("x", type="float"), "3", 3.0),
        (Flag("x", type="int"), "3", 3),
        (Flag("x"), "null", None),
        (Flag("x", [0]), "[1, a]", [1, "a"]),
        (Flag("x"), "[1, a]", Several((1, "a"))),
        (Flag("x", type="string"), "[1:3]", Several(("1", "2", "3"))),
        (Flag("x"), "'[1, a]'", "[1, a]"),
        (Flag("x", choices=("a", "b")), "b", "b"),
        (Flag("x", type="number", minimum=1, maximum=9), "9", 9),
    ],
)
def test_a_value_has_the_flags_type(flag: Flag, text: str, value: object) -> None:
    found = flags.flag_values(Operation("op", flags={"x": flag}), [f"x={text}"])["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("flag", "text", "problem"),
    [
        (Flag("x", type="number"), "", "'' for flag 'x': not a number"),
        (Flag("x", type="number"), "many", "'many' for flag 'x': not a number"),
        (Flag("x", type="number"), "yes", "'yes' for flag 'x': not a number"),
        (Flag("x", type="int"), "1.5", "'1.5' for flag 'x': not a whole number"),
        (Flag("x", type="boolean"), "maybe", "'maybe' for flag 'x': neither yes nor no"),
        (Flag("x", type="int", minimum=1), "0", "'0' for flag 'x': less than 1"),
        (Flag("x", type="number", maximum=9), "9.5", "'9.5' for flag 'x': more than 9"),
        (Flag("x", choices=("a", 2)), "c", "'c' for flag 'x': not one of a, 2"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(flag: Flag, text: str, problem: str) -> None:
    operation = Operation("op", flags={"x": flag})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [f"x={text}"])
    assert error.value.message == f"invalid value {problem}"
    assert flags.flag_values(operation, [f"x={text}"], force=True)


def test_bounds_hold_without_a_type_too() -> None:
    operation = Operation("op", flags={"x": Flag("x", 5, minimum=1)})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=0"])


def test_what_is_no_number_is_within_no_bounds() -> None:
    operation = Operation("op", flags={"x": Flag("x", type="float", minimum=0, maximum=1)})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=.nan"])


def test_a_choice_is_not_taken_for_another_that_python_calls_equal() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=("1", "2"))})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=3"])


@pytest.mark.parametrize("text", ["1e999999", "123e4567"])
def test_a_number_beyond_what_a_float_holds_stays_text(text: str) -> None:
    assert plain_value(text) == text


def test_yes_is_not_the_choice_1() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=(1, 2))})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=yes"])


def test_a_choice_that_looks_like_a_number_can_be_chosen() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=("1", "2"))})
    assert flags.flag_values(operation, ["x=1"]) == {"x": "1"}


def test_a_flag_that_is_not_there_is_answered_with_the_near_ones() -> None:
    with pytest.raises(GuildError) as error:
        flags.flag_values(op(epochs=1, rate=2), ["epoch=3"])
    assert error.value.message == "unsupported flag 'epoch' for op"
    assert error.value.hint.startswith("Did you mean epochs?\n")


def test_a_flag_that_is_not_there_is_taken_by_force() -> None:
    assert flags.flag_values(op(), ["new=1"], force=True) == {"new": 1}


def test_a_required_flag_needs_a_value() -> None:
    operation = Operation("op", flags={"data": Flag("data", required=True)})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [])
    assert error.value.message == "flag 'data' needs a value"
    assert flags.flag_values(operation, ["data=x"]) == {"data": "x"}


def test_a_word_without_an_equals_sign_is_no_flag() -> None:
    with pytest.raises(UsageError) as error:
        flags.flag_values(op(a=1), ["a"])
    assert error.value.message == "'a' is not a flag: a flag is NAME=VALUE"


def test_a_long_value_is_not_repeated_whole() -> None:
    operation = Operation("op", flags={"a": Flag("a", type="number")})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [f"a={'x' * 100_000}"])
    assert len(error.value.message) < 150
