"""A remote's word of what people wrote: what no attribute can have is nobody's."""

from __future__ import annotations

from typing import Any

import pytest
from rundirs import A, state

from guild_sync.agent.protocol import NOTES
from guild_sync.config.selection import Selection
from guild_sync.transfer import survey


class Answers:
    """A host that says one thing of a run."""

    name = home = "gpu"

    def __init__(self, notes: dict[str, Any]) -> None:
        self._notes = {**dict.fromkeys(NOTES), **notes}

    def survey(self, **_: Any) -> Any:
        told = state("completed", notes=self._notes)
        return {"states": {A: told}, "home_id": None}


def notes(**told: Any) -> Any:
    host: Any = Answers(told)
    found = survey.survey(host, host, [A], Selection(), stamps=False).states[A]
    assert found is not None
    return found["notes"]


@pytest.mark.parametrize(
    "odd",
    [
        {"label": "\ud800"},
        {"label": "x" * 2_000_000},
        {"label": 1 << 20_000},
        {"marked": "\udfff"},
        {"tags": ["\ud800"]},
        {"comments": [{"\ud800": 1}]},
        {"comments": [{"body": "x" * 2_000_000}]},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_what_no_attribute_can_have_nobody_has_written(odd: dict[str, Any]) -> None:
    (name,) = odd
    assert notes(**odd) == {other: None for other in NOTES if other != name}


def test_what_people_can_have_written_is_taken_as_it_is() -> None:
    written = {"label": "é", "tags": ["a"], "comments": [{"body": "b", "time": 1}], "marked": True}
    assert notes(**written) == written
