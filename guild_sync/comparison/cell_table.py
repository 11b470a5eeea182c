"""A table of textual's with a cursor, which makes no cell but those that are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region, Size, Spacing
from textual.message import Message
from textual.strip import Strip

from guild_sync.output.terminal import width_of
from guild_sync.screens.row_table import FAR, RowTable

_PAD = 1  # columns on each side of a cell
Side = Literal["left", "right"]


class ShownCell(NamedTuple):
    """What is shown in a cell; the text is as wide as its column, or less."""

    text: str
    style: str = ""


class ShownColumn(NamedTuple):
    """A column: what it is known by, its heading, how wide it is, at which side its cells stand."""

    key: str
    heading: str
    width: int
    side: Side


class CellTable(RowTable):
    """Rows of cells below headings; the first column stays where it is, and one cell is chosen.

    textual's own makes every cell of every row before it shows any: of 5,000 runs that took two
    seconds, and again for each letter of a filter.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("cells--head", "cells--fixed", "cells--even", "cells--cursor"),
    }
    DEFAULT_CSS = """
    CellTable { background: $surface; color: $foreground; height: 1fr; }
    CellTable:focus { background-tint: $foreground 5%; }
    CellTable > .cells--even { background: $surface-lighten-1 50%; }
    CellTable:dark > .cells--even { background: $surface-darken-1 40%; }
    CellTable > .cells--head { background: $panel; color: $foreground; text-style: bold; }
    CellTable > .cells--fixed { background: $secondary-muted; color: $foreground; }
    CellTable > .cells--cursor {
        background: $block-cursor-blurred-background;
        color: $block-cursor-blurred-foreground;
    }
    CellTable:focus > .cells--cursor {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "columns(-1)", "left", show=False),
        Binding("right", "columns(1)", "right", show=False),
        Binding("home", f"columns({-FAR})", "first column", show=False),
        Binding("end", f"columns({FAR})", "last column", show=False),
        Binding("ctrl+home", f"rows({-FAR})", "first", show=False),
        Binding("ctrl+end", f"rows({FAR})", "last", show=False),
    ]

    class HeadingClicked(Message):
        """A heading was clicked; `key` is its column's."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, cell: Callable[[int, int], ShownCell]) -> None:
        """`cell` makes what is shown in a row and a column."""
        super().__init__()
        self.cell = cell
        self.columns: Sequence[ShownColumn] = ()
        self.count = 0  # of rows
        self.row = self.column = 0  # of the cell that is chosen

    def show(self, columns: Sequence[ShownColumn], count: int, row: int, column: int) -> None:
        """Show so many rows, of which a cell is chosen."""
        self.columns, self.count = columns, count
        width = sum(map(_room, columns))
        self.virtual_size = Size(width, count + 1)
        self.choose(row, column)

    def choose(self, row: int, column: int) -> None:
        """Choose a cell, or the one that is next to it, and have it be seen."""
        self.row = min(max(0, row), max(0, self.count - 1))
        self.column = min(max(0, column), max(0, len(self.columns) - 1))
        if self.columns:
            left = sum(map(_room, self.columns[: self.column]))
            place = Region(left, self.row + 1, _room(self.columns[self.column]), 1)
            # The headings and the first column are over all others.
            fixed = Spacing(1, 0, 0, _room(self.columns[0]) if self.column else 0)
            self.scroll_to_region(place, spacing=fixed, animate=False, force=True)
        self.refresh()

    def on_resize(self) -> None:
        self.choose(self.row, self.column)

    # ---- what is seen

    def render_line(self, y: int) -> Strip:
        """The line at `y` of what is seen: the headings stay at the top."""
        left, top = self.scroll_offset
        base, width = self.rich_style, self.size.width
        row = top + y - 1
        if not self.columns or (y and row >= self.count):
            return Strip.blank(width, base)
        # No more cells are made than can be seen.
        pieces, at, first = [], 0, _room(self.columns[0])
        for place, column in enumerate(self.columns):
            room = _room(column)
            is_seen = place == 0 or (at + room > left + first and at < left + width)
            if is_seen:
                pieces.append(self._piece(y, row, place))
            elif place and at + room <= left + first:
                pieces.append(Segment(" " * room))
            at += room
        fixed, others = Strip(pieces[:1], first), Strip(pieces[1:])
        rest = others.crop(left, left + max(0, width - first))
        line = Strip.join([fixed, rest]).adjust_cell_length(width, base)
        return line.crop(0, width).apply_style(base)

    def _piece(self, y: int, row: int, place: int) -> Segment:
        column = self.columns[place]
        if y == 0:
            text, style = column.heading, self._style("cells--head")
        else:
            shown = self.cell(row, place)
            text, style = shown.text, Style()
            if row == self.row and place == self.column:
                style = self._style("cells--cursor")
            elif place == 0:
                style = self._style("cells--fixed")
            elif row % 2 == 0:
                style = self._style("cells--even")
            if shown.style:
                style += Style.parse(shown.style)
        space = " " * (column.width - width_of(text))
        text = space + text if column.side == "right" else text + space
        return Segment(" " * _PAD + text + " " * _PAD, style)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    # ---- keys and clicks

    def action_rows(self, by: int) -> None:
        self.choose(self.row + by, self.column)

    def action_columns(self, by: int) -> None:
        self.choose(self.row, self.column + by)

    def has_chosen(self) -> bool:
        return self.count > 0

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        place = self._column_at(at) if at else None
        if at is None or place is None:
            return
        row = self.scroll_offset.y + at.y - 1
        if at.y == 0:
            self.post_message(self.HeadingClicked(self.columns[place].key))
        elif row < self.count:
            was = (self.row, self.column)
            self.choose(row, place)
            if was == (row, place):
                self.action_enter()

    def _column_at(self, at: Offset) -> int | None:
        """The column that is seen there."""
        first = _room(self.columns[0]) if self.columns else 0
        x = at.x if at.x < first else at.x + self.scroll_offset.x
        for place, column in enumerate(self.columns):
            if x < _room(column):
                return place
            x -= _room(column)
        return None


def _room(column: ShownColumn) -> int:
    return column.width + 2 * _PAD
