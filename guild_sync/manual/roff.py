"""roff: headings, paragraphs and items of a page of the manual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from guild_sync import __version__

WIDTH = 66  # of a line of text, before it has escapes
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def head(name: str, part: int, about: str, source: str) -> list[str]:
    """How a page begins, which is made from `source`."""
    return [
        f'.\\" Made from {source} (make man): do not edit.',
        f'.TH "{name.upper()}" "{part}" "" "guild {__version__}" "guild"',
        ".SH NAME",
        f"{text(name)} \\- {text(about)}",
    ]


def item(name: str, about: str) -> list[str]:
    """An item of a list: a key, and what it is."""
    return [".TP", rf"\fB{text(name)}\fR", *wrapped(about)]


def seen_also(*pages: str) -> list[str]:
    """How a page ends: where else to look, as `guild-run(1)`."""
    names = [page.rpartition("(")[::2] for page in pages]
    return [".SH SEE ALSO", ",\n".join(rf"\fB{text(name)}\fR({part}" for name, part in names)]


def plain(lines: Sequence[str]) -> Iterator[str]:
    """Paragraphs; what is indented, as an example is, line by line."""
    groups = groupby(lines, key=lambda line: bool(line.strip()))
    blocks = [list(lines) for istext, lines in groups if istext]
    for number, block in enumerate(blocks):
        if number:
            yield ".PP"
        if all(line.startswith(" ") for line in block):
            yield from (".RS", ".nf", *map(text, block), ".fi", ".RE")
        else:
            yield from wrapped(" ".join(block))


def wrapped(said: str) -> list[str]:
    """Lines of a paragraph."""
    return [*map(text, wrap(said, WIDTH, break_long_words=False, break_on_hyphens=False))]


def text(shown: str) -> str:
    """Text that roff shows as it is."""
    escaped = "".join(_ESCAPES.get(character, character) for character in shown)
    return rf"\&{escaped}" if escaped[:1] == "." else escaped
