"""What a run has in a column that was asked for."""

from __future__ import annotations

from ..catalog import values
from ..catalog.values import RunValues
from ..columns import Column
from ..protocol import ColumnCell


def cell(directory: str, asked: Column) -> ColumnCell:
    """What a run has in a column; None where nothing."""
    return cell_of(RunValues(directory), asked)


def cell_of(run: RunValues, asked: Column) -> ColumnCell:
    """As `cell`, of a run of which more is asked."""
    return {"heading": asked.heading, "value": values.travelling(run.value(asked.text))}
