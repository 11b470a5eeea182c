"""The page of a run: what is known of it, its curves, its output, its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import (
    OUTLINE_PIECES,
    Attempt,
    ComparedRun,
    Files,
    Outline,
    OutputEnds,
    Value,
)
from guild_sync.hosts.base import Host
from guild_sync.output import formats
from guild_sync.output import runs as shown
from guild_sync.output.terminal import clean, clean_lines
from guild_sync.reports import coloured, figures, operations, pages, rows, svg
from guild_sync.reports.rows import Row

_MOST_SCALARS = 60  # of a run, of which there are curves
_MOST_FILES = 500
_MOST_COMMENTS = 100
_COMMENT = 10_000  # characters of one


class RunParts(NamedTuple):
    """What it takes to make a run's page, beside what tables show of it."""

    curves: Mapping[str, Outline]
    output: OutputEnds
    files: Files
    attempts: Sequence[Attempt]


def parts(here: Host, run: ComparedRun) -> RunParts:
    """What a host tells of a run for its page."""
    run_id = run["id"]
    return RunParts(
        here.outlines(run_id, OUTLINE_PIECES) if run["scalars"] else {},
        here.output_ends(run_id, coloured.FIRST_BYTES, coloured.LAST_BYTES),
        here.list_files(run_id),
        here.info(run_id)["attempts"] if run["attempt"] > 1 else (),
    )


def page(run: ComparedRun, row: Row, found: RunParts, before: Row | None) -> str:
    """The page of a run. `row`, what tables show of it, gets its curves here.

    `before`: the one before it of its operation.
    """
    scalars = []
    for at, (name, scalar) in enumerate(sorted(run["scalars"].items())[:_MOST_SCALARS]):
        chart = ""
        if outline := found.curves.get(name):
            curve = svg.drawn(outline, scalar["count"])
            chart = svg.curve(name, curve, f"c{at}")
            if of_row := row["scalars"].get(clean(name)):
                of_row["spark"], of_row["ends"] = svg.spark(curve)
        scalars.append((name, scalar, pages.Markup(chart)))
    files = _files(found.files)
    output = coloured.shown(found.output)
    return pages.page(
        "run.html",
        "../",
        row=row,
        operation_file=operations.file_of(row),
        facts=_facts(run, row),
        before=before,
        differences=rows.differences(before, row) if before else [],
        scalars=scalars,
        more_scalars=max(0, len(run["scalars"]) - _MOST_SCALARS),
        attempts=found.attempts,
        comments=_comments(run["comments"]),
        output=output._replace(first=pages.Markup(output.first), last=pages.Markup(output.last)),
        files=files[:_MOST_FILES],
        has_notes=any(what for _, _, what in files),
        more_files=max(0, len(files) - _MOST_FILES),
    )


def _facts(run: ComparedRun, row: Row) -> list[tuple[str, str]]:
    cells = dict(zip(rows.ASKED, (cell["value"] for cell in run["cells"]), strict=False))
    facts = (
        ("Run", run["id"]),
        ("Started", formats.date(run["started"])),
        ("Stopped", formats.date(run["stopped"])),
        ("Took", formats.lasted(row["seconds"])),
        ("Exit status", figures.word(run["exit_status"])),
        ("Ended by", run["ended_by"] or ""),
        ("Waits for", shown.waits(run)),
        ("Job", shown.job(run)),
        ("Remote", run["remote"] or ""),
        ("On", figures.word(cells.get(".host"))),
        ("Started by", shown.starter(run)),
        ("Marked", "yes" if run["marked"] else ""),
        ("Attempt", str(run["attempt"]) if run["attempt"] > 1 else ""),
        ("Project", row["project"]),
        ("Source code", row["source"][:12]),
        ("Command", row["command"]),
        ("Folder", run["run_dir"]),
    )
    return [(name, value) for name, value in facts if value]


def _comments(value: Value) -> list[tuple[str, Value, str]]:
    found = []
    for comment in value[:_MOST_COMMENTS] if isinstance(value, list) else ():
        if isinstance(comment, dict):
            who = f"{comment.get('user') or ''}@{comment.get('host') or ''}"
            body = clean_lines(str(comment.get("body"))[:_COMMENT])
            found.append((rows.text(who), comment.get("time"), body))
    return found


def _files(found: Files) -> list[tuple[str, int, str]]:
    """The paths of a run's files, their sizes, and what is to be said of them; no folders."""
    told = [
        *((file["path"], file["size"], "") for file in found["files"]),
        *((file["path"], file["size"], "not copied") for file in found["left_out"]),
        *((file["path"], file["size"], "given there, not copied") for file in found["inputs"]),
    ]
    return [file for file in told if not file[0].endswith("/")]
