"""Runs beside each other: their order and ranks."""

from __future__ import annotations

import pytest
from side_by_side import GRID, cells, compared_run, placed, with_

from guild_sync.comparison import together
from guild_sync.comparison.columns import Placed, WantedColumns
from guild_sync.comparison.together import Order, SideBySide
from guild_sync.errors import GuildError


def shown(
    runs: list[Placed], order: Order | None = None, wanted: WantedColumns | None = None
) -> SideBySide:
    return together.compared(runs, wanted or WantedColumns(), order or Order())


def numbers(comparison: SideBySide) -> list[int]:
    """The runs by their numbers, in their order."""
    return [int(row.placed.run["id"][:8], 16) for row in comparison.rows]


def judged(objective: str, *losses: object) -> list[Placed]:
    """Runs with these numbers, in the order in which they came."""
    runs = []
    for at, loss in enumerate(losses):
        scalars = {"loss": loss} if isinstance(loss, (int, float)) else {}
        runs.append(compared_run(at, {"x": at}, scalars, objective=objective))
    return placed(*runs)


def test_without_an_objective_the_newest_are_first_and_none_is_the_best() -> None:
    found = shown(placed(*GRID))
    assert numbers(found) == [0, 1, 2, 3]
    assert {row.rank for row in found.rows} == {None}
    assert (found.ranked, found.sorted) == (None, None)


def test_the_objective_orders_and_ranks() -> None:
    found = shown(judged("loss", 0.3, 0.1, 0.2))
    assert numbers(found) == [1, 2, 0]
    assert [(row.rank, row.tone) for row in found.rows] == [(1, "best"), (2, "fair"), (3, "poor")]
    assert found.ranked == found.sorted == 2
    assert found.columns[2].heading == "loss"
    assert not found.descending


def test_the_greatest_is_the_best_behind_a_minus() -> None:
    found = shown(judged("-loss", 0.3, 0.1, 0.2))
    assert numbers(found) == [0, 2, 1]
    assert found.rows[0].tone == "best"
    assert found.descending


@pytest.mark.parametrize("objective", ["loss", "-loss"])
def test_what_is_nan_infinite_or_missing_is_last_and_never_the_best(objective: str) -> None:
    runs = judged(objective, float("nan"), None, 0.5, float("-inf"), 0.4, float("inf"))
    found = shown(runs)
    assert numbers(found)[:2] == ([4, 2] if objective == "loss" else [2, 4])
    assert [row.rank for row in found.rows] == [1, 2, None, None, None, None]
    assert numbers(found)[-1] == 1


def test_equal_ones_are_all_the_best_and_the_newer_is_first() -> None:
    found = shown(judged("loss", 0.1, 0.2, 0.1))
    assert numbers(found) == [0, 2, 1]
    assert [row.tone for row in found.rows] == ["best", "best", "poor"]


def test_a_run_of_an_operation_without_objective_is_judged_by_that_of_the_others() -> None:
    runs = placed(
        compared_run(0, {}, {"loss": 0.3}, objective="loss"), compared_run(1, {}, {"loss": 0.2})
    )
    assert numbers(shown(runs)) == [1, 0]


def test_where_operations_are_judged_by_different_things_the_newest_are_first() -> None:
    runs = placed(
        compared_run(0, {}, {"loss": 0.3, "acc": 1}, objective="loss"),
        compared_run(1, {}, {"loss": 0.2, "acc": 2}, objective="-acc"),
    )
    found = shown(runs)
    assert numbers(found) == [0, 1]
    assert found.objective == "" and found.ranked is None


def test_a_column_that_is_named_ranks_in_place_of_the_objective() -> None:
    runs = placed(*(with_(run, objective="loss") for run in GRID))
    found = shown(runs, Order("acc", descending=True, is_ranking=True))
    assert numbers(found) == [1, 2, 0, 3]
    assert found.rows[0].tone == "best"
    assert found.columns[found.ranked or 0].heading == "acc"


def test_what_is_only_sorted_leaves_the_ranks_to_the_objective() -> None:
    runs = placed(*(with_(run, objective="loss") for run in GRID))
    found = shown(runs, Order("lr"))
    assert numbers(found) == [3, 2, 1, 0]
    assert [row.tone for row in found.rows] == ["poor", "good", "best", "fair"]
    assert found.columns[found.sorted or 0].heading == "lr"
    assert found.columns[found.ranked or 0].heading == "loss"


@pytest.mark.parametrize("name", ["started", "time", "status", "label", "operation", "run"])
def test_what_every_run_has_can_be_sorted_by(name: str) -> None:
    found = shown(placed(*GRID), Order(name, descending=True))
    assert found.columns[found.sorted or 0].heading == name


def test_a_column_is_known_by_the_heading_that_it_is_shown_with() -> None:
    runs = placed(*(compared_run(n, compare=cells(final=9 - n)) for n in (1, 2, 3)))
    assert numbers(shown(runs, Order("final"))) == [3, 2, 1]


@pytest.mark.parametrize(
    ("text", "heading"),
    [("loss", "scalar:loss"), ("scalar:loss", "scalar:loss"), ("=loss", "loss"), ("lr", "lr")],
)
def test_text_hides_no_number_of_its_name(text: str, heading: str) -> None:
    kinds = {1: "mse", 2: "mae"}
    runs = placed(*(compared_run(n, {"loss": kinds[n], "lr": n}, {"loss": n}) for n in kinds))
    found = shown(runs, Order(text))
    assert found.columns[found.sorted or 0].heading == heading


def test_a_flag_that_is_the_same_in_all_can_be_sorted_by_and_is_not_shown() -> None:
    found = shown(placed(*GRID), Order("bs"))
    assert numbers(found) == [0, 1, 2, 3]
    assert found.sorted is None
    assert found.same == {"bs": 32}


def test_a_column_that_no_run_has_is_an_error_that_names_what_there_is() -> None:
    with pytest.raises(GuildError, match="no run has 'los'") as caught:
        shown(placed(*GRID), Order("los"))
    assert caught.value.hint == "Did you mean 'loss'? There are lr, bs, loss, acc."


def test_no_run_is_no_error() -> None:
    assert shown([], Order("los")).rows == []


def test_of_many_columns_only_some_are_named() -> None:
    run = compared_run(0, {f"f{n}": n for n in range(50)})
    assert together.known(placed(run), "x").endswith("f19, and 30 more.")
    assert together.known(placed(compared_run(0)), "x").startswith("None of these")


def test_the_first_of_an_order_are_ranked_among_all_and_tell_their_own_flags_apart() -> None:
    runs = [
        compared_run(at, {"a": a, "b": b}, {"loss": loss}, objective="loss")
        for at, (a, b, loss) in enumerate([(1, 1, 9), (1, 2, 1), (1, 3, 2), (2, 3, 8)])
    ]
    found = shown(placed(*runs), Order(top=2))
    assert numbers(found) == [1, 2]
    assert [row.rank for row in found.rows] == [1, 2]
    assert [column.heading for column in found.columns][1:3] == ["b", "loss"]
    assert found.same == {"a": 1}
    assert found.total == 4


@pytest.mark.parametrize(
    ("status", "goes_on"),
    [("running", True), ("pending", True), ("staged", False), ("lost", False), ("error", False)],
)
def test_a_run_that_runs_or_is_about_to_goes_on(status: str, goes_on: bool) -> None:
    assert shown(placed(compared_run(0, status=status), GRID[0])).goes_on is goes_on
