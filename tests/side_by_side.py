"""Runs to be compared, as hosts tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plain_run import RUN

from guild_sync.agent.protocol import ColumnCell, ComparedRun, ScalarForm, Value, figure
from guild_sync.comparison.columns import DURATION, Placed

STARTED = 1_795_395_828_000_000


def scalar(last: float, least: float | None = None) -> ScalarForm:
    """A scalar that was printed once, or whose least number was another."""
    number = figure(last)
    return {
        "last": number,
        "first": number,
        "min": number if least is None else least,
        "max": number,
        "mean": number,
        "count": 1,
        "step": 7,
        "time": STARTED,
        "min_step": 0,
        "max_step": 0,
    }


def cells(**values: Value) -> list[ColumnCell]:
    """Cells by their headings."""
    return [{"heading": name, "value": value} for name, value in values.items()]


def compared_run(
    number: int,
    flags: Mapping[str, Value] | None = None,
    scalars: Mapping[str, float] | None = None,
    *,
    objective: str = "",
    compare: Sequence[ColumnCell] = (),
    asked: Sequence[ColumnCell] = (),
    status: str = "completed",
    label: str | None = None,
    operation: str = "train",
    seconds: float | None = 3.0,
) -> ComparedRun:
    """The run of that number; the lower it is, the newer the run."""
    started = STARTED - number * 60_000_000
    return {
        **RUN,
        "id": f"{number:08x}".ljust(32, "0"),
        "run_dir": f"/there/{number}",
        "opref": {**RUN["opref"], "package": "p", "name": operation},
        "status": status,
        "initialized": started,
        "started": started,
        "stopped": None if seconds is None else started + int(seconds * 1_000_000),
        "label": label,
        "flags": dict(flags or {}),
        "scalars": {name: scalar(last) for name, last in (scalars or {}).items()},
        "objective": objective,
        "compare": list(compare),
        "cells": [*asked, {"heading": DURATION, "value": seconds}],
    }


def with_(
    run: ComparedRun, cells: Sequence[ColumnCell] = (), objective: str = "", label: str = ""
) -> ComparedRun:
    """The run with something else said of it."""
    changed: ComparedRun = {**run, "objective": objective, "label": label or None}
    changed["cells"] = [*cells, *run["cells"]]
    return changed


def placed(*runs: ComparedRun, remote: str = "") -> list[Placed]:
    """The runs, as one host lists them."""
    return [Placed(remote, at + 1, run) for at, run in enumerate(runs)]


GRID = [
    compared_run(at, {"lr": lr, "bs": 32}, {"loss": loss, "acc": 1 - loss})
    for at, (lr, loss) in enumerate([(0.4, 0.22), (0.3, 0.02), (0.2, 0.03), (0.1, 0.25)])
]
