"""What a run keeps of its operation, so that it can be made again without its project."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from projects import op

from guild_sync.errors import GuildError
from guild_sync.jobs.recipe import definition, new_label, operation_of
from guild_sync.project.definitions import Operation

OWN = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


def kept(operation: dict[str, Any]) -> Operation | None:
    return operation_of({"id": OWN, "work": {"operation": operation}})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("name", [field.name for field in fields(Operation)])
def test_an_operation_of_another_kind_than_a_run_keeps_is_refused(name: str) -> None:
    made = definition(op(env={"A": "b"}))
    assert kept(made) == op(env={"A": "b"})
    for other in (["x"], 5.5):
        altered = {**made, name: other}
        try:
            found = kept(altered)
        except GuildError as e:
            assert f"the job of run {OWN} cannot be read" in str(e)
            continue
        assert found is not None
        is_held = type(getattr(found, name)) is type(getattr(op(), name))
        assert is_held or name in ("faults", "warnings"), (name, other)
    with pytest.raises(GuildError):
        kept({**made, "env": {"A": 5}})


@pytest.mark.parametrize(
    ("label", "tags", "made"),
    [
        ("a=1", [], "a=2"),
        ("x a=1", ["x", "of-the-operation"], "x a=2"),
        ("x y a=1", ["x", "y"], "x y a=2"),
        ("z a=1", ["x"], None),
        ("mine", ["x"], None),
        (None, ["x"], "a=2"),
    ],
)
def test_a_label_that_was_made_from_values_is_made_from_other_ones(
    label: str | None, tags: list[str], made: str | None
) -> None:
    recipe = {"label": label, "tags": tags, "flags": {"a": 1}, "work": None}
    assert new_label(recipe, op(), {"a": 2}) == made  # type: ignore[arg-type]
