"""What lies over the table that is moved through: one run, and the keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from textual.binding import Binding, BindingType

from guild_sync.comparison import about
from guild_sync.comparison.columns import Placed
from guild_sync.errors import GuildError
from guild_sync.output.terminal import clean
from guild_sync.screens.pages import PageScreen
from guild_sync.transport.background import begun

KEYS = """\
Arrows       move; j, k, Page Up, Page Down, Home, End, too
s            sort by the column of the cursor; once more: the other way round
o            sort as at first: the best, or the newest, come first
/            show the runs that have some words; Enter goes back to the table
Space        mark a run, or unmark it
m            show the marked runs alone, or all
Escape       show all runs
Enter        show a run: its flags, its scalars, the end of its output
r            look again
q            leave; Ctrl-Z steps aside until fg

The best number has a * in front; the best third of the others is cyan, the
worst yellow.
"""


class HelpScreen(PageScreen):
    """The keys."""

    def text(self) -> str:
        return KEYS


class RunScreen(PageScreen):
    """One run; the end of its output comes once its host has answered."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "look", "Look again")]

    def __init__(self, placed: Placed, ending: Callable[[int], str]) -> None:
        super().__init__()
        self._placed = placed
        self._ending = ending

    def text(self) -> str:
        begun(self._ask)
        return self._with(["..."])

    def action_look(self) -> None:
        begun(self._ask)

    def _with(self, output: list[str]) -> str:
        return "\n".join([*about.lines(self._placed), "", "output", *output])

    def _ask(self) -> None:
        try:
            output = about.ending(self._ending(about.ENDING))
        except GuildError as e:
            output = [clean(e.message)]
        with suppress(Exception):  # nobody looks any more
            self.app.call_from_thread(self.show, self._with(output))
