"""What a command's usage says, read from the text that `--help` shows and docopt reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEADING = re.compile(r"([A-Z][\w ,]*):\Z")
_ITEM = re.compile(r"  (\S.*?)(?:\s{2,}(\S.*))?\Z")
_OPTION_NAME = re.compile(r"(?<!\S)(--?[A-Za-z][\w-]*)")
_OPTION_VALUE = re.compile(r"[ =]([A-Z]+)\b")
# In a usage line: options, which have a list of their own, and what is left without them.
_OPTIONS = re.compile(r"\[options\]|\[-[^\]]*\](?:\.\.\.)?|(?<!\S)-\S+")
_ELEMENT = re.compile(r"(\[*)(\([^)]*\)|[A-Za-z][\w-]*)(\]*)(\.\.\.)?")


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


class Element(NamedTuple):
    """What stands in a usage line: words to choose from, or the name of an argument."""

    words: tuple[str, ...]
    argument: str
    optional: bool
    repeats: bool

    def takes(self, word: str) -> bool:
        return bool(self.argument) or word in self.words


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


def lines(text: str) -> list[list[Element]]:
    """The usage lines without their options and the program's name, as elements."""
    (usage,) = [section for section in sections(text) if section.heading == "Usage"][:1] or [
        Section("", ())
    ]
    plain = [_OPTIONS.sub(" ", line).split(None, 1) for line in usage.lines]
    return [_elements(words[1]) if words[1:] else [] for words in plain if words]


def _elements(line: str) -> list[Element]:
    found = []
    depth = 0
    for opened, word, closed, repeats in _ELEMENT.findall(line):
        depth += len(opened)
        words = tuple(re.findall(r"[\w-]+", word))
        argument = word if word.isupper() else ""
        found.append(Element(() if argument else words, argument, depth > 0, bool(repeats)))
        depth -= len(closed)
    return found


def next_elements(line: Sequence[Element], words: Sequence[str]) -> Iterator[Element]:
    """What a usage line lets follow on `words`; nothing where they do not fit."""
    if not line:
        return
    first, rest = line[0], line[1:]
    if not words:
        yield first
    elif first.takes(words[0]):
        again = [first._replace(optional=True), *rest]
        yield from next_elements(again if first.repeats else rest, words[1:])
    if first.optional:
        yield from next_elements(rest, words)
