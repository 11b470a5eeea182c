"""Which columns runs beside each other have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from side_by_side import GRID, STARTED, cells, compared_run, placed, with_

from guild_sync.agent.protocol import Value
from guild_sync.comparison import columns
from guild_sync.comparison.columns import Placed, WantedColumns

CORE = ["status", "time", "operation", "started", "label"]


def headings(runs: list[Placed], wanted: WantedColumns | None = None) -> list[str]:
    return [column.heading for column in columns.chosen(runs, wanted or WantedColumns())]


def values(runs: list[Placed], heading: str, wanted: WantedColumns | None = None) -> list[Value]:
    found = columns.chosen(runs, wanted or WantedColumns())
    (column,) = [column for column in found if column.heading == heading]
    return [column.value(one) for one in runs]


def test_flags_that_differ_come_first_then_scalars_then_what_every_run_has() -> None:
    assert headings(placed(*GRID)) == ["run", "lr", "loss", "acc", *CORE]
    assert values(placed(*GRID), "lr") == [0.4, 0.3, 0.2, 0.1]
    assert values(placed(*GRID), "time") == [3.0] * 4


def test_flags_that_are_the_same_are_shown_where_all_are_asked_for_or_of_one_run() -> None:
    every = WantedColumns(same=True)
    assert headings(placed(*GRID), every)[:4] == ["run", "lr", "bs", "loss"]
    assert headings(placed(GRID[0]))[:4] == ["run", "lr", "bs", "loss"]


def test_a_flag_that_not_all_runs_have_differs() -> None:
    runs = placed(compared_run(0, {"a": 1}), compared_run(1, {}))
    assert values(runs, "a") == [1, None]


@pytest.mark.parametrize("pair", [(1, True), (1, 1.0), (0, False), ("1", 1)])
def test_values_of_two_kinds_differ(pair: tuple[Value, Value]) -> None:
    runs = placed(*(compared_run(at, {"a": value}) for at, value in enumerate(pair)))
    assert "a" in headings(runs)


def test_the_objective_is_the_first_of_the_scalars() -> None:
    assert headings(placed(*GRID), WantedColumns(objective="acc"))[1:4] == ["lr", "acc", "loss"]


def test_what_guild_yml_names_replaces_flags_and_scalars() -> None:
    runs = placed(
        *(
            compared_run(at, {"lr": at, "x": at}, {"loss": at / 10}, compare=cells(best=9, lr=at))
            for at in (1, 2)
        )
    )
    assert headings(runs) == ["run", "best", "lr", *CORE]
    assert headings(runs, WantedColumns(objective="loss")) == ["run", "best", "lr", "loss", *CORE]


def test_an_objective_that_guild_yml_names_otherwise_is_no_column_twice() -> None:
    runs = placed(*(compared_run(n, {}, {"loss": n}, compare=cells(end=n)) for n in (1, 2)))
    assert headings(runs, WantedColumns(objective="loss"))[:3] == ["run", "end", "status"]


def test_operations_of_which_guild_yml_says_nothing_fill_the_columns_that_tell_the_same() -> None:
    runs = placed(
        compared_run(0, {"lr": 1}, {"acc": 0.9}, compare=cells(lr=1, acc=0.5)),
        compared_run(1, {"lr": 2}, {"acc": 0.7}),
    )
    assert headings(runs)[:4] == ["run", "lr", "acc", "scalar:acc"]
    assert values(runs, "lr") == [1, 2]
    assert values(runs, "acc") == [0.5, None]  # what guild.yml calls so is another number
    assert values(runs, "scalar:acc") == [0.9, 0.7]


def test_a_flag_and_a_scalar_of_one_name_are_two_columns() -> None:
    runs = placed(*(compared_run(at, {"loss": f"l{at}"}, {"loss": at}) for at in (1, 2)))
    assert headings(runs)[1:3] == ["loss", "scalar:loss"]
    assert values(runs, "loss") == ["l1", "l2"]
    assert values(runs, "scalar:loss") == [1, 2]


def test_a_flag_that_is_named_as_what_every_run_has_says_what_it_is() -> None:
    runs = placed(*(compared_run(at, {"status": f"s{at}"}, {"time": at}) for at in (1, 2)))
    assert headings(runs)[1:5] == ["=status", "scalar:time", "status", "time"]


def test_columns_that_are_asked_for_come_first_or_alone() -> None:
    asked = [cells(**{"min loss": 1, "lr": lr}) for lr in (0.4, 0.3, 0.2, 0.1)]
    runs = placed(*(with_(run, asked[at]) for at, run in enumerate(GRID)))
    wanted = WantedColumns(["min loss", "lr"])
    assert headings(runs, wanted)[:4] == ["run", "min loss", "lr", "loss"]
    assert headings(runs, replace(wanted, only_asked=True)) == ["run", "min loss", "lr"]


def test_the_column_of_the_order_is_shown_where_no_other_shows_it() -> None:
    by_least = [cells(**{"min loss": 9}), cells(**{"min loss": 8})]
    runs = placed(*(with_(GRID[at], by_least[at]) for at in (0, 1)))
    wanted = WantedColumns(order="min loss")
    assert headings(runs, wanted)[:5] == ["run", "lr", "loss", "acc", "min loss"]
    assert headings(runs, replace(wanted, only_asked=True)) == ["run", "min loss"]
    same = placed(*(with_(GRID[at], cells(loss=loss)) for at, loss in ((0, 0.22), (1, 0.02))))
    assert headings(same, WantedColumns(order="loss"))[:5] == ["run", "lr", "loss", "acc", "status"]


def test_what_every_run_has_may_be_asked_for_and_attributes_with_times_are_dates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = compared_run(0, asked=cells(status="completed", time=3.0, stopped=STARTED))
    wanted = WantedColumns(["status", "time", ".stopped"], only_asked=True)
    found = columns.chosen(placed(run), wanted)
    assert [column.heading for column in found] == ["run", "status", "time", "stopped"]
    assert found[1].kind == columns.RUN
    assert str(found[3].value(placed(run)[0])).startswith("2026-11-2")


def test_a_heading_of_ones_own_counts_before_what_every_run_has() -> None:
    runs = placed(compared_run(0, asked=cells(time=5)))
    wanted = WantedColumns(["loss as time"])
    assert values(runs, "time", wanted) == [5]


def test_what_is_not_wanted_is_left_out() -> None:
    runs = placed(*GRID)
    assert headings(runs, WantedColumns(core=False)) == ["run", "lr", "loss", "acc"]
    assert headings(runs, WantedColumns(of_operation=False)) == ["run", *CORE]
    unchanged = headings(runs, WantedColumns(unchanged=False))
    assert unchanged == ["run", "lr", "loss", "acc", "started"]
    assert "started_by" in headings(runs, WantedColumns(extra=True))


def test_scalars_of_the_machine_are_shown_where_they_are_asked_for() -> None:
    runs = placed(compared_run(0, {}, {"sys/gpu": 1, "loss": 2}))
    assert headings(runs)[:3] == ["run", "loss", "status"]
    assert headings(runs, WantedColumns(system=True))[:3] == ["run", "sys/gpu", "loss"]


def test_of_several_remotes_each_run_has_its_own() -> None:
    runs = [*placed(GRID[0], remote="a"), *placed(GRID[1], remote="b")]
    assert values(runs, "remote", WantedColumns(placed=True)) == ["a", "b"]


def test_the_time_that_a_run_took_is_what_its_host_says() -> None:
    assert columns.seconds(placed(compared_run(0, seconds=5.5))[0]) == 5.5
    assert columns.seconds(placed(compared_run(0, seconds=None))[0]) is None
    assert columns.seconds(placed({**GRID[0], "cells": []})[0]) is None
    odd = cells(duration="x")
    assert columns.seconds(placed({**GRID[0], "cells": odd})[0]) is None


@pytest.mark.parametrize("flags", [None, "x", ["a"]])
def test_flags_of_another_form_are_none(flags: Value) -> None:
    assert headings(placed({**GRID[0], "flags": flags}))[:2] == ["run", "loss"]


def test_no_run_has_no_column_of_its_own() -> None:
    assert headings([]) == ["run", *CORE]
