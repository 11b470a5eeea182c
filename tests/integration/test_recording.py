"""docs/images/guild.svg, the recording in README: what guild prints today, and no script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

TOP = Path(__file__).parents[2]
RECORDING = TOP / "docs" / "images" / "guild.svg"
MOST_BYTES = 150_000
# What is another at each time that it is played.
_MASKED = (
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\[(\d+):[0-9a-f]{8}\]", r"[\1:ID]"),
    (r"gpkg\.anonymous-[0-9a-f]{8}", "PACKAGE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME"),
    (r"\b\d+(\.\d+)?s\b", "DURATION"),
    (r" +", " "),  # the width of columns goes by what is in them
)


def rows_of(picture: Path) -> Iterator[str]:
    """The rows of the terminal, masked."""
    rows: dict[str, str] = {}
    for element in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text"):
        row = re.search(r"\bt(\d+)\b", element.get("class", ""))
        if row:
            rows[row[1]] = rows.get(row[1], "") + (element.text or "").rstrip("\n")
    for text in rows.values():
        for pattern, mask in _MASKED:
            text = re.sub(pattern, mask, text)
        yield text.strip()


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recording") / "guild.svg"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        (sys.executable, TOP / "tools" / "picture", file),
        env={**os.environ, "PATH": path},
        check=True,
    )
    return file


def test_the_recording_shows_what_guild_prints_today(anew: Path) -> None:
    """Where it does not, `tools/picture` makes it anew; look at it then."""
    shown = [*rows_of(RECORDING)]
    assert len(shown) > 25
    assert shown == [*rows_of(anew)]


def test_the_recording_is_small_fetches_nothing_and_runs_nothing() -> None:
    text = RECORDING.read_text(encoding="utf-8")
    assert len(text) < MOST_BYTES
    assert "<script" not in text and " on" not in re.sub(r">[^<]*<", "><", text)
    assert {*re.findall(r"https?://[^\"'\s)]+", text)} <= {
        "http://www.w3.org/2000/svg", "https://www.textualize.io"
    }  # fmt: skip
    assert "<title>" in text and "<desc>" in text


def test_the_recording_moves_only_where_motion_is_wanted() -> None:
    text = RECORDING.read_text(encoding="utf-8")
    style = text[text.index("<style>") : text.index("</style>")]
    before, wanted = style.split("@media (prefers-reduced-motion: no-preference) {")
    assert "animation" not in before and "opacity" not in before
    assert "animation" in wanted and "infinite" not in wanted
