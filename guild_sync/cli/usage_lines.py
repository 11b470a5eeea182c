"""What a command's usage lines let follow on words, for completion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guild_sync.cli import usages

# Options, which have a list of their own, and what is left without them.
_OPTIONS = re.compile(r"\[options\]|\[-[^\]]*\](?:\.\.\.)?|(?<!\S)-\S+")
_ELEMENT = re.compile(r"(\[*)(\([^)]*\)|[A-Za-z][\w-]*)(\]*)(\.\.\.)?")


class Element(NamedTuple):
    """What stands in a usage line: words to choose from, or the name of an argument."""

    words: tuple[str, ...]
    argument: str
    optional: bool
    repeats: bool

    def takes(self, word: str) -> bool:
        return bool(self.argument) or word in self.words


def lines(text: str) -> list[list[Element]]:
    """The usage lines without their options and the program's name, as elements."""
    (usage,) = [section for section in usages.sections(text) if section.heading == "Usage"][:1] or [
        usages.Section("", ())
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
