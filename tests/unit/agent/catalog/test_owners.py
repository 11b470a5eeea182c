"""Whose runs are: what runs say of who started them, and which are one person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rundirs import A, B, C, make

from guild_sync.agent.catalog import describe, find, trash
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import NAME_LENGTH, Filters, Value
from guild_sync.agent.store import rundir

ANN: dict[str, Value] = {"user": "ann", "client": "laptop", "home": "1" * 32}
BOB: dict[str, Value] = {"user": "bob", "client": "desk", "home": "2" * 32}
MINE: Filters = {"mine": {"user": "ann", "home": "1" * 32}}


def own(home: Path, **more: Value) -> list[str]:
    return find.select(str(home), [], {**MINE, **more})


def test_ones_own_are_those_that_say_so(home: Path) -> None:
    make(home, A, started=1, started_by=ANN)
    make(home, B, started=2, started_by=BOB)
    assert own(home) == [A]


@pytest.mark.parametrize(
    ("limit", "filters", "others"),
    [(None, {}, 2), (1, {}, 1), (2, {}, 1), (None, {"label": ["x"]}, 1), (1, {"label": ["x"]}, 0)],
)
def test_with_ones_own_it_is_told_how_many_would_be_meant_of_others(
    home: Path, limit: int | None, filters: Filters, others: int
) -> None:
    make(home, A, started=3, started_by=BOB)
    make(home, B, started=2, started_by=ANN, label="x")
    make(home, C, started=1, started_by=BOB, label="x")
    wanted = {**MINE, **filters}
    found = describe.list_runs(str(home), limit=limit, filters=wanted, with_others=True)
    assert [run["id"] for run in found["runs"]] == [B]
    assert (found["total"], found["others"]) == (1, others)
    assert describe.list_runs(str(home), limit=limit, filters=wanted)["others"] == 0


@pytest.mark.parametrize(
    ("more", "is_own"),
    [
        ({"client": "renamed"}, True),  # a laptop has another name in each network
        ({"user": "bob"}, False),  # a guild home that two people use
        ({"home": "2" * 32}, False),  # another guild home of the same user
    ],
)
def test_the_user_and_the_guild_home_decide(
    home: Path, more: dict[str, Value], is_own: bool
) -> None:
    make(home, A, started=1, started_by={**ANN, **more})
    assert own(home) == ([A] if is_own else [])


def test_what_says_nothing_is_ones_own_while_nobody_else_is_there(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=2, started_by=ANN)
    assert own(home) == [B, A]
    make(home, C, started=3, started_by=BOB)
    assert own(home) == [B]
    trash.delete(str(home), [C])
    assert own(home) == [B], "there is somebody else: the trash says so"
    trash.purge(str(home), [C])
    assert own(home) == [B, A]


def test_what_is_in_the_trash_is_ones_own_by_the_same_rule(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=2, started_by=BOB)
    trash.delete(str(home), [A])
    assert find.select(str(home), [], MINE, deleted=True) == []


def test_a_guild_home_without_a_name_has_no_runs_of_its_own(home: Path) -> None:
    nameless: Filters = {"mine": {"user": "ann", "home": ""}}
    make(home, A, started=1, started_by={**ANN, "home": ""})
    assert find.select(str(home), [], nameless) == []


def test_it_is_one_filter_among_others_and_counts_before_indexes(home: Path) -> None:
    make(home, A, started=1, started_by=ANN, label="x", exit_status=0)
    make(home, B, started=2, started_by=ANN)
    make(home, C, started=3, started_by=BOB, label="x")
    assert own(home, label=["x"]) == [A]
    assert find.select(str(home), ["2"], MINE) == [A]


@pytest.mark.parametrize("who", [None, True, {}, {"user": 1, "home": "x"}, {"user": "ann"}])
def test_a_filter_that_does_not_say_whose_is_refused(home: Path, who: Any) -> None:
    with pytest.raises(AgentError, match="does not say whose runs"):
        find.select(str(home), [], {"mine": who})


HOSTILE: list[Any] = [
    "ann",
    7,
    [],
    {},
    {**ANN, "user": None},
    {**ANN, "client": ["laptop"]},
    {**ANN, "home": {"x": 1}},
    {**ANN, "user": "a" * (NAME_LENGTH + 1)},
]


@pytest.mark.parametrize("said", HOSTILE)
def test_what_cannot_be_read_is_shown_as_nobody_and_is_not_ones_own(home: Path, said: Any) -> None:
    make(home, A, started=1, started_by=said)
    make(home, B, started=2)
    assert describe.summary(str(home), A)["started_by"] is None
    assert own(home) == [], "somebody has said something"


def test_more_than_is_meant_is_left_out(home: Path) -> None:
    make(home, A, started=1, started_by={**ANN, "more": "x"})
    assert describe.summary(str(home), A)["started_by"] == ANN


def test_names_that_look_like_numbers_stay_text(home: Path) -> None:
    said: dict[str, Value] = {"user": "1000", "client": "0x1f", "home": "1e" + "0" * 30}
    directory = make(home, A, started=1)
    rundir.write_attr(str(directory), "started_by", said)
    assert describe.summary(str(home), A)["started_by"] == said
