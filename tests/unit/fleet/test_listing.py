"""Runs of several remotes in one list."""

from __future__ import annotations

from typing import cast

import pytest

from guild_sync.agent.protocol import Run
from guild_sync.fleet.listing import newest_first


def run(name: str, started: object, initialized: object = None, indexed: bool = True) -> Run:
    found = {"id": name, "started": started, "initialized": initialized, "indexed": indexed}
    return cast(Run, found)


A = [run("a1", 50), run("a2", None, 30), run("a3", 10)]
B = [run("b1", 40), run("b-batch", 35, indexed=False), run("b2", 20)]


def test_the_newest_of_all_is_first_and_each_has_its_index_there() -> None:
    found = newest_first({"gpu1": A, "gpu2": B})
    assert [(one.place, one.run["id"]) for one in found] == [
        *(("gpu1:1", "a1"), ("gpu2:1", "b1"), ("gpu2", "b-batch")),
        *(("gpu1:2", "a2"), ("gpu2:2", "b2"), ("gpu1:3", "a3")),
    ]


@pytest.mark.parametrize("limit", [0, 1, 4, 6, 9])
def test_a_limit_counts_over_all(limit: int) -> None:
    every = newest_first({"gpu1": A, "gpu2": B})
    assert newest_first({"gpu1": A, "gpu2": B}, limit) == every[:limit]


def test_runs_that_were_named_have_no_index() -> None:
    found = newest_first({"gpu1": A}, indexed=False)
    assert [one.place for one in found] == ["gpu1"] * 3


def test_the_order_of_a_remote_stays_whatever_its_times_are() -> None:
    odd = [run("x", "soon"), run("y", None), run("z", 99)]
    found = newest_first({"gpu1": odd, "gpu2": B})
    ids = [one.run["id"] for one in found]
    assert [i for i in ids if i in "xyz"] == ["x", "y", "z"]


def test_none_of_none() -> None:
    assert newest_first({}) == newest_first({"gpu1": []}) == []
