"""What a command's usage says, read from the text that `--help` shows and docopt reads."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

# Without patterns: to compile them would take longer than to read a usage, which each command does.
_ASKED_ABOUT = 2  # usages of which a command asks more than once


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
            if line.startswith("  ") and not line.startswith("   ") and line.strip():
                name, _, about = line.strip().partition("  ")
                found.append(Item(name, about.strip()))
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


@lru_cache(maxsize=_ASKED_ABOUT)
def sections(text: str) -> tuple[Section, ...]:
    """The parts of a usage, in their order. A heading is a line that ends with a colon."""
    found: list[tuple[str, list[str]]] = [("", [])]
    lines = text.strip("\n").split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _is_heading(line) and below.startswith("  ") and not below.startswith("    "):
            found.append((line[:-1], []))
            continue
        if found[-1][0] and line and not line.startswith(" "):
            found.append(("", []))
        found[-1][1].append(line)
    return tuple(Section(heading, tuple(lines)) for heading, lines in found if any(lines))


def _is_heading(line: str) -> bool:
    if not line.endswith(":") or not line[0].isupper():
        return False
    return all(character.isalnum() or character in " ,()" for character in line[:-1])


@lru_cache(maxsize=_ASKED_ABOUT)
def options(text: str) -> tuple[Option, ...]:
    """All options of a usage, of whatever section."""
    return tuple(
        Option(*_names_and_value(item.name), item.about)
        for section in sections(text)
        for item in section.items
        if item.name.startswith("-")
    )


def fixed_words(text: str) -> list[str]:
    """The words that its usage lines have as they are, such as `login` in `guild remote login`."""
    lines = (line for part in sections(text) if part.heading == "Usage" for line in part.lines)
    words = (word for line in lines for word in line.split()[1:])
    return list(dict.fromkeys(word for word in words if word.isalpha() and word.islower()))


def _names_and_value(item: str) -> tuple[tuple[str, ...], str]:
    """The names in `-n, --limit N`, and the word for the value, which is in capitals."""
    words = item.replace(",", " ").replace("=", " ").split()
    names = tuple(word for word in words if word.startswith("-"))
    return names, next((word for word in words if word.isupper() and word.isalpha()), "")
