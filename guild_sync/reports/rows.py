"""What tables and comparisons show of a run: it is kept from one report to the next."""

from __future__ import annotations

import os
from typing import TypedDict

from guild_sync.agent import columns
from guild_sync.agent.protocol import (
    ComparedRun,
    Count,
    Figure,
    Opref,
    RunId,
    Seconds,
    StatusName,
    Value,
    flags_of,
    moment_of,
    name_in_project,
    tags_of,
)
from guild_sync.output import formats
from guild_sync.output import runs as shown
from guild_sync.output.terminal import clean
from guild_sync.reports import figures

# Columns that a report has each run asked for, beside what a listing has.
ASKED = (".sourcecode_digest", ".host", ".user")
_MOST = 200  # flags, and scalars, of a run that are shown
_LABEL = 500  # characters of one


class RowScalar(TypedDict):
    """A scalar of a run; `spark` is its curve in few letters (svg.spark), `ends` those of it."""

    last: Figure
    min: Figure | None
    max: Figure | None
    spark: str
    ends: list[Figure]


class Row(TypedDict):
    """A run in tables. `seconds` is how long it took; times are in microseconds since 1970."""

    id: RunId
    operation: str
    project: str  # the folder, or package, that it is from
    status: StatusName
    said: str  # the status in words
    label: str
    started: Count | None
    seconds: Seconds | None
    flags: dict[str, Value]
    scalars: dict[str, RowScalar]
    objective: str
    source: str
    command: str
    tags: list[str]


def row(run: ComparedRun) -> Row:
    """What tables show of a run, as yet without curves."""
    cells = dict(zip(ASKED, (cell["value"] for cell in run["cells"]), strict=False))
    begun = run["started"] if isinstance(run["started"], int) else run["initialized"]
    flags = flags_of(run)
    return {
        "id": run["id"],
        "operation": operation(run["opref"]),
        "project": project(run["opref"]),
        "status": run["status"],
        "said": str(shown.status(run)),
        "label": text(run["label"]),
        "started": moment_of(begun),
        "seconds": formats.seconds_between(run["started"], run["stopped"]),
        "flags": {clean(name): _value(flags[name]) for name in sorted(flags, key=str)[:_MOST]},
        "scalars": {
            clean(name): {
                "last": found["last"],
                "min": found["min"],
                "max": found["max"],
                "spark": "",
                "ends": [],
            }
            for name, found in sorted(run["scalars"].items())[:_MOST]
        },
        "objective": clean(run["objective"]),
        "source": text(cells.get(".sourcecode_digest"))[:64],
        "command": command(run["cmd"]),
        "tags": [text(tag)[:_LABEL] for tag in tags_of(run)[:_MOST]],
    }


def operation(opref: Opref) -> str:
    """The name of an operation, whoever's it is: `train`, `mlp:train`."""
    return clean(name_in_project(opref)) or "?"


def project(opref: Opref) -> str:
    """What an operation is of: a folder, a package; empty where that is not known."""
    if opref["type"] in ("guildfile", "script"):
        return clean(os.path.dirname(opref["package"]))
    return clean(opref["package"])


def command(value: Value) -> str:
    """A run's command line, a word behind the other."""
    words = value if isinstance(value, list) else []
    return " ".join(clean(word) for word in words)[:4000]


def text(value: Value) -> str:
    """What people wrote, as a line that is not too long."""
    return "" if value is None else clean(value)[:_LABEL]


def _value(value: Value) -> Value:
    """A flag's value: a number or a truth as it is, all else as text."""
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return hex(value)[:_LABEL]  # of which Python shows any number of digits
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return figures.shown(value) if formats.finite(value) is None else value
    return clean(figures.word(value))


def judged_by(found: Row, objective: str) -> Figure | None:
    """The number of a run that an objective is about; None where tables do not have it."""
    name, _ = columns.judged_by(objective)
    scalar = found["scalars"].get(name.name)
    if scalar is None or name.is_step:
        return None
    known = {"": scalar["last"], "last": scalar["last"], "min": scalar["min"], "max": scalar["max"]}
    return known.get(name.qualifier)


def key(found: Row) -> tuple[str, str]:
    """What two runs of the same operation have in common."""
    return found["operation"], found["project"]


def differences(before: Row, now: Row) -> list[tuple[str, str, str, str]]:
    """In what a run differs from the one before: the kind, the name, what it was, what it is."""
    found = []
    for name in sorted({*before["flags"], *now["flags"]}):
        was, is_now = (figures.word(side["flags"].get(name)) for side in (before, now))
        if was != is_now:
            found.append(("flag", name, was, is_now))
    for name in sorted({*before["scalars"], *now["scalars"]}):
        was, is_now = (_last(side, name) for side in (before, now))
        if was != is_now:
            found.append(("scalar", name, was, is_now))
    for kind, was, is_now in (
        ("source code", before["source"][:12], now["source"][:12]),
        ("status", before["said"], now["said"]),
        ("label", before["label"], now["label"]),
        ("took", formats.lasted(before["seconds"]), formats.lasted(now["seconds"])),
        ("command", before["command"], now["command"]),
    ):
        if was != is_now:
            found.append((kind, "", was, is_now))
    return found


def _last(found: Row, name: str) -> str:
    scalar = found["scalars"].get(name)
    return figures.shown(scalar["last"]) if scalar else ""
