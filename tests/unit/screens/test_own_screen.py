"""Lines on a screen of the terminal's own: as many as there is room for."""

from __future__ import annotations

import pytest

from guild_sync.screens import own_screen

LINES = [f"line {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("height", "foot", "found"),
    [
        (5, "", LINES),
        (9, "", LINES),
        (4, "", [*LINES[:3], "… 2 more lines"]),
        (1, "", ["… 5 more lines"]),
        (8, "foot", [*LINES, "", "", "foot"]),
        (6, "foot", [*LINES, "foot"]),
        (4, "foot", [*LINES[:2], "… 3 more lines", "foot"]),
        (1, "foot", ["foot"]),
    ],
)
def test_what_there_is_no_room_for_is_counted(height: int, foot: str, found: list[str]) -> None:
    assert own_screen._fitting(LINES, height, foot) == found
