"""Columns of runs as people write them: `loss`, `min loss as best`, `=lr`, `.label`."""

from __future__ import annotations

import re
from typing import List, NamedTuple

from ..catalog import values
from ..catalog.values import RunValues
from ..protocol import ColumnCell

_AS = re.compile(r"(.*\S)\s+as\s+(\S.*)\Z", re.S)
_KIND = re.compile("(flag|attr|scalar):")


class Column(NamedTuple):
    """What is shown of each run, and below which heading.

    `text` is a name, as agent/catalog/values.py reads it.
    """

    heading: str
    text: str


def column(text: str) -> Column:
    """What a column's text means."""
    found = _AS.match(text.strip())
    said = " ".join((found.group(1) if found else text).split())
    heading = found.group(2).strip() if found else _KIND.sub("", said).lstrip("=.")
    return Column(_bare(heading) or said, said)


def split(text: str) -> List[str]:
    """The columns of a list `lr,loss,min acc as best`; a comma in quotes is a name's own."""
    parts: List[str] = re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^,])+", text)
    return [part.strip() for part in parts if part.strip()]


def cell(directory: str, asked: Column) -> ColumnCell:
    """What a run has in a column; None where nothing."""
    return cell_of(RunValues(directory), asked)


def cell_of(run: RunValues, asked: Column) -> ColumnCell:
    """As `cell`, of a run of which more is asked."""
    return {"heading": asked.heading, "value": values.travelling(run.value(asked.text))}


def _bare(text: str) -> str:
    is_quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if is_quoted else text
