"""A screen of the terminal for lines alone: drawn over as often as is wanted, then as before."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from guild_sync.output import terminal

if TYPE_CHECKING:
    from rich.live import Live

Lines = Callable[[], Sequence[str]]  # which there are for the terminal as it is now


class OwnScreen:
    """Shows as many lines as there is room for; the last one says how many there are besides."""

    def __init__(self, foot: str) -> None:
        """`foot` is the last line; none where it is empty."""
        from rich.console import Console
        from rich.live import Live

        self._foot = foot
        self._lines: Lines = list
        self._is_drawing = False
        self._noted: list[int] = []  # signals that have come while it was drawing
        self.live: Live = Live(
            console=Console(highlight=False, markup=False),
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def draw(self, lines: Lines) -> None:
        """Show these lines; they are asked for again where the terminal has another size."""
        from rich.text import Text

        self._lines = lines
        self._is_drawing = True
        try:
            fitting = _fitting(lines(), self.live.console.size.height, self._foot)
            # What of these lines comes from runs was cleaned: the colours are guild's own.
            self.live.update(Text.from_ansi("\n".join(fitting), no_wrap=True), refresh=True)
        finally:
            self._is_drawing = False
        while self._noted:
            self._react(self._noted.pop(0))

    def heed(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: not within a drawing, whose escapes must be whole."""
        if self._is_drawing:
            self._noted.append(number)
        else:
            self._react(number)

    def _react(self, number: int) -> None:
        if number == signal.SIGTSTP:
            self.live.stop()
            _stop(self.heed)
            self.live.start()
        self.draw(self._lines)


def _stop(then: Callable[[int, FrameType | None], object]) -> None:
    """Be stopped, as Ctrl-Z has it, until somebody has this go on before the terminal."""
    before = threading.main_thread().ident or 0
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    # To this thread, which then does nothing more before it is stopped.
    signal.pthread_kill(before, signal.SIGTSTP)
    _wait_in_front()
    signal.signal(signal.SIGTSTP, then)


def _wait_in_front() -> None:
    """Return once this is before the terminal; until then, as after `bg`, it is stopped.

    The kernel sees to that (SIGTTOU, tcdrain(3)): a stop of our own could come after the `fg`.
    """
    import termios

    while True:
        try:
            return termios.tcdrain(sys.stdout.fileno())
        except termios.error as e:
            if e.args[0] != errno.EINTR:  # it is nobody's
                return


@contextmanager
def own_screen(foot: str = "") -> Iterator[OwnScreen]:
    """A screen on which lines are drawn; behind it, however that ends, the terminal is as before.

    Ctrl-Z gives it back until `fg`. SIGTERM and SIGHUP raise SystemExit. Needs a terminal that can
    be drawn over, and the main thread.
    """
    screen = OwnScreen(foot)
    with (
        terminal.left_by_signals(),
        terminal.handled(screen.heed, signal.SIGTSTP, signal.SIGWINCH),
        screen.live,
    ):
        yield screen


def _fitting(lines: Sequence[str], height: int, foot: str) -> list[str]:
    below = [terminal.cut(foot, terminal.terminal_width() or 80)] if foot else []
    room = max(1, height - len(below))
    if len(lines) <= room:
        return [*lines, *[""] * (room - len(lines) if below else 0), *below]
    return [*lines[: room - 1], f"… {len(lines) - room + 1} more lines", *below][-height:]
