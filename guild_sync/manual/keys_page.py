"""A page of the manual about a file: which keys it takes. As roff, and as a terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent, wrap
from typing import NamedTuple

from guild_sync.manual.roff import head, item, plain, seen_also

_WIDTH = 76  # of what a key means, as text


class KeysPage(NamedTuple):
    """What is told of a file: by heading, its keys and what each means."""

    name: str
    about: str
    source: str  # which says it
    description: str
    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    others: Sequence[str]  # where else to look, as `guild-run(1)`

    def as_roff(self) -> str:
        """The page for man."""
        lines = [
            *head(self.name, 5, self.about, self.source),
            ".SH DESCRIPTION",
            *plain(self.description.splitlines()),
        ]
        for heading, known in self.groups:
            lines.append(f".SH {heading.upper()}")
            for name, about in known:
                lines += item(name, about)
        return "\n".join([*lines, *seen_also(*self.others)]) + "\n"

    def as_text(self) -> str:
        """The page as `guild help` shows it: its lists are as those of a usage."""
        parts = [f"{self.name}: {self.about}", self.description.strip()]
        for heading, known in self.groups:
            listed = (f"  {name}\n{indent(_wrapped(about), ' ' * 6)}" for name, about in known)
            parts.append("\n".join([f"{heading}:", *listed]))
        return "\n\n".join(parts)


def _wrapped(text: str) -> str:
    return "\n".join(wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False))
