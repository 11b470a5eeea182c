"""What lies over what is worked with by keys: a page of lines, or a question."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, Static

from guild_sync.output.terminal import clean


class PageScreen(Screen[None]):
    """A page of lines that may be longer than the terminal is high."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape,enter", "app.pop_screen", "Back", key_display="q"),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(id="page", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.show(self.text())
        self.query_one(VerticalScroll).focus()

    def show(self, text: str) -> None:
        """Show text, of which nothing is markup."""
        self.query_one("#page", Static).update(Text(text))

    def text(self) -> str:
        """What it shows at first."""
        raise NotImplementedError


class AskScreen(ModalScreen[bool]):
    """A question that y or n answers."""

    CSS = """
    AskScreen { align: center middle; }
    #question { width: auto; max-width: 90%; height: auto; padding: 1 2; border: round $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        yield Static(Text(f"{clean(self._question)} (y/n)"), id="question")

    def action_answer(self, is_meant: bool) -> None:
        self.dismiss(is_meant)
