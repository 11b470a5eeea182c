"""The pages of guild and its commands: what `--help` shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from guild_sync.cli import usages
from guild_sync.cli.usages import Section
from guild_sync.manual.roff import head, plain, seen_also, text, wrapped

# What a usage leaves to the user: NAME, but not the letter of an option.
_PLACEHOLDER = re.compile(r"(?<![-\w])[A-Z]+\b")
# A paragraph such as `Exit status: 0 if all went well` is a section of its own.
_LABELLED = re.compile(r"([A-Z][a-z]+(?: [a-z]+)?): (.*)")


def page(name: str, about: str, usage: str, commands: Iterable[str] = ()) -> str:
    """The page called `name`, `guild` or `guild-COMMAND`; it sends the reader to `commands`."""
    others = [f"guild-{command}" for command in commands] or ["guild"]
    lines = [
        *head(name, 1, about, "what --help shows"),
        *_body(usages.sections(usage)),
        *seen_also(*(f"{other}(1)" for other in others)),
    ]
    return "\n".join(lines) + "\n"


def _body(sections: Sequence[Section]) -> Iterator[str]:
    """The synopsis, the description, which stands around it in a usage, then the rest."""
    (synopsis,) = [section for section in sections if section.heading == "Usage"]
    yield from (".SH SYNOPSIS", ".nf", *map(_synopsis, _filled(synopsis.lines)), ".fi")
    first, *others = [section for section in sections if section is not synopsis]
    described = [first]
    while others and not others[0].heading:
        described.append(others.pop(0))
    yield ".SH DESCRIPTION"
    yield from plain([*chain.from_iterable(s.lines for s in described)])
    for section in others:
        if not section.heading:
            section = _labelled(section)
        yield f".SH {section.heading.upper()}"
        yield from _items(section) if section.items else plain(section.lines)


def _labelled(section: Section) -> Section:
    """A section whose heading is the label that its text begins with."""
    first, *rest = _filled(section.lines)
    match = _LABELLED.match(first)
    return Section(match[1], (match[2], *rest)) if match else Section("Notes", section.lines)


def _filled(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _items(section: Section) -> Iterator[str]:
    for name, about in section.items:
        yield from (".TP", _synopsis(name), *wrapped(about))


def _synopsis(line: str) -> str:
    """A usage line or an option's names: to be typed as it is, but for the placeholders."""
    parts, at = [], 0
    line = line.strip()
    for found in _PLACEHOLDER.finditer(line):
        parts += [(r"\fB", line[at : found.start()]), (r"\fI", found[0])]
        at = found.end()
    parts.append((r"\fB", line[at:]))
    return "".join(f"{font}{text(part)}" for font, part in parts if part) + r"\fR"
