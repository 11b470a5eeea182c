"""What runs have printed, as markup: its colours and nothing else of what a terminal obeys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import OutputEnds
from guild_sync.output.terminal import clean_lines

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

# What of an output a page shows, in lines and bytes, and of a line in characters.
FIRST_LINES, LAST_LINES = 150, 350
FIRST_BYTES, LAST_BYTES = 1 << 15, 1 << 17
_LINE = 2000
# A title, a link: what a terminal takes until a bell or its own end.
_COMMAND = re.compile(r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)")


class ShownOutput(NamedTuple):
    """What a page shows of an output, as markup; `left_out` bytes of it are between the two."""

    first: str
    last: str
    left_out: int
    bytes: int


def shown(ends: OutputEnds) -> ShownOutput:
    """What a page shows of an output of which these are the ends."""
    first, last = ends["first"], ends["last"]
    if ends["left_out"]:  # no half lines
        first = first.rpartition("\n")[0] + "\n" if "\n" in first else first
        last = last.partition("\n")[2] if "\n" in last else last
    else:
        lines = first.splitlines(keepends=True)
        if len(lines) <= FIRST_LINES + LAST_LINES:
            return ShownOutput(_marked(first), "", 0, ends["bytes"])
        first, last = "".join(lines[:FIRST_LINES]), "".join(lines[-LAST_LINES:])
    begin = "".join(first.splitlines(keepends=True)[:FIRST_LINES])
    end = "".join(last.splitlines(keepends=True)[-LAST_LINES:])
    told = len((begin + end).encode("utf-8", "replace"))
    return ShownOutput(_marked(begin), _marked(end), max(1, ends["bytes"] - told), ends["bytes"])


def _marked(text: str) -> str:
    """Text as markup: colours as classes of spans, of a line drawn over what is seen last."""
    text = _COMMAND.sub("", text) if "\x1b]" in text else text
    lines = [_as_seen(line) for line in text.replace("\r\n", "\n").split("\n")]
    if "\x1b" not in text:
        return escape(clean_lines("\n".join(lines)))
    return "\n".join(_decoded(lines))


def _as_seen(line: str) -> str:
    if "\r" in line:  # a progress bar, drawn again and again
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    return line if len(line) <= _LINE else f"{line[:_LINE]}…"


def _decoded(lines: list[str]) -> Iterator[str]:
    from rich.ansi import AnsiDecoder  # most outputs have no colours

    decoder = AnsiDecoder()
    for line in lines:
        if "\x1b" in line or decoder.style:  # a colour may go on in the next line
            yield _spans(decoder.decode_line(line))
        else:
            yield escape(clean_lines(line))


def _spans(text: Text) -> str:
    plain, parts, at = text.plain, [], 0
    for span in text.spans:  # a decoder makes them one behind the other
        if span.start > at:
            parts.append(escape(clean_lines(plain[at : span.start])))
        names = " ".join(_classes(span.style)) if not isinstance(span.style, str) else ""
        inner = escape(clean_lines(plain[max(at, span.start) : span.end]))
        parts.append(f'<span class="{names}">{inner}</span>' if names else inner)
        at = max(at, span.end)
    return "".join([*parts, escape(clean_lines(plain[at:]))])


def _classes(style: Style) -> Iterator[str]:
    """The classes of a style: those that static/report.css has."""
    from rich.color import ColorSystem

    for name, is_set in (
        ("a-bold", style.bold),
        ("a-dim", style.dim),
        ("a-italic", style.italic),
        ("a-under", style.underline),
        ("a-turned", style.reverse),
    ):
        if is_set:
            yield name
    for kind, color in (("f", style.color), ("g", style.bgcolor)):
        if color is not None and not color.is_default:
            number = color.downgrade(ColorSystem.STANDARD).number
            if number is not None:
                yield f"a-{kind}{number}"
