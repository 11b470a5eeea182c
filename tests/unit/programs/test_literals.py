"""Values of Python source: recorded by a run, and put back as they were."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from projects import CONSTANTS

from guild_sync.agent.protocol import Value
from guild_sync.programs import literals
from guild_sync.programs.literals import Constant


@given(CONSTANTS)
def test_a_value_comes_back_from_json_as_it_was(value: Constant) -> None:
    assert repr(literals.untagged(json.loads(json.dumps(literals.tagged(value))))) == repr(value)


@given(CONSTANTS)
def test_a_recorded_value_has_the_sources_form_again(value: Constant) -> None:
    recorded = json.loads(json.dumps(literals.recorded(value)))
    assert repr(literals.like(value, recorded)) == repr(value)


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        ((28, 28), [32, 32], (32, 32)),
        ((28,), [1, 2, 3], (1, 2, 3)),
        ((), [1], (1,)),
        ([(1, 2)], [[3, 4], [5, 6]], [(3, 4), (5, 6)]),
        (((1,), [2]), [[3], [4], [5]], ((3,), [4], [5])),
        ({0: "cat"}, {"0": "dog", "1": "cow"}, {0: "dog", 1: "cow"}),
        ({0: "cat"}, {"x": "dog"}, {"x": "dog"}),
        ({(1, 2): 3}, {"(1, 2)": 4}, {(1, 2): 4}),
        ({"a": (1,)}, {"b": [2]}, {"b": (2,)}),
        ((1, 2), 5, 5),
        (5, [1, 2], [1, 2]),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_another_value_has_the_form_of_the_sources_own(
    own: Constant, given: Value, expected: Constant
) -> None:
    assert repr(literals.like(own, given)) == repr(expected)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        ([1], [1], True),
        ([1], [True], False),
    ],
)
def test_equal_is_what_python_could_not_tell_apart(
    one: Value, other: Value, are_same: bool
) -> None:
    assert literals.same(one, other) is are_same


@pytest.mark.parametrize(
    "text", ["x", "{1, 2}", "b'a'", "1j", "...", "'\\ud800'", "[" * 60 + "]" * 60, "10 ** 2"]
)
def test_what_a_flag_cannot_hold_or_a_run_cannot_record_is_not_known(text: str) -> None:
    assert literals.evaluated(ast.parse(text, mode="eval").body) is None
