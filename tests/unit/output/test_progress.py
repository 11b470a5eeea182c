"""The lines of copies: the cursor that they hide is there again, whenever Ctrl-C comes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from terminal import on_terminal

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"

INTERRUPTED = """
import os, signal, sys
from rich.console import Console
from guild_sync.output.progress import progress

show_cursor = Console.show_cursor

def interrupted(console, show=True):
    Console.show_cursor = show_cursor
    if not show:
        show_cursor(console, False)
    os.kill(os.getpid(), signal.SIGINT)

def wait_then_interrupt(console, show=True):
    if not show:
        return show_cursor(console, False)
    return interrupted(console)

Console.show_cursor = interrupted if sys.argv[1] == "hides" else wait_then_interrupt
with progress("copying"):
    pass
"""


@pytest.mark.parametrize("moment", ["hides", "shows"])
def test_ctrl_c_while_the_cursor_is_hidden_or_shown_leaves_it_shown(
    moment: str, tmp_path: Path
) -> None:
    _, text = on_terminal([sys.executable, "-c", INTERRUPTED, moment], os.environ, tmp_path)
    assert "KeyboardInterrupt" in text
    assert text.rindex(SHOWN) > text.rindex(HIDDEN)
