"""Outputs as markup: their colours, and nothing else that a terminal or a browser would obey."""

from __future__ import annotations

import pytest

from guild_sync.agent.protocol import OutputEnds
from guild_sync.reports import coloured


def whole(text: str) -> OutputEnds:
    return {"first": text, "last": "", "left_out": 0, "bytes": len(text.encode(errors="replace"))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a <b> & "c"\n', "a &lt;b&gt; &amp; &quot;c&quot;\n"),
        ("\x1b[31mred\x1b[0m <i>\n", '<span class="a-f1">red</span> &lt;i&gt;\n'),
        ("\x1b[1;92mgo\x1b[m", '<span class="a-bold a-f10">go</span>'),
        ("\x1b[38;5;196mx\x1b[0m", '<span class="a-f1">x</span>'),
        ("\x1b[38;2;0;0;0;48;2;255;0;0mx\x1b[0m", '<span class="a-f0 a-g1">x</span>'),
        (
            "\x1b[31mone\ntwo\x1b[0m\n",
            '<span class="a-f1">one</span>\n<span class="a-f1">two</span>\n',
        ),
        (" 10%\r 50%\r100%\r\n", "100%\n"),
        ("a\x07b\x00c\u202ed\tx", "a?b?c?d\tx"),
        ("\x1b]8;;http://x/\x07link\x1b]8;;\x07", "link"),
        ("\x1b[2J\x1b[Hx", "x"),
        ("\ud800", "\ufffd"),
    ],
)
def test_an_output_is_markup(text: str, expected: str) -> None:
    assert coloured.shown(whole(text)).first == expected


def test_no_escape_and_no_tag_is_left_whatever_comes() -> None:
    text = "".join(
        f"\x1b[{code}m<{code}>\x1b" for code in (*range(110), "", ";;", "38;5", "38;2;1")
    )
    found = coloured.shown(whole(text)).first
    assert "\x1b" not in found
    assert found.replace("<span class=", "").replace("</span>", "").count("<") == 0


def test_of_a_long_output_the_ends_are_shown_in_whole_lines() -> None:
    lines = [f"line {at}\n" for at in range(5000)]
    text = "".join(lines)
    short = coloured.shown(whole(text))
    assert short.first == "".join(lines[: coloured.FIRST_LINES])
    assert short.last == "".join(lines[-coloured.LAST_LINES :])
    assert short.left_out == len(text) - len(short.first) - len(short.last)
    cut = coloured.shown(
        {
            "first": text[:103],
            "last": text[-1003:],
            "left_out": len(text) - 1106,
            "bytes": len(text),
        }
    )
    assert cut.first.endswith("\n") and cut.first in text
    assert cut.last.startswith("line ") and text.endswith(cut.last)
    assert cut.left_out == len(text) - len(cut.first) - len(cut.last)


def test_a_line_without_an_end_is_cut() -> None:
    assert len(coloured.shown(whole("x" * 30_000)).first) == 2001
