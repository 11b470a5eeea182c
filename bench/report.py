"""The table that people read, and the JSON that programs read."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.measure import Row

HEADINGS = (
    *("what", "n", "median s", "min", "max"),
    *("conn", "limit", "limit s", "ratio", "of minima", "aim", "", "Guild AI s"),
)
_LEFT = (0, 6, 10, 11)  # the columns of words; the others are numbers


def table(rows: Sequence[Row]) -> list[str]:
    """Aligned lines, one a row."""
    cells = [HEADINGS, *(cells_of(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index in _LEFT else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def cells_of(row: Row) -> tuple[str, ...]:
    return (
        row.case.work.what,
        str(len(row.times)),
        f"{row.median:.3f}",
        f"{min(row.times):.3f}",
        f"{max(row.times):.3f}",
        "" if row.connections is None else str(row.connections),
        row.case.limit.what if row.case.limit else "",
        "" if row.limit is None else f"{row.limit:.3f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        f"{min(row.times) / min(row.limits):.2f}" if row.limits else "",
        str(row.case.aim or ""),
        {None: "", True: "met", False: "NOT MET"}[row.met],
        "" if row.rival is None else f"{row.rival:.1f}",
    )


def notes(rows: Sequence[Row]) -> list[str]:
    """What is said below the table."""
    about = machine()
    lines = [
        f"{about['date']}, {about['cores']} cores, load {about['load']}, Linux {about['kernel']}, "
        f"Python {about['python']}, {about['ssh']}, {about['rsync']}"
    ]
    counted = [row for row in rows if row.connections is not None]
    more = [row.case.work.what for row in counted if (row.connections or 0) > row.case.most]
    if counted:
        lines.append(
            "Connections, counted at the servers, more than one a remote: "
            + (", ".join(more) or "never")
        )
    missed = [row.case.work.what for row in rows if row.met is False]
    aims = sum(row.met is not None for row in rows)
    if aims:
        lines.append(f"Aims met: {aims - len(missed)} of {aims}")
    return lines


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """All that was measured, repetition by repetition."""
    return {"machine": machine(), "rows": [_row_as_json(row) for row in rows]}


def _row_as_json(row: Row) -> dict[str, Any]:
    aim = row.case.aim
    return {
        "what": row.case.work.what,
        **_summary(row.times),
        "limit": {"what": row.case.limit.what, **_summary(row.limits)} if row.case.limit else None,
        "ratio": row.ratio,
        "aim": {"times": aim.times, "plus": aim.plus, "met": row.met} if aim else None,
        "connections": row.connections,
        "guild_ai_seconds": row.rival,
    }


def _summary(times: Sequence[float]) -> dict[str, Any]:
    return {
        "n": len(times),
        "median": statistics.median(times),
        "min": min(times),
        "max": max(times),
        "seconds": list(times),
    }


def machine() -> dict[str, Any]:
    """Where and when it was measured."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "ssh": _first_line("ssh", "-V").split(",")[0],
        "rsync": " ".join(_first_line("rsync", "--version").split()[:3]),
    }


def _first_line(*argv: str) -> str:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()[0] if done.stdout else "?"
