"""The label of a run."""

from __future__ import annotations

from projects import op

from guild_sync.jobs import label
from guild_sync.project.definitions import Operation


def test_a_label_is_the_flags_in_the_order_of_their_names() -> None:
    assert label.label_of(op(), {"b": 2, "a": "x y", "none": None}) == "a='x y' b=2"


def test_an_operations_own_label_has_the_values_in_it() -> None:
    operation = Operation("op", label="run ${a} of ${b} ${gone} $a")
    assert label.label_of(operation, {"a": 1, "b": True}) == "run 1 of 1 ${gone} $a"


def test_a_label_does_not_read_a_value_as_a_variable() -> None:
    operation = Operation("op", label="${a}")
    assert label.label_of(operation, {"a": "${b}", "b": "secret"}) == "${b}"


def test_a_long_label_of_flags_is_cut() -> None:
    text = label.label_of(op(), {"a": "x" * 1000})
    assert (len(text), text[-3:]) == (200, "...")
