"""A remote's word of what people wrote: what no attribute can have is nobody's."""

from __future__ import annotations

import os
from typing import Any

import pytest
from rundirs import A, state

from guild_sync.agent.protocol import LARGE, MOST_LARGE, NOTES
from guild_sync.config.remotes import Remote
from guild_sync.config.selection import Selection
from guild_sync.errors import RemoteError
from guild_sync.transfer import survey


class Answers:
    """A host that says one thing of a run."""

    name = home = "gpu"
    remote = Remote("gpu", "ssh", host="g", compress="no")

    def __init__(self, **told: Any) -> None:
        self._told = state("completed", sample=[0, 0], **told)

    def survey(self, **_: Any) -> Any:
        return {"states": {A: self._told}, "home_id": None}


def notes(**told: Any) -> Any:
    found = survey_of(Answers(notes={**dict.fromkeys(NOTES), **told}))
    assert found is not None
    return found["notes"]


def survey_of(host: Any) -> Any:
    return survey.survey(host, host, [A], Selection(), stamps=False).states[A]


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


def test_what_no_file_can_be_called_makes_no_sense_among_what_is_left_out() -> None:
    not_text = os.fsdecode(b"\xff")
    assert survey_of(Answers(left_out=[["a", 1], [not_text, 1]])) is not None
    with pytest.raises(RemoteError, match="makes no sense"):
        survey_of(Answers(left_out=[["a\ud800", 1]]))


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/", "", ".guild/LOCK", "a\0b", "a\ud800"],
)
def test_a_file_that_is_none_of_a_runs_makes_no_sense_among_the_large(path: str) -> None:
    with pytest.raises(RemoteError, match="makes no sense"):
        survey_of(Answers(large=[[path, LARGE]]))


def test_large_files_may_have_any_name_and_are_so_many() -> None:
    odd = [["-e\n#", LARGE], ["d/.guild/..x", LARGE], [os.fsdecode(b"\xff"), LARGE]]
    assert survey_of(Answers(large=odd))["large"] == [tuple(each) for each in odd]
    with pytest.raises(RemoteError, match="makes no sense"):
        survey_of(Answers(large=[["a", LARGE]] * (MOST_LARGE + 1)))
