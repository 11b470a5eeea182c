"""Listings with columns, and in the order of one; and which run is best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from rundirs import A, B, C, give_scalars, make

from guild_sync.agent.comparing.listed import listed, scalars_of
from guild_sync.agent.comparing.ranking import choose
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Value
from guild_sync.agent.store import job, rundir

D, E = "d" * 32, "e" * 32


@pytest.fixture
def home(tmp_path: Path) -> str:
    """Runs, the latest first: A has no scalar, B one that is not a number."""
    make(tmp_path, A, started=5, exit_status=0, flags={"lr": 0.3})
    for number, (run_id, loss) in enumerate(((B, math.nan), (C, 0.1), (D, 0.3), (E, 0.2))):
        run = make(
            *(tmp_path, run_id),
            started=4 - number,
            exit_status=0,
            label=f"l{loss}",
            flags={"lr": 0.1},
        )
        give_scalars(run, {"loss": (0.5, loss), "val acc": (1 - loss,)})
    return str(tmp_path)


def order(home: str, sort: str, **more: object) -> list[tuple[str, int | None]]:
    found = listed(home, sort=sort, **more)  # type: ignore[arg-type]
    return [(run["id"][0], run["index"]) for run in found["runs"]]


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("", "abcde"),
        ("loss", "cedab"),
        ("-loss", "decab"),
        ("min loss", "cedba"),
        ("-'val acc'", "cedab"),
        ("lr", "bcdea"),
        ("-lr", "abcde"),
        ("label", "cedba"),
        ("-started", "abcde"),
        ("started", "edcba"),
        ("nothing", "abcde"),
    ],
)
def test_runs_are_sorted_and_keep_their_indexes(home: str, sort: str, ids: str) -> None:
    assert order(home, sort) == [(run, "abcde".index(run) + 1) for run in ids]


def test_the_first_of_a_sorted_listing_are_shown(home: str) -> None:
    found = listed(home, limit=2, sort="loss", asked=["lr", "min loss as best"], scalars=True)
    assert [(run["id"], run["order"], run["cells"]) for run in found["runs"]] == [
        (C, 0.1, [{"heading": "lr", "value": 0.1}, {"heading": "best", "value": 0.1}]),
        (E, 0.2, [{"heading": "lr", "value": 0.1}, {"heading": "best", "value": 0.2}]),
    ]
    assert found["total"] == 5
    assert found["runs"][0]["scalars"]["loss"]["count"] == 2
    assert listed(home, limit=1)["runs"][0]["scalars"] == {}


def test_a_named_run_has_its_place_among_those_that_are_named(home: str) -> None:
    assert order(home, "loss", specs=[E, D]) == [("e", 1), ("d", 2)]
    assert order(home, "", specs=["4:5"]) == [("d", 1), ("e", 2)]
    assert order(home, "loss", filters={"expression": ["<", "loss", 0.25]}) == [("c", 1), ("e", 2)]


def test_a_batch_that_has_ended_well_is_sorted_and_has_no_index(home: str) -> None:
    batch = make(Path(home), "f" * 32, {"BATCH": ""}, started=9, exit_status=0)
    (batch / ".guild/opref").write_text("builtin: '' '' +")
    found = order(home, "loss", whole=True)
    assert found == [("c", 3), ("e", 5), ("d", 4), ("f", None), ("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("asked", "sort", "unknown"),
    [
        (["loss", "lr"], "lr", {}),
        (["los"], "", {"los": ["loss"]}),
        (["loss"], "-min los", {"min los": ["min loss"]}),
        (["tags", "label"], "marked", {}),  # attributes that no run has now
        (["zzz"], "zzz", {"zzz": []}),
    ],
)
def test_a_column_that_no_run_has_is_told(
    home: str, asked: Sequence[str], sort: str, unknown: dict[str, list[str]]
) -> None:
    found = listed(home, asked=asked, sort=sort)
    assert found["unknown"] == unknown
    assert found["there"] == ("scalars loss, val acc; flags lr" if unknown else "")


def test_a_column_is_known_that_only_runs_have_which_are_not_shown(home: str) -> None:
    assert listed(home, limit=1, asked=["loss"])["unknown"] == {}
    assert listed(home, specs=[A], asked=["loss"])["unknown"] == {}


def test_where_there_are_no_runs_no_column_is_wrong(tmp_path: Path) -> None:
    found = listed(str(tmp_path), asked=["x"], sort="y")
    assert found == {"runs": [], "total": 0, "sort": "y", "unknown": {}, "there": ""}


def test_what_is_not_a_number_is_never_best(home: str) -> None:
    for lowest, highest, ids in (
        ("loss", None, [C, E, D]),
        (None, "loss", [D, E, C]),
        (None, "min loss as x", [B, D, E, C]),
    ):
        found = choose(home, lowest=lowest, highest=highest)
        assert [run["id"] for run in found] == ids
    picked = choose(home, lowest="loss", limit=1, attr="val acc")
    assert [run["value"] for run in picked] == [0.9]
    assert choose(home, [B], attr="loss")[0]["value"] == "nan"
    with pytest.raises(AgentError, match="no run has a number for 'los'") as error:
        choose(home, lowest="los")
    assert error.value.hint == "Did you mean 'loss'? There are scalars loss, val acc; flags lr."


def test_a_number_that_json_has_not_is_sorted_as_one(tmp_path: Path) -> None:
    for run_id, number in ((A, math.inf), (B, 10**400), (C, -math.inf), (D, 1)):
        make(tmp_path, run_id, started=1, flags={"x": number})
    assert [run for run, _ in order(str(tmp_path), "x")][:2] == ["c", "d"]


def test_scalars_of_runs_that_are_not_there_are_none(home: str) -> None:
    found = scalars_of(home, [C, "0" * 32])
    assert [*found[C]] == ["loss", "val acc"]
    assert found["0" * 32] == {}


def judged(home: str, run_id: str, objective: Value) -> None:
    """Have a run's operation have an objective."""
    directory = rundir.run_dir(home, run_id)
    job.write_job(directory, {"operation": {"kept": {"objective": objective}}})


def test_the_best_run_is_that_of_the_objective_of_guild_yml(home: str) -> None:
    with pytest.raises(AgentError, match="no run has an operation with an objective"):
        choose(home, best=True)
    for run_id in (B, C, D):
        judged(home, run_id, "loss")
    assert [run["id"] for run in choose(home, best=True)] == [C, E, D]
    found = listed(home, best=True, limit=1)
    assert (found["sort"], found["runs"][0]["id"]) == ("loss", C)
    judged(home, E, {"maximize": "val acc"})
    with pytest.raises(AgentError, match="the runs have several objectives: '-val acc', 'loss'"):
        choose(home, best=True)
    assert [run["id"] for run in choose(home, [E], best=True)] == [E]
    judged(home, E, {"maximize": "loss"})
    assert [run["id"] for run in choose(home, [E, A], best=True)] == [E]
