"""What tables of textual's have in common: keys that move through their rows, and enter one."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.scroll_view import ScrollView

FAR = 1 << 30  # rows, or columns: to the end


class RowTable(ScrollView):
    """Lines below a line of headings that stays at the top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "rows(-1)", "up", show=False),
        Binding("down,j", "rows(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("enter", "enter", "enter", show=False),
    ]

    class Entered(Message):
        """Enter was pressed on a row, or what is chosen in it was clicked once more."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(id=name)
        self.can_focus = True

    def action_rows(self, by: int) -> None:
        """Move so many rows down, or as many as there are."""
        raise NotImplementedError

    def action_page(self, direction: int) -> None:
        self.action_rows(direction * max(1, self.size.height - 2))

    def action_enter(self) -> None:
        if self.has_chosen():
            self.post_message(self.Entered())

    def has_chosen(self) -> bool:
        """Whether there is a row that is chosen."""
        raise NotImplementedError
