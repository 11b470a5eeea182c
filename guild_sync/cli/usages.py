"""What a command's usage says, read from the text that `--help` shows and docopt reads."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADING = re.compile(r"([A-Z][\w ,]*):\Z")
_ITEM = re.compile(r"  (\S.*?)(?:\s{2,}(\S.*))?\Z")
_OPTION_NAME = re.compile(r"(?<!\S)(--?[A-Za-z][\w-]*)")
_OPTION_VALUE = re.compile(r"[ =]([A-Z]+)\b")


class Item(NamedTuple):
    """A line of a list, such as one of options: `-n, --limit N`, and what it means."""

    name: str
    about: str


class Section(NamedTuple):
    """A part of a usage: its heading (none for plain text) and the lines below it."""

    heading: str
    lines: tuple[str, ...]

    @property
    def items(self) -> list[Item]:
        """The list that this section is; empty where it is something else."""
        found: list[Item] = []
        for line in self.lines:
            match = _ITEM.match(line)
            if match and not line.startswith("   "):
                found.append(Item(match[1], match[2] or ""))
            elif found and line.startswith("   "):
                name, about = found[-1]
                found[-1] = Item(name, f"{about} {line.strip()}".strip())
            elif line.strip():
                return []
        return found


class Option(NamedTuple):
    """An option: all of its names, the word for its value (none for a switch), its meaning."""

    names: tuple[str, ...]
    value: str
    about: str


def sections(text: str) -> list[Section]:
    """The parts of a usage, in their order. A heading is a line that ends with a colon."""
    found = [Section("", ())]
    lines = text.strip("\n").split("\n")
    for number, line in enumerate(lines):
        heading = _HEADING.match(line)
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if heading and below.startswith("  ") and not below.startswith("    "):
            found.append(Section(heading[1], ()))
            continue
        if found[-1].heading and line and not line.startswith(" "):
            found.append(Section("", ()))
        heading_before, before = found[-1]
        found[-1] = Section(heading_before, (*before, line))
    return [section for section in found if any(section.lines)]


def options(text: str) -> list[Option]:
    """All options of a usage, of whatever section."""
    return [
        Option(tuple(_OPTION_NAME.findall(item.name)), _value_of(item.name), item.about)
        for section in sections(text)
        for item in section.items
        if item.name.startswith("-")
    ]


def _value_of(name: str) -> str:
    match = _OPTION_VALUE.search(name)
    return match[1] if match else ""
