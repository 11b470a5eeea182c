"""A table of textual's that draws lines and not cells: the board's change every second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from guild_sync.output.terminal import Styled, width_of
from guild_sync.screens.row_table import FAR, RowTable

_GAP = 2  # columns between cells
_HEADING = Style(bold=True)
_CHOSEN = Style(reverse=True)

Row = tuple[str, tuple[str, ...]]  # a key, and the cells


class LineTable(RowTable):
    """Rows below their headings; of one that `chooses`, one is chosen, and stays so.

    textual's own renders each cell by itself: twenty remotes were a quarter of a core.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", f"rows({-FAR})", "first", show=False),
        Binding("end", f"rows({FAR})", "last", show=False),
    ]

    def __init__(self, name: str, headings: Sequence[str], chooses: bool) -> None:
        super().__init__(name)
        self._chooses = chooses
        self._headings = tuple(headings)
        self._rows: list[Row] = []
        self._widths = [len(heading) for heading in headings]
        self.chosen = 0

    @property
    def rows(self) -> list[Row]:
        return self._rows

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; what was chosen is so still, if it is there."""
        if rows == self._rows:
            return
        key = self._rows[self.chosen][0] if self.chosen < len(self._rows) else ""
        keys = [row[0] for row in rows]
        at = keys.index(key) if key in keys else min(self.chosen, max(0, len(rows) - 1))
        has_moved = at != self.chosen
        self._rows, self.chosen = list(rows), at
        self._widths = _widths(self._headings, [cells for _, cells in rows])
        width = sum(each + _GAP for each in self._widths if each)
        self.virtual_size = Size(width, len(rows) + 1)
        if not self._chooses:
            self.styles.height = len(rows) + 1
        elif has_moved:
            self._see_chosen()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line at `y` of what is seen: the headings stay at the top."""
        left, top = self.scroll_offset
        at = top + y - 1
        if y == 0:
            strip = self._strip(self._headings, _HEADING)
        elif at < len(self._rows):
            is_chosen = self._chooses and at == self.chosen
            strip = self._strip(self._rows[at][1], _CHOSEN if is_chosen else Style())
        else:
            strip = Strip([])
        base = self.rich_style
        return strip.crop_extend(left, left + self.size.width, base).apply_style(base)

    def _strip(self, cells: Sequence[str], style: Style) -> Strip:
        pieces = []
        for cell, width in zip(cells, self._widths, strict=True):
            if not width:
                continue
            own = Style.parse(cell.style) if isinstance(cell, Styled) and cell.style else Style()
            pieces.append(Segment(cell, own + style))
            pieces.append(Segment(" " * (width - width_of(cell) + _GAP), style))
        return Strip(pieces)

    def action_rows(self, by: int) -> None:
        if not self._chooses:
            self.scroll_relative(y=by, animate=False)
            return
        at = min(max(0, self.chosen + by), max(0, len(self._rows) - 1))
        if at != self.chosen:
            self.chosen = at
            self._see_chosen()
            self.refresh()

    def has_chosen(self) -> bool:
        return self._chooses and bool(self._rows)

    def on_click(self, event: events.Click) -> None:
        if self._chooses and event.y > 0:
            self.action_rows(self.scroll_offset.y + event.y - 1 - self.chosen)

    def on_resize(self) -> None:
        self._see_chosen()

    def _see_chosen(self) -> None:
        """Scroll so far that the row that is chosen is seen."""
        top, room = self.scroll_offset.y, max(1, self.size.height - 1)
        if self.chosen < top:
            self.scroll_to(y=self.chosen, animate=False)
        elif self.chosen >= top + room:
            self.scroll_to(y=self.chosen - room + 1, animate=False)


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns' widths; 0 for one that has nothing below its heading, where any has."""
    widths = [max(map(width_of, column), default=0) for column in zip(*rows, strict=True)]
    widths = widths or [1] * len(headings)
    return [each and max(each, len(name)) for each, name in zip(widths, headings, strict=True)]
