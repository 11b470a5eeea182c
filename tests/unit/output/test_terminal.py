"""Nothing from elsewhere moves the cursor or ends the line."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.output import terminal


@given(st.text())
def test_nothing_that_is_shown_can_move_the_cursor_or_end_the_line(text: str) -> None:
    shown = terminal.clean(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain é 日本", "plain é 日本"),
        ("a\nb\tc", "a?b?c"),
        ("\x1b[2J", "?[2J"),
        ("\u202egnp.exe", "?gnp.exe"),
        ("\x9b1m", "?1m"),
        (7, "7"),
        (os.fsdecode(b"a\xff"), "a\ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_a_question_mark(value: object, text: str) -> None:
    assert terminal.clean(value) == text


def test_a_lone_surrogate_is_shown_somehow() -> None:
    terminal.clean("\ud800").encode()
