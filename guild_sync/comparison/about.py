"""One of the runs that are compared, as a page of lines: flags, scalars, the end of its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from guild_sync.agent.protocol import flags_of
from guild_sync.comparison import columns
from guild_sync.comparison.columns import Placed
from guild_sync.output import formats, runs
from guild_sync.output.terminal import as_seen, clean, width_of

ENDING = 16_384  # bytes of the output that are looked at
_MOST_LINES = 100  # of these


def lines(placed: Placed) -> Iterator[str]:
    """All that the comparison knows of a run."""
    run = placed.run
    took = columns.seconds(placed)
    about = {
        "run": run["id"],
        "remote": placed.remote,
        "operation": runs.operation(run),
        "status": runs.status(run),
        "started": formats.date(run["started"] or run["initialized"]),
        "time": formats.lasted(took) if isinstance(took, float) else "",
        "label": clean(run["label"] if run["label"] is not None else ""),
    }
    yield from (f"{name + ':':11}{clean(text)}" for name, text in about.items() if text)
    if flags := flags_of(run):
        yield from ("", "flags")
        yield from _table([(name, formats.shown(value)) for name, value in flags.items()])
    if run["scalars"]:
        yield from ("", "scalars")
        yield from _table([_HEADINGS, *(_scalar(name, placed) for name in run["scalars"])])


def ending(text: str) -> list[str]:
    """The last lines of an output, as a person reads them: of one drawn over the last state."""
    whole = text[-ENDING:].rstrip("\n").split("\n")[-_MOST_LINES:]
    return [as_seen(line).expandtabs() for line in whole]


_HEADINGS = ("", "last", "step", "first", "min", "max", "mean", "count")


def _scalar(name: str, placed: Placed) -> tuple[str, ...]:
    found = placed.run["scalars"][name]
    return (
        name,
        formats.shown(found["last"]),
        str(found["step"]),
        *(formats.shown(found[key]) for key in ("first", "min", "max", "mean")),
        str(found["count"]),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with aligned columns, of which no terminal's edge is to cut any."""
    widths = [max(map(width_of, map(clean, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            clean(cell) + " " * (width - width_of(clean(cell)))
            for cell, width in zip(row, widths, strict=True)
        )
        yield f"  {'  '.join(padded)}".rstrip()
