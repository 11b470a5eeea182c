"""Runs beside each other as a table on the terminal that keys move through and sort."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from guild_sync.comparison import cells, page, ranks
from guild_sync.comparison.cell_table import CellTable, ShownCell, ShownColumn
from guild_sync.comparison.run_screen import HelpScreen, RunScreen
from guild_sync.comparison.together import ComparedRow, SideBySide
from guild_sync.errors import GuildError
from guild_sync.output import formats
from guild_sync.output.terminal import Styled, clean, cut, width_of
from guild_sync.screens.keyed import FilterField, KeyedApp
from guild_sync.transport.background import begun

STYLES = {ranks.BEST: "bold green", ranks.GOOD: "cyan", ranks.POOR: "yellow"}
_WIDEST = 60  # columns of the terminal that a cell has at most
Look = Callable[[], SideBySide]
Ending = Callable[[ComparedRow, int], str]  # the end of a run's output, at most so many bytes
Key = tuple[str, str]  # where a run is, and its id


def view(first: SideBySide, look: Look, ending: Ending, interval: float | None) -> None:
    """Show runs until the person leaves; with an interval, look again every so many seconds.

    Raises what a look raised that is no GuildError, and SystemExit where a signal ended it.
    """
    CompareApp(first, look, ending, interval).run_until_left()


class _Texts:
    """What a person reads of runs beside each other, each cell made once; by their places."""

    def __init__(self, comparison: SideBySide) -> None:
        self._comparison = comparison
        shown = range(len(comparison.columns))
        self.rows = [[page.text_in(comparison, row, at) for at in shown] for row in comparison.rows]
        self.places = {_key(row): place for place, row in enumerate(comparison.rows)}
        # Each a look at all rows, once.
        self.widths = [max(map(width_of, column)) for column in zip(*self.rows, strict=True)]
        self.are_numbers = [page.is_numeric(comparison, at) for at in shown]

    @cached_property
    def words(self) -> list[str]:
        """What words are looked for in."""
        return [" ".join(texts).casefold() for texts in self.rows]


class CompareApp(KeyedApp):
    """The table, its line of what it shows, and the field for a filter."""

    CSS = """
    #said { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("space", "mark", "Mark", key_display="Space"),
        Binding("m", "marked", "Marked"),
        Binding("o", "order", "Order"),
        Binding("r", "look", "Look again"),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("q", "quit", "Leave"),
    ]

    def __init__(
        self,
        first: SideBySide,
        look: Look,
        ending: Ending,
        interval: float | None,
        noted: Sequence[int] = (),
    ) -> None:
        super().__init__(noted)
        self._comparison = first
        self._texts = _Texts(first)
        self._look = look
        self._ending = ending
        self._interval = interval
        self._marked: set[Key] = set()
        self._only_marked = False
        self._sort: str | None = None  # a column's heading; None: as the comparison is
        self._descending = False
        self._rows: list[ComparedRow] = []
        self._is_looking = False
        self._over = threading.Event()
        self._trouble = ""

    def compose(self) -> ComposeResult:
        yield Static(id="said", markup=False)
        yield CellTable(self._cell)
        yield FilterField(placeholder="words that a run is to have")
        yield Footer()

    def begin(self) -> None:
        self.draw_anew()
        if self._interval is not None:
            begun(self._look_again_and_again)

    def focus_main(self) -> None:
        self._table.focus()

    def on_unmount(self) -> None:
        self._over.set()

    @property
    def _table(self) -> CellTable:
        return self.main.query_one(CellTable)

    # ---- what is shown

    def draw_anew(self) -> None:
        """Show the rows that are meant, in their order; the cursor stays at its run and column."""
        table = self._table
        run, heading = self._at_cursor()
        self._rows = self._meant()
        columns = [self._column(at) for at in range(len(self._comparison.columns))]
        keys = [_key(row) for row in self._rows]
        headings = [column.key for column in columns]
        table.show(
            columns,
            len(keys),
            row=keys.index(run) if run in keys else 0,
            column=headings.index(heading) if heading in headings else 0,
        )
        self.main.query_one("#said", Static).update(Text(self._said()))

    def _at_cursor(self) -> tuple[Key | None, str]:
        table = self._table
        row = self._rows[table.row] if table.row < len(self._rows) else None
        heading = table.columns[table.column].key if table.columns else ""
        return (_key(row) if row else None), heading

    def _meant(self) -> list[ComparedRow]:
        rows = [row for row in self._comparison.rows if self._is_meant(row)]
        headings = [column.heading for column in self._comparison.columns]
        if self._sort not in headings:
            return rows
        at = headings.index(self._sort)
        places = cells.ordered([row.values[at] for row in rows], self._descending)
        return [rows[place] for place in places]

    def _is_meant(self, row: ComparedRow) -> bool:
        key = _key(row)
        if self._only_marked and key not in self._marked:
            return False
        if not self.words:
            return True
        text = self._texts.words[self._texts.places[key]]
        return all(word in text for word in self.words.casefold().split())

    def _column(self, at: int) -> ShownColumn:
        key = self._comparison.columns[at].heading
        is_sorted, descending = key == self._sort, self._descending
        if self._sort is None and self._comparison.sorted == at:
            is_sorted, descending = True, self._comparison.descending
        sign = ("▼" if descending else "▲") if is_sorted else ""
        heading = cut(clean(key), _WIDEST) + sign
        widest = self._texts.widths[at] if self._texts.widths else 0
        width = max(min(widest, _WIDEST) + (at == 0), width_of(heading))
        return ShownColumn(key, heading, width, "right" if self._texts.are_numbers[at] else "left")

    def _cell(self, place: int, at: int) -> ShownCell:
        row = self._rows[place]
        key = _key(row)
        text = self._texts.rows[self._texts.places[key]][at]
        style = text.style if isinstance(text, Styled) else ""
        if at == self._comparison.ranked:
            style = STYLES.get(row.tone, "")
        if at == 0:
            return ShownCell(("+" if key in self._marked else " ") + cut(text, _WIDEST), style)
        return ShownCell(cut(text, _WIDEST), style)

    def _said(self) -> str:
        comparison = self._comparison
        parts = [formats.counted(comparison.total)]
        if len(self._rows) != comparison.total:
            parts[0] = f"{len(self._rows)} of {parts[0]}"
        if self._sort is None and comparison.sorted is not None:
            by = clean(comparison.columns[comparison.sorted].heading)
            parts.append(f"by {by}, the {'highest' if comparison.descending else 'lowest'} first")
        if self.words:
            parts.append(f"with {clean(self.words)}")
        if self._only_marked:
            parts.append("marked alone")
        same = [f"{name}={formats.shown(value)}" for name, value in comparison.same.items()]
        parts += [f"all have {' '.join(same)}"] if same else []
        # What is in the way is said first: there may be room for no more.
        return clean("; ".join([*filter(None, [self._trouble, *comparison.problems]), *parts]))

    # ---- keys

    def action_sort(self) -> None:
        """Sort by the column of the cursor; where it is sorted by that, the other way round."""
        _, heading = self._at_cursor()
        self._sort_by(heading)

    def on_cell_table_heading_clicked(self, event: CellTable.HeadingClicked) -> None:
        self._sort_by(event.key)

    def _sort_by(self, heading: str) -> None:
        self._descending = heading == self._sort and not self._descending
        self._sort = heading
        self.draw_anew()

    def action_order(self) -> None:
        """Sort as the comparison is: the best first, or the newest."""
        self._sort, self._descending = None, False
        self.draw_anew()

    def action_everything(self) -> None:
        """Show all runs again."""
        self._only_marked = False
        super().action_everything()

    def action_mark(self) -> None:
        run, _ = self._at_cursor()
        if run is not None:
            self._marked ^= {run}
            self.draw_anew()
            self._table.action_rows(1)

    def action_marked(self) -> None:
        """Show the marked runs alone, or all again."""
        if self._marked or self._only_marked:
            self._only_marked = not self._only_marked
            self.draw_anew()
        else:
            self.notify("Space marks a run.")

    def action_keys(self) -> None:
        self.push_screen(HelpScreen())

    def on_row_table_entered(self) -> None:
        at = self._table.row
        if at < len(self._rows):
            row = self._rows[at]
            self.push_screen(RunScreen(row.placed, lambda most: self._ending(row, most)))

    # ---- looks

    def action_look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            begun(self._look_once)

    def _look_again_and_again(self) -> None:
        while self._comparison.goes_on and not self._over.wait(self._interval):
            self._look_once()

    def _look_once(self) -> None:
        """Look, in a thread of its own; the table gets what was found."""
        try:
            found: SideBySide | BaseException = self._look()
        except Exception as e:
            found = e
        with suppress(Exception):  # it has ended meanwhile
            self.call_from_thread(self._take, found)

    def _take(self, found: SideBySide | BaseException) -> None:
        self._is_looking = False
        if isinstance(found, GuildError):
            self._trouble = found.message
        elif isinstance(found, BaseException):
            self.exit(found)
            return
        else:
            self._trouble = ""
            self._comparison = found
            self._texts = _Texts(found)
        self.draw_anew()


def _key(row: ComparedRow) -> Key:
    return row.placed.remote, row.placed.run["id"]
