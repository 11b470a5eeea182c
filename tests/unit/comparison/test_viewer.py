"""The table that keys move through, driven by textual's own pilot."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from side_by_side import GRID, compared_run, placed, with_

from guild_sync.comparison import page as rows_of_text
from guild_sync.comparison import together
from guild_sync.comparison.columns import WantedColumns
from guild_sync.comparison.together import ComparedRow, Order, SideBySide
from guild_sync.errors import GuildError

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import Static

from guild_sync.comparison.cell_table import CellTable
from guild_sync.comparison.run_screen import HelpScreen, RunScreen
from guild_sync.comparison.viewer import CompareApp, view

Keys: TypeAlias = "Pilot[BaseException]"
FIRST = ["[2:00000001]", "[3:00000002]", "[1:00000000]", "[4:00000003]"]  # by loss


def grid(*more: str, label: str = "") -> SideBySide:
    runs = [with_(run, objective="loss", label=label) for run in GRID]
    runs += [compared_run(9, {"lr": 9, "bs": 32}, {"loss": 9}, status=status) for status in more]
    return together.compared(placed(*runs), WantedColumns(), Order())


def never() -> SideBySide:
    raise AssertionError("nobody was to look")


def no_output(row: ComparedRow, most: int) -> str:
    return ""


def played(
    play: Callable[[CompareApp, Keys], Awaitable[None]],
    first: SideBySide | None = None,
    look: Callable[[], SideBySide] = never,
    ending: Callable[[ComparedRow, int], str] = no_output,
    interval: float | None = None,
    size: tuple[int, int] = (80, 24),
) -> CompareApp:
    """The app, once keys have been pressed."""
    app = CompareApp(first or grid(), look, ending, interval)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await play(app, pilot)

    asyncio.run(run())
    return app


def table(app: CompareApp) -> CellTable:
    return app.screen_stack[0].query_one(CellTable)


def column(app: CompareApp, at: int = 0) -> list[str]:
    return [table(app).cell(row, at).text.strip() for row in range(table(app).count)]


def headings(app: CompareApp) -> list[str]:
    return [one.heading for one in table(app).columns]


def said(app: CompareApp) -> str:
    return str(app.screen_stack[0].query_one("#said", Static).render())


def page(app: CompareApp) -> str:
    return str(app.screen.query_one("#page", Static).render())


async def until(true: Callable[[], bool], pilot: Keys) -> None:
    """Wait for what a thread does."""
    for _ in range(2000):
        if true():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come")


def test_it_begins_as_the_table_that_is_printed() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        assert column(app) == FIRST
        assert headings(app)[:4] == ["run", "lr", "loss▲", "acc"]
        assert column(app, 2) == ["*0.02", "0.03", "0.22", "0.25"]
        assert said(app) == "4 runs; by loss, the lowest first; all have bs=32"

    played(play)


def test_a_key_sorts_by_the_column_of_the_cursor_and_again_the_other_way_round() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("right", "s")
        assert column(app, 1) == ["0.1", "0.2", "0.3", "0.4"]
        assert headings(app)[1] == "lr▲"
        await pilot.press("s")
        assert column(app, 1) == ["0.4", "0.3", "0.2", "0.1"]
        assert headings(app)[1] == "lr▼"
        await pilot.press("o")
        assert column(app) == FIRST

    played(play)


def test_a_click_on_a_heading_sorts() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.click(CellTable, offset=(17, 0))
        assert headings(app)[1] == "lr▲"

    played(play)


def test_the_cursor_stays_at_its_run() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("down", "right", "s", "s")
        assert column(app)[table(app).row] == FIRST[1]
        assert table(app).column == 1

    played(play)


def test_words_choose_runs_and_escape_shows_all() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("slash", *"0.02 TRAIN", "enter")
        assert column(app) == FIRST[:1]
        assert said(app).startswith("1 of 4 runs")
        await pilot.press("escape")
        assert column(app) == FIRST
        await pilot.press("slash", *"nothing like it", "enter", "enter", "s", "space", "m")
        assert column(app) == []
        await pilot.press("escape", "q")

    assert played(play).return_code == 0


def test_marked_runs_are_shown_alone() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("m")  # none is
        assert len(column(app)) == 4
        await pilot.press("space", "space", "k", "space", "m")
        assert column(app) == ["+" + FIRST[0]]
        await pilot.press("m")
        assert column(app) == ["+" + FIRST[0], *FIRST[1:]]

    played(play)


def test_enter_shows_a_run_with_the_end_of_its_output() -> None:
    asked: list[str] = []

    def ending(row: ComparedRow, most: int) -> str:
        asked.append(row.placed.run["id"][:8])
        return "one\r1%\r100%\n\x1b[31mred\x1b[0m \x07[bold]x[/bold]\n"

    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("down", "enter")
        assert isinstance(app.screen, RunScreen)
        await until(lambda: "red" in page(app), pilot)
        text = page(app)
        assert "lr  0.2" in text and "loss  0.03  7" in text
        assert text.endswith("output\n100%\nred ?[bold]x[/bold]")
        await pilot.press("r", "q")
        await until(lambda: len(asked) == 2, pilot)
        assert column(app) == FIRST

    played(play, ending=ending)
    assert asked == ["00000002"] * 2


def test_a_host_that_cannot_be_asked_for_an_output_says_so_on_the_page() -> None:
    def ending(row: ComparedRow, most: int) -> str:
        raise GuildError("remote 'gpu1' cannot be reached")

    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("enter")
        await until(lambda: "cannot be reached" in page(app), pilot)

    played(play, ending=ending)


def test_the_keys_are_told() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "other way round" in page(app)
        await pilot.press("escape")
        assert column(app) == FIRST

    played(play)


def test_nothing_of_a_run_becomes_markup_or_moves_the_cursor() -> None:
    label = "[red]x[/red] \x1b[2J [@click=app.quit]"

    async def play(app: CompareApp, pilot: Keys) -> None:
        assert column(app, 8) == [label.replace("\x1b", "?")] * 4
        await pilot.press("enter")
        assert "[red]x[/red] ?[2J [@click=app.quit]" in page(app)

    played(play, grid(label=label))


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (300, 100)])
def test_it_works_on_a_terminal_of_any_size_and_in_one_that_changes(size: tuple[int, int]) -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        for other in (size, (80, 24), size):
            await pilot.resize_terminal(*other)
            await pilot.press("down", "right", "enter", "q")
        await pilot.press("q")

    assert played(play, size=size).return_code == 0


def test_it_looks_again_until_no_run_goes_on() -> None:
    looks = iter([grid("running", "running"), grid("completed")])
    looked = threading.Event()

    def look() -> SideBySide:
        found = next(looks)
        if not found.goes_on:
            looked.set()
        return found

    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("right", "right", "s")
        await until(lambda: looked.is_set() and len(column(app)) == 5, pilot)
        assert headings(app)[2] == "loss▲"

    played(play, grid("running"), look, interval=0.001)
    assert next(looks, None) is None


def test_a_look_that_fails_leaves_what_was_known_and_says_why() -> None:
    def look() -> SideBySide:
        raise GuildError("remote 'gpu1' is [down]")

    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("r")
        await until(lambda: said(app).startswith("remote 'gpu1' is [down]; 4 runs"), pilot)
        assert column(app) == FIRST

    played(play, look=look)


def test_a_fault_of_guild_ends_it_and_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("r")
        await until(lambda: app.return_value is not None, pilot)

    app = played(play)
    assert isinstance(app.return_value, AssertionError)
    monkeypatch.setattr(CompareApp, "run", lambda self: app.return_value)
    with pytest.raises(AssertionError, match="nobody"):
        view(grid(), never, no_output, None)


def test_no_run_is_an_empty_table() -> None:
    async def play(app: CompareApp, pilot: Keys) -> None:
        await pilot.press("s", "enter", "space", "down", "right", "m", "o")
        assert column(app) == []

    played(play, together.compared([], WantedColumns(), Order()))


def test_many_runs_are_looked_at_once_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    is_numeric = rows_of_text.is_numeric

    def counted(comparison: SideBySide, at: int) -> bool:
        looks.append(at)
        return is_numeric(comparison, at)

    monkeypatch.setattr(rows_of_text, "is_numeric", counted)

    async def play(app: CompareApp, pilot: Keys) -> None:
        assert len(looks) == len(headings(app))

    played(play)


def test_a_signal_that_has_come_before_it_was_there_ends_it() -> None:
    app = CompareApp(grid(), never, no_output, None, noted=[signal.SIGTERM])

    async def run() -> None:
        async with app.run_test() as pilot:
            await pilot.pause()

    asyncio.run(run())
    assert app.return_code == 128 + signal.SIGTERM
