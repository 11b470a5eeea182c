"""Lists and ranges on the command line, and the trials that they make."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.errors import GuildError, UsageError
from guild_sync.project import batches, flags
from guild_sync.project.batches import MAX_TRIALS, listed, trials
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Flag
from guild_sync.project.values import Several

VALUES = st.dictionaries(
    st.text("abcxyz", min_size=1),
    st.integers() | st.lists(st.integers(), min_size=1, max_size=4).map(lambda v: Several((*v,))),
    max_size=5,
)


def values_of(flag: Flag, text: str) -> Any:
    operation = Operation("op", main="train", flags={flag.name: flag})
    return flags.flag_values(operation, [f"{flag.name}={text}"])[flag.name]


# Lists and ranges.


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[1,2,3]", [1, 2, 3]),
        ("[a, 'b c', yes]", ["a", "b c", True]),
        ("[]", []),
        ("[[1,2],[3]]", [[1, 2], [3]]),
        ("[1:4]", [1, 2, 3, 4]),
        ("range[1:4]", [1, 2, 3, 4]),
        ("[1:6:2]", [1, 3, 5]),
        ("[3:3]", [3]),
        ("[3:1:-1]", [3, 2, 1]),
        ("[-1:1]", [-1, 0, 1]),
        ("[0:0.3:0.1]", [0.0, 0.1, 0.2, 0.3]),
        ("[.5:1.5]", [0.5, 1.5]),
        ("linspace[0:1:5]", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("linspace[0:1]", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("linspace[2:9:1]", [2.0]),
        ("logspace[0:2:3]", [1.0, 10.0, 100.0]),
        ("logspace[-2:0:3]", [0.01, 0.1, 1.0]),
    ],
)
def test_a_list_or_a_range_stands_for_its_values(text: str, values: list[Any]) -> None:
    found = listed(text)

    assert found == values
    assert list(map(type, found)) == list(map(type, values))


def test_a_range_of_fractions_has_its_end_and_no_error_of_rounding() -> None:
    assert listed("[0:1:0.1]") == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1:3",
        "[",
        "[1",
        "1]",
        "x[1:3]",
        "range",
        "[1:3]\n",
        "{a: 1}",
        "range[a:b]",
        "[a: 1",
    ],
)
def test_another_text_is_no_list(text: str) -> None:
    assert listed(text) is None


@pytest.mark.parametrize("text", ["[1:5:0]", "[1:5:0.0]", "range[1:1:0]"])
def test_a_step_of_0_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="step of 0"):
        listed(text)


@pytest.mark.parametrize("text", ["[5:1]", "[1:5:-1]", "linspace[0:1:0]", "logspace[0:1:-3]"])
def test_a_range_without_values_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="has no values"):
        listed(text)


def test_a_range_has_no_more_values_than_a_batch_has_trials() -> None:
    assert len(listed(f"[1:{MAX_TRIALS}]") or ()) == MAX_TRIALS
    for text in (f"[0:{MAX_TRIALS}]", "[0:1:1e-12]", f"[0:{'9' * 100}]", "linspace[0:1:1e30]"):
        with pytest.raises(UsageError, match=f"more than {MAX_TRIALS} values"):
            listed(text)


@pytest.mark.parametrize(
    "text",
    ["[0:1e999]", "[0:1e308:1e-300]", "[-1e308:1e308]", "logspace[1:400:3]", "logspace[400:400:1]"],
)
def test_a_range_of_too_large_numbers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="too large"):
        listed(text)


# Flags.


def test_each_value_of_a_list_is_checked_as_one() -> None:
    assert values_of(Flag("n", type="int"), "[1,2]") == Several((1, 2))
    assert values_of(Flag("x", type="float"), "[1:2]") == Several((1.0, 2.0))
    assert values_of(Flag("s", type="string"), "[1,2]") == Several(("1", "2"))
    with pytest.raises(GuildError, match=r"invalid value '1\.5' for flag 'n'"):
        values_of(Flag("n", type="int"), "[1,1.5]")
    with pytest.raises(GuildError, match="more than 2"):
        values_of(Flag("n", maximum=2), "[1:3]")


@pytest.mark.parametrize("flag", [Flag("layers", several=True), Flag("layers", default=[8])])
def test_a_flag_whose_values_are_lists_takes_a_list_as_one_value(flag: Flag) -> None:
    assert values_of(flag, "[1,2]") == [1, 2]
    assert values_of(flag, "[[1,2],[3]]") == Several(([1, 2], [3]))


def test_an_empty_list_is_one_value() -> None:
    assert values_of(Flag("x"), "[]") == []


# Trials.


def test_values_without_a_list_are_one_trial_and_no_batch() -> None:
    assert not batches.is_batch({"a": 1, "b": [1, 2]})
    assert batches.is_batch({"a": 1, "b": Several((1,))})
    assert trials({"a": 1, "b": [1, 2]}) == [{"a": 1, "b": [1, 2]}]


def test_the_last_flag_changes_fastest() -> None:
    assert trials({"a": Several((1, 2)), "b": "x", "c": Several((3, 4))}) == [
        {"a": 1, "b": "x", "c": 3},
        {"a": 1, "b": "x", "c": 4},
        {"a": 2, "b": "x", "c": 3},
        {"a": 2, "b": "x", "c": 4},
    ]


@given(VALUES)
def test_trials_are_every_combination_as_itertools_counts_them(values: dict[str, Any]) -> None:
    items = [v.items if isinstance(v, Several) else (v,) for v in values.values()]

    assert trials(values) == [
        dict(zip(values, found, strict=True)) for found in itertools.product(*items)
    ]


@given(VALUES, st.integers(1, 20), st.integers())
def test_a_limit_draws_some_of_them_in_order_and_the_same_for_a_seed(
    values: dict[str, Any], limit: int, seed: int
) -> None:
    drawn = trials(values, limit, seed)
    rest = iter(trials(values))

    assert len(drawn) == min(limit, math.prod(len(v.items) for v in _several(values)))
    assert all(trial in rest for trial in drawn)
    assert drawn == trials(values, limit, seed)


def _several(values: dict[str, Any]) -> list[Several]:
    return [value for value in values.values() if isinstance(value, Several)]


def test_another_seed_draws_others() -> None:
    values = {"a": Several((*range(1000),))}

    assert trials(values, 10, seed=1) != trials(values, 10, seed=2)


@pytest.mark.parametrize("count", [2, 10, 30])
def test_more_trials_than_a_batch_may_have_are_refused_before_one_is_made(count: int) -> None:
    values = {str(number): Several((*range(200),)) for number in range(count)}

    for limit in (None, MAX_TRIALS + 1):
        with pytest.raises(UsageError, match=f"make {200**count} trials, more than {MAX_TRIALS}"):
            trials(values, limit)
    drawn = trials(values, 3, seed=1)
    assert len({tuple(trial.values()) for trial in drawn}) == 3
    assert drawn == trials(values, 3, seed=1)


def test_the_batch_keeps_several_values_as_a_list() -> None:
    assert batches.plain(Several((1, 2))) == [1, 2]
    assert batches.plain("x") == "x"
