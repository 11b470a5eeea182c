"""What a run keeps of its operation, so that it can be made again without its project."""

from __future__ import annotations

import pytest
from projects import op

from guild_sync.jobs.recipe import new_label


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
