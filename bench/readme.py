"""The table in bench/README.md: rows that were measured take the place of those that were there.

It is a Markdown table between two marks. The last column says when a row was measured, and under
which load, so that it may be made in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- Made by python -m bench --readme: do not edit. -->"
END = "<!-- The end of what is made. -->"
HEADINGS = (
    *("what", "n", "median s", "min", "max", "conn", "limit", "limit s"),
    *("ratio", "of minima", "aim", "met", "Guild AI s", "measured"),
)
_LEFT = (0, 6, 10, 11, 13)  # the columns of words; the others are numbers
Key = tuple[str, str]  # what a row does, and which limit it is beside


def merged(text: str, rows: Iterable[Sequence[str]], order: Sequence[Key]) -> str:
    """The text of the page with these rows, and those of its own that are none of them.

    They come in this order, and what is not in it is no row any more.
    """
    before, _, rest = text.partition(BEGIN + "\n")
    table, _, after = rest.partition(END)
    if not after:
        raise ValueError(f"there is no table between {BEGIN!r} and {END!r}")
    known = {_key(cells): cells for cells in _cells(table)}
    known.update({_key(cells): cells for cells in rows})
    lines = _table([known[key] for key in order if key in known])
    return "\n".join([before + BEGIN, *lines, END + after])


def _key(cells: Sequence[str]) -> Key:
    return cells[0], cells[HEADINGS.index("limit")]


def _cells(table: str) -> Iterable[Sequence[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    for line in lines[2:]:  # the headings, and the line below them
        yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    columns = zip(HEADINGS, *rows, strict=True)
    widths = [max(2, *map(len, column)) for column in columns]  # a rule has a dash and a colon
    rule = [
        "-" * width if index in _LEFT else "-" * (width - 1) + ":"
        for index, width in enumerate(widths)
    ]
    return [
        "| "
        + " | ".join(
            cell.ljust(width) if index in _LEFT else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in (HEADINGS, rule, *rows)
    ]


def write(
    cells: Iterable[Sequence[str]], about: Mapping[str, object], order: Sequence[Key]
) -> None:
    """Put rows into the table of the page, as measured now on the machine that is told about."""
    stamp = f"{about['date']}, load {about['load']}"
    rows = [(*row, stamp) for row in cells]
    README.write_text(merged(README.read_text(encoding="utf-8"), rows, order), encoding="utf-8")
