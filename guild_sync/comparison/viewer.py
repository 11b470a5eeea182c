"""Runs beside each other as a table on the terminal that keys move through and sort."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import ClassVar, Literal

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Input, Static

from guild_sync.comparison import cells, page, ranks
from guild_sync.comparison.run_screen import HelpScreen, RunScreen
from guild_sync.comparison.together import ComparedRow, SideBySide
from guild_sync.errors import GuildError
from guild_sync.output import formats, terminal
from guild_sync.output.terminal import Styled, clean, cut
from guild_sync.transport.background import begun

STYLES = {ranks.BEST: "bold green", ranks.GOOD: "cyan", ranks.POOR: "yellow"}
_WIDEST = 60  # columns of the terminal that a cell has at most
Look = Callable[[], SideBySide]
Ending = Callable[[ComparedRow, int], str]  # the end of a run's output, at most so many bytes
Side = Literal["left", "right"]
Key = tuple[str, str]  # where a run is, and its id


def view(first: SideBySide, look: Look, ending: Ending, interval: float | None) -> None:
    """Show runs until the person leaves; with an interval, look again every so many seconds.

    Raises what a look raised that is no GuildError, and SystemExit where a signal ended it.
    """
    with terminal.noted_signals() as noted:
        app = CompareApp(first, look, ending, interval, noted)
        failure = app.run()
    if failure is not None:
        raise failure
    if app.return_code:
        raise SystemExit(app.return_code)


class CompareApp(App[BaseException]):
    """The table, its line of what it shows, and the field for a filter."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    DataTable { height: 1fr; }
    #said { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.open { display: block; }
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
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("escape", "everything", show=False),
    ]

    def __init__(
        self,
        first: SideBySide,
        look: Look,
        ending: Ending,
        interval: float | None,
        noted: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self._noted = noted  # signals that have come before this could take them
        self._comparison = first
        self._look = look
        self._ending = ending
        self._interval = interval
        self._marked: set[Key] = set()
        self._only_marked = False
        self._words = ""
        self._sort: str | None = None  # a column's heading; None: as the comparison is
        self._descending = False
        self._rows: list[ComparedRow] = []
        self._sides: list[Side] = []
        self._is_looking = False
        self._over = threading.Event()
        self._trouble = ""

    def compose(self) -> ComposeResult:
        yield Static(id="said", markup=False)
        yield DataTable(cursor_type="cell", fixed_columns=1, zebra_stripes=True)
        yield Input(placeholder="words that a run is to have", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        for number in terminal.ENDS:
            with suppress(RuntimeError, ValueError):  # no main thread: a test's
                asyncio.get_running_loop().add_signal_handler(number, self._end_by, number)
        if self._noted:
            self._end_by(self._noted[0])
        self._draw()
        self._table.focus()
        if self._interval is not None:
            begun(self._look_again_and_again)

    def on_unmount(self) -> None:
        self._over.set()

    def _end_by(self, number: int) -> None:
        self.exit(return_code=128 + number)

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)

    # ---- what is shown

    def _draw(self) -> None:
        """Show the rows that are meant, in their order; the cursor stays at its run and column."""
        table = self._table
        run, heading = self._at_cursor()
        self._rows = self._meant()
        table.clear(columns=True)
        shown = self._comparison.columns
        self._sides = [self._side(at) for at in range(len(shown))]  # a look at all rows, once
        for at in range(len(shown)):
            table.add_column(self._heading(at), key=shown[at].heading)
        for row in self._rows:
            table.add_row(*self._cells(row))
        keys = [_key(row) for row in self._rows]
        headings = [column.heading for column in shown]
        table.move_cursor(
            row=keys.index(run) if run in keys else 0,
            column=headings.index(heading) if heading in headings else 0,
        )
        self.query_one("#said", Static).update(Text(self._said()))

    def _at_cursor(self) -> tuple[Key | None, str]:
        at: Coordinate = self._table.cursor_coordinate
        row = self._rows[at.row] if at.row < len(self._rows) else None
        columns = self._comparison.columns
        heading = columns[at.column].heading if at.column < len(columns) else ""
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
        if self._only_marked and _key(row) not in self._marked:
            return False
        if not self._words:
            return True
        text = " ".join(self._texts(row)).casefold()
        return all(word in text for word in self._words.casefold().split())

    def _texts(self, row: ComparedRow) -> Iterator[str]:
        for at in range(len(self._comparison.columns)):
            yield page.text_in(self._comparison, row, at)

    def _heading(self, at: int) -> Text:
        heading = self._comparison.columns[at].heading
        is_sorted, descending = heading == self._sort, self._descending
        if self._sort is None and self._comparison.sorted == at:
            is_sorted, descending = True, self._comparison.descending
        sign = ("▼" if descending else "▲") if is_sorted else ""
        return Text(cut(clean(heading), _WIDEST) + sign, justify=self._sides[at], no_wrap=True)

    def _cells(self, row: ComparedRow) -> Iterator[Text]:
        for at, text in enumerate(self._texts(row)):
            style = text.style if isinstance(text, Styled) else ""
            if at == self._comparison.ranked:
                style = STYLES.get(row.tone, "")
            if at == 0:
                text = ("+" if _key(row) in self._marked else " ") + text
            yield Text(cut(text, _WIDEST), style, justify=self._sides[at], no_wrap=True)

    def _side(self, at: int) -> Side:
        return "right" if page.is_numeric(self._comparison, at) else "left"

    def _said(self) -> str:
        comparison = self._comparison
        parts = [formats.counted(comparison.total)]
        if len(self._rows) != comparison.total:
            parts[0] = f"{len(self._rows)} of {parts[0]}"
        if self._sort is None and comparison.sorted is not None:
            by = clean(comparison.columns[comparison.sorted].heading)
            parts.append(f"by {by}, the {'highest' if comparison.descending else 'lowest'} first")
        if self._words:
            parts.append(f"with {clean(self._words)}")
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

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        self._sort_by(str(event.column_key.value))

    def _sort_by(self, heading: str) -> None:
        self._descending = heading == self._sort and not self._descending
        self._sort = heading
        self._draw()

    def action_order(self) -> None:
        """Sort as the comparison is: the best first, or the newest."""
        self._sort, self._descending = None, False
        self._draw()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._words = event.value
        self._draw()

    def on_input_submitted(self) -> None:
        self.query_one("#filter", Input).set_class(bool(self._words), "open")
        self._table.focus()

    def action_everything(self) -> None:
        """Show all runs again."""
        self._only_marked = False
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("open")
        self._words = ""
        self._table.focus()
        self._draw()

    def action_mark(self) -> None:
        run, _ = self._at_cursor()
        if run is not None:
            self._marked ^= {run}
            self._draw()
            self._table.action_cursor_down()

    def action_marked(self) -> None:
        """Show the marked runs alone, or all again."""
        if self._marked or self._only_marked:
            self._only_marked = not self._only_marked
            self._draw()
        else:
            self.notify("Space marks a run.", markup=False)

    def action_keys(self) -> None:
        self.push_screen(HelpScreen())

    def on_data_table_cell_selected(self) -> None:
        at = self._table.cursor_coordinate.row
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
        self._draw()


def _key(row: ComparedRow) -> Key:
    return row.placed.remote, row.placed.run["id"]
