"""A program that takes the terminal and is worked with by keys: textual's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.widgets import Input

from guild_sync.output import terminal


class FilterField(Input):
    """A line for words that what is shown is to have: opened by a key, there while it has some."""

    DEFAULT_CSS = """
    FilterField { display: none; height: 1; border: none; padding: 0 1; }
    FilterField:focus { border: none; }
    FilterField.open { display: block; }
    """


class KeyedApp(App[BaseException]):
    """What is left by q, Ctrl-C and signals, steps aside at Ctrl-Z, and has a line for a filter.

    Where it ends by a bug of one of its threads, its value is what that has raised. A class of it
    has a FilterField, and the keys `slash` for `filter` and `q` for `quit`.
    """

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "everything", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(self, noted: Sequence[int] = ()) -> None:
        super().__init__()
        self._noted = noted  # signals that have come before this could take them
        self.words = ""  # of the filter

    def run_until_left(self) -> None:
        """Be on the terminal until somebody leaves. Raises SystemExit where a signal has ended it.

        And what a thread has raised, once the terminal is as it was.
        """
        with terminal.noted_signals() as self._noted:
            failure = self.run()
        if failure is not None:
            raise failure
        if self.return_code:
            raise SystemExit(self.return_code)

    @property
    def main(self) -> DOMNode:
        """The screen below all others: an app of textual 2 would look for widgets in the topmost.

        That is the textual of Debian 13.
        """
        return self.screen_stack[0]

    def begin(self) -> None:
        """Show what there is, on the terminal that it has now."""
        raise NotImplementedError

    def draw_anew(self) -> None:
        """Show what the filter leaves."""
        raise NotImplementedError

    def focus_main(self) -> None:
        """Have keys be for what is shown."""
        raise NotImplementedError

    def on_mount(self) -> None:
        for number in terminal.ENDS:
            with suppress(RuntimeError, ValueError):  # no main thread: a test's
                asyncio.get_running_loop().add_signal_handler(number, self._end_by, number)
        if self._noted:
            self._end_by(self._noted[0])
        # As textual has it, what was on the screen before Ctrl-Z would be taken to be there still.
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh(layout=True))
        self.begin()
        self.focus_main()

    def _end_by(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def action_filter(self) -> None:
        field = self.main.query_one(FilterField)
        field.add_class("open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self.draw_anew()

    def on_input_submitted(self) -> None:
        self.main.query_one(FilterField).set_class(bool(self.words), "open")
        self.focus_main()

    def action_everything(self) -> None:
        """Have no filter any more."""
        field = self.main.query_one(FilterField)
        field.value = ""
        field.remove_class("open")
        self.words = ""
        self.focus_main()
        self.draw_anew()
