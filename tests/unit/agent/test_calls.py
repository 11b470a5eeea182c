"""Requests that tell how runs are: of which of them a scheduler is asked before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from rundirs import make

from guild_sync.agent import calls
from guild_sync.agent.judging import looks
from guild_sync.agent.scheduling import records
from guild_sync.agent.scheduling.face import Site
from guild_sync.agent.scheduling.records import Record

RUN, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Of which runs it was asked; None: of all."""
    found: list[Any] = []

    def look(_home: str, ids: Collection[str] | None) -> str:
        found.append(None if ids is None else sorted(ids))
        return ""

    monkeypatch.setattr(looks, "look", look)
    monkeypatch.setattr(looks, "_last", {})
    return found


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], []),
        ([{"specs": []}], [None]),
        ([{"specs": ["1"]}], [None]),
        ([{"specs": [RUN]}], [[RUN]]),
        ([{"specs": [RUN, "1"]}], [None]),
        ([{"spec": RUN}], [[RUN]]),
        ([{"run": RUN[:8]}], [None]),
        ([{"ids": []}], [[]]),
        ([{"ids": [RUN]}, {"ids": [OTHER]}], [[RUN, OTHER]]),
        ([{"ids": [RUN]}, {"specs": []}], [None]),
        ([{"ids": [RUN], "look_only": True}], []),
        ([{"specs": [], "deleted": True}], []),
        ([{"ids": [5, None, "x"]}], [[]]),
    ],
)
def test_of_which_runs_a_scheduler_is_asked(
    home: Path, looked: list[Any], asked: list[dict[str, Any]], expected: list[Any]
) -> None:
    (home / "jobs").mkdir(parents=True)
    calls.looked(str(home), asked)
    assert looked == expected


def test_nothing_is_looked_for_where_no_run_was_ever_a_job(home: Path, looked: list[Any]) -> None:
    assert calls.looked(str(home), [{"specs": []}]) is None
    assert looked == []


def test_several_requests_of_one_process_are_one_look(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def looked(_home: str, cases: Sequence[object]) -> str:
        asked.append(len(cases))
        return ""

    monkeypatch.setattr(looks, "_looked", looked)
    monkeypatch.setattr(looks, "_last", {})
    run = str(make(home, RUN, {"PENDING": ""}))
    records.write(run, Record("slurm", Site(), records.name_of(RUN), 1, "4711"))
    records.expect(str(home), RUN)
    assert [calls.looked(str(home), [{"specs": []}]) for _ in range(3)] == ["", "", ""]
    assert asked == [1]


def test_what_tells_how_runs_are_looks() -> None:
    assert {name for name, function in calls.TABLE.items() if function.looks} == {
        *(
            "list_runs",
            "list_details",
            "info",
            "summaries",
            "lines",
            "select",
            "choose",
            "matching",
        ),
        *("states", "survey", "offer", "recipe", "candidates", "compared", "listed"),
        *("glance", "glanced"),
    }
