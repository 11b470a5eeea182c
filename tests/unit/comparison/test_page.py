"""Runs beside each other as lines of text."""

from __future__ import annotations

import pytest
from side_by_side import GRID, cells, compared_run, placed, with_

from guild_sync.comparison import page, together
from guild_sync.comparison.columns import WantedColumns
from guild_sync.comparison.together import Order, SideBySide
from guild_sync.output.terminal import width_of

JUDGED = [with_(run, objective="loss") for run in GRID]


def grid(wanted: WantedColumns | None = None) -> SideBySide:
    return together.compared(placed(*JUDGED), wanted or WantedColumns(), Order())


def on_terminal(comparison: SideBySide, columns: int, patch: pytest.MonkeyPatch) -> list[str]:
    patch.setattr(page, "terminal_width", lambda: columns)
    return [*page.lines(comparison)]


def test_the_best_has_a_mark_and_numbers_stand_below_each_other() -> None:
    lines = [*page.lines(grid(WantedColumns(core=False)))]
    assert lines == [
        "run            lr   loss   acc",
        "[2:00000001]  0.3  *0.02  0.98",
        "[3:00000002]  0.2   0.03  0.97",
        "[1:00000000]  0.4   0.22  0.78",
        "[4:00000003]  0.1   0.25  0.75",
    ]


def test_a_pipe_gets_all_columns_and_nothing_else() -> None:
    run = compared_run(0, {"text": "x" * 300}, label="y" * 300)
    lines = [*page.lines(together.compared(placed(run), WantedColumns(), Order()))]
    assert len(lines) == 2
    assert "x" * 300 in lines[1] and "y" * 300 in lines[1]


@pytest.mark.parametrize("columns", [1, 5, 20, 40, 60, 80, 100, 300])
def test_on_a_terminal_no_line_is_wider_than_it(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in on_terminal(grid(), columns, monkeypatch):
        assert width_of(line) <= columns


def test_what_there_is_no_room_for_is_named_and_what_is_the_same_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = on_terminal(grid(), 40, monkeypatch)
    assert lines[0].split() == ["run", "lr", "loss", "acc"]
    assert lines[-2:] == ["The same in all: bs=32", "No room for: status, time, operation, s…"]
    assert lines[1].split() == ["[2:00000001]", "0.3", "*0.02", "0.98"]


def test_a_label_is_cut_before_a_column_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    run = with_(GRID[0], label="a long label " * 9)
    found = together.compared(placed(run), WantedColumns(), Order())
    lines = on_terminal(found, 96, monkeypatch)
    assert lines[1].endswith("2026-11-23 01:03  a long label a…")
    assert len(lines) == 2


def test_on_a_terminal_times_have_no_seconds_and_projects_without_a_package_no_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = compared_run(0, operation="train")
    run["opref"] = {**run["opref"], "package": "gpkg.anonymous-0123abcd"}
    found = together.compared(placed(run), WantedColumns(), Order())
    assert "gpkg.anonymous-0123abcd/train  2026-11-23 01:03:48" in [*page.lines(found)][1]
    assert "  train      2026-11-23 01:03" in on_terminal(found, 200, monkeypatch)[1]


def test_a_number_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    run = compared_run(0, {}, {"a/very/long/name/of/a/scalar": 0.123456789, "x": 1})
    found = together.compared(placed(run), WantedColumns(), Order())
    for columns in range(20, 90):
        for line in on_terminal(found, columns, monkeypatch)[1:2]:
            assert "0.12" not in line or "0.123457" in line


def test_what_comes_from_a_run_moves_no_cursor() -> None:
    run = compared_run(
        0, {"a\x1b[2J": "\x1b]0;x\x07", "z": "[red]"}, {"s\r": 1}, label="\x1b[31mred\n[bold]"
    )
    text = "\n".join(page.lines(together.compared(placed(run), WantedColumns(), Order())))
    assert "\x1b" not in text and "\x07" not in text and "\r" not in text
    assert "?[31mred?[bold]" in text and "[red]" in text


def test_no_run_is_said_so() -> None:
    none = together.compared([], WantedColumns(), Order())
    assert [*page.lines(none)] == ["There is no run to compare."]


def test_how_long_a_run_took_is_told_as_in_a_listing() -> None:
    run = with_(GRID[0], cells(duration=3725.4))
    wanted = WantedColumns(["duration"], only_asked=True)
    assert [*page.lines(together.compared(placed(run), wanted, Order()))] == [
        "run           duration",
        "[1:00000000]    1h2m5s",
    ]


def test_a_flag_that_is_called_as_a_time_is_no_time() -> None:
    run = compared_run(0, {"started": 7}, compare=cells(started=7))
    asked = with_(compared_run(1, {"stopped": 8}), cells(stopped=8))
    wanted = WantedColumns(["=stopped"], core=False)
    lines = [*page.lines(together.compared(placed(run, asked), wanted, Order()))]
    assert [line.split()[1:] for line in lines] == [["stopped", "started"], ["7"], ["8"]]


def test_many_runs_are_looked_at_once_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    is_numeric = page.is_numeric

    def counted(comparison: SideBySide, at: int) -> bool:
        looks.append(at)
        return is_numeric(comparison, at)

    monkeypatch.setattr(page, "is_numeric", counted)
    compared = grid()
    assert len([*page.lines(compared)]) == len(GRID) + 1
    assert len(looks) == len(compared.columns)
