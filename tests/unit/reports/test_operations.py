"""The page of an operation: which of its runs is best."""

from __future__ import annotations

import pytest
from side_by_side import compared_run, scalar

from guild_sync.agent.protocol import ComparedRun
from guild_sync.reports import operations, rows


def run(number: int, last: float, least: float, objective: str) -> ComparedRun:
    found = compared_run(number, {"lr": number}, objective=objective)
    found["scalars"] = {"loss": {**scalar(last, least), "max": 9}}
    return found


@pytest.mark.parametrize(
    ("objective", "best", "judged", "figure"),
    [
        ("loss", 1, "lowest loss", "0.3"),
        ("-loss", 0, "highest loss", "0.5"),
        ("min loss", 0, "lowest min loss", "0.1"),
        ("-min loss", 1, "highest min loss", "0.2"),
    ],
)
def test_the_best_is_what_guild_yml_says(
    objective: str, best: int, judged: str, figure: str
) -> None:
    runs = [run(0, 0.5, 0.1, objective), run(1, 0.3, 0.2, objective)]
    (found,) = operations.operations([rows.row(one) for one in runs])
    assert found.best is not None and found.best["id"] == runs[best]["id"]
    assert (found.judged, found.best_figure) == (judged, figure)


def test_where_no_run_has_what_they_are_judged_by_none_is_best() -> None:
    (found,) = operations.operations([rows.row(run(0, 0.5, 0.1, "mean acc"))])
    assert found.best is None and found.judged == ""
