"""The values of flags: what the command line says, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from projects import op

from guild_sync.agent.protocol import Value
from guild_sync.agent.value_words import plain_value
from guild_sync.errors import GuildError, UsageError
from guild_sync.project import flags
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Choice, Flag
from guild_sync.project.values import FlagValue, Several


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
        (Flag("x", type="string"), "'a b'", "a b"),
        (Flag("x", type="string"), '"10"', "10"),
        (Flag("x", choices=("a b", "c")), "'a b'", "a b"),
        (Flag("x", type="string"), "it's", "it's"),
        (Flag("x", type="string"), "'", "'"),
        (Flag("x", type="string"), "'a' and 'b'", "'a' and 'b'"),
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
    for none in ("data=", "data=null"):  # as for Guild AI 0.9
        with pytest.raises(GuildError, match=r"^flag 'data' needs a value$"):
            flags.flag_values(operation, [none])
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


# Keys of a flag in guild.yml.


def values(*flags_: Flag, given: str = "", force: bool = False) -> dict[str, FlagValue]:
    operation = Operation("op", exec="true", flags={flag.name: flag for flag in flags_})
    return flags.flag_values(operation, given.split(), force)


def test_what_no_import_asks_for_has_a_value_only_where_one_is_given() -> None:
    x, y = Flag("x", 1, type="number", offered=True), Flag("y", 2)
    assert values(x, y) == {"y": 2}
    assert values(x, y, given="x=3") == {"x": 3, "y": 2}
    with pytest.raises(GuildError, match="not a number"):
        values(x, y, given="x=a")


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("string", 5, "5"),
        ("string", True, "true"),
        ("int", "5", 5),
        ("float", 5, 5.0),
        ("number", "1e3", 1000.0),
        ("boolean", 1, True),
        ("boolean", "yes", True),
        ("filename", 7, "7"),
        (None, 5, 5),
    ],
)
def test_a_default_of_guild_yml_has_the_form_of_its_type(
    kind: str | None, default: Value, value: Value
) -> None:
    found = values(Flag("x", default, type=kind, checked=True))["x"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "flag",
    [
        Flag("x", "abc", type="number", checked=True),
        Flag("x", 5, maximum=3, checked=True),
        Flag("x", 5, choices=(1, 2), checked=True),
        Flag("x", Several((1, 5)), choices=(1, 2), checked=True),
    ],
)
def test_a_default_that_is_none_of_the_flags_values_is_refused_unless_another_is_given(
    flag: Flag,
) -> None:
    with pytest.raises(GuildError, match="invalid value"):
        values(flag)
    assert values(flag, given="x=2") == {"x": 2}
    assert values(flag, force=True) == {"x": flag.default}


def test_other_values_than_the_choices_can_be_allowed() -> None:
    assert values(Flag("x", choices=("a",), allow_other=True), given="x=b") == {"x": "b"}


def test_a_flag_has_its_alias_too() -> None:
    assert values(Flag("x", 1, alias="ex"), given="ex=2") == {"x": 2}
    # The name of a flag is that flag's.
    assert values(Flag("x", 1, alias="y"), Flag("y", 1), given="y=2") == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("named", "flag"),
    [
        ("operation:a", "operation:a"),
        ("a", "operation:a"),
        ("b", "b"),
        ("operation:b", "b"),
        ("c", "c"),
        ("operation:c", "operation:c"),
        ("d", "d"),
        ("see", "c"),
        ("operation:x", "operation:x"),
    ],
)
def test_a_word_names_a_flag_by_any_of_its_names(named: str, flag: str) -> None:
    """`b` is a run's flag as guild 0.1 called it: the runs that it made are started again."""
    found = (Flag("operation:a", is_run=True), Flag("a"), Flag("b", is_run=True))
    operation = Operation("op", flags={f.name: f for f in (*found, Flag("c", alias="see"))})
    assert flags.own_name(operation, named) == flag


CHOICES = Flag(
    "x",
    choices=("a", "b", 3),
    details=(
        Choice("a", flags={"y": 7}),
        Choice("b", alias="bee", flags={"y": 8, "z": 9}),
        Choice(3, alias="three"),
    ),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", {"x": None, "y": 1}),
        ("x=a", {"x": "a", "y": 7}),
        ("x=a y=2", {"x": "a", "y": 2}),
        ("x=a y=null", {"x": "a", "y": 7}),
        ("x=b", {"x": "b", "y": 1}),
        ("x=bee", {"x": "b", "y": 8, "z": 9}),
        ("x=three", {"x": 3, "y": 1}),
    ],
)
def test_a_choice_has_an_alias_and_flags_that_it_sets(
    given: str, expected: dict[str, FlagValue]
) -> None:
    assert values(CHOICES, Flag("y", 1), given=given) == expected


def test_choices_are_said_by_their_aliases() -> None:
    assert flags.possible_texts(CHOICES) == ["a", "bee", "three"]
    with pytest.raises(GuildError, match="not one of a, bee, three"):
        values(CHOICES, given="x=c")
    assert flags.about(replace(CHOICES, description="which", allow_other=True)) == (
        "which; a, bee, three, or another value"
    )
    assert flags.about(Flag("x", choices=(1, True))) == "1, yes"
    twice = (Choice("a", alias="one"), Choice("a", alias="two"))
    assert flags.possible_texts(Flag("x", choices=("a", "a"), details=twice)) == ["one", "two"]


def test_a_choice_that_sets_flags_is_not_one_of_a_batch() -> None:
    with pytest.raises(GuildError, match="takes one value"):
        values(CHOICES, Flag("y", 1), given="x=[a,bee]")
    named = Flag("x", choices=(3, 4), details=(Choice(3, alias="three"),))
    assert values(named, given="x=[4,three]") == {"x": Several((4, 3))}


def test_a_default_chooses_as_well() -> None:
    chosen = replace(CHOICES, default="bee", checked=True)
    assert values(chosen, Flag("y", 1)) == {"x": "b", "y": 8, "z": 9}
    # An earlier run's value has had its effect.
    assert values(replace(chosen, default="b", checked=False), Flag("y", 5)) == {"x": "b", "y": 5}


def test_a_path_is_the_projects_where_its_folder_is_known(tmp_path: Path) -> None:
    folder = str(tmp_path)
    path = Flag("x", "a/../b", type="path", folder=folder, checked=True)
    assert values(path) == {"x": f"{folder}/b"}
    assert values(path, given="x=/abs") == {"x": "/abs"}
    assert values(path, given="x=") == {"x": ""}
    assert values(replace(path, folder=None), given="x=c") == {"x": "c"}
    existing = Flag("x", type="existing-path", folder=folder)
    assert values(existing) == {"x": None}
    assert values(existing, given="x=.") == {"x": folder}
    with pytest.raises(GuildError, match=f"there is no {folder}/gone"):
        values(existing, given="x=gone")


def test_words_stand_for_a_list() -> None:
    assert flags.words_in("1 'a b' yes") == [1, "a b", True]
    assert flags.words_in("") == []
    assert flags.words_in("it's") == ["it's"]
    assert flags.words_in(3) == [3]
    assert flags.words_in([1]) == [1]
    assert flags.words_in(None) is None
