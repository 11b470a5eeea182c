"""Runs beside each other as CSV."""

from __future__ import annotations

import csv
import io

from side_by_side import compared_run, placed

from guild_sync.agent.protocol import ComparedRun
from guild_sync.comparison import record, sheet, together
from guild_sync.comparison.columns import WantedColumns
from guild_sync.comparison.together import Order


def rows(*runs: ComparedRun) -> list[dict[str, str]]:
    comparison = together.compared(placed(*runs), WantedColumns(), Order())
    return [*csv.DictReader(io.StringIO(sheet.text(comparison)))]


def test_numbers_are_whole_and_times_as_a_spreadsheet_reads_them() -> None:
    (row,) = rows(compared_run(1, {"lr": -0.1}, {"loss": 1 / 3}, seconds=3725))
    assert row["lr"] == "-0.1"
    assert row["loss"] == "0.3333333333333333"
    assert row["time"] == "1:02:05"
    assert row["run"] == "00000001"


def test_labels_flags_and_their_names_are_no_formulas() -> None:
    (row,) = rows(compared_run(0, {"=cmd": "@x", "t": "a,b\n"}, label='=HYPERLINK("x")'))
    assert row["'=cmd"] == "'@x"
    assert row["label"] == '\'=HYPERLINK("x")'
    assert row["t"] == "a,b?"


def test_no_run_is_a_line_of_headings() -> None:
    comparison = together.compared([], WantedColumns(), Order())
    assert sheet.text(comparison) == "run,status,time,operation,started,label\n"


def test_a_record_has_each_run_with_its_cells_by_heading() -> None:
    run = compared_run(1, {"lr": 1}, {"loss": float("nan")}, objective="-loss")
    found = record.of(together.compared(placed(run), WantedColumns(), Order()))
    assert found["objective"] == "-loss"
    assert found["sorted"] == "loss" and found["descending"]
    assert found["columns"][:3] == [
        {"heading": "run", "kind": "run"},
        {"heading": "lr", "kind": "flag"},
        {"heading": "loss", "kind": "scalar"},
    ]
    (one,) = found["runs"]
    assert one["values"]["loss"] == "nan" and one["rank"] is None
    assert one["on_remote"] is None and one["index"] == 1
