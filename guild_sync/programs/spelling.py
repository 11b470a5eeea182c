"""How the value of a flag is written on the command line of its program."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from guild_sync.agent.protocol import Value

SHELL = "shlex"  # a text that is split as a shell does


@dataclass(frozen=True)
class Spelling:
    """How a flag's value is written, as its program's source and guild.yml's `arg-` keys say."""

    option: str | None = None  # with its dashes; None: two and the flag's name
    names: tuple[str, ...] = ()  # all that the option is called, with the dashes
    negative: str | None = None  # the option that means no: `--no-cache`
    bare: Value = None  # what the option by itself means, where it may come with a value too
    repeated: bool = False  # several values: the option again for each
    counted: bool = False  # the value is how many times the option comes
    words: int | str | None = None  # how many a value takes, as argparse's nargs has it
    before: int | None = None  # the word of `main` that it has to come before: a subcommand
    yes: str = "1"  # as Guild AI 0.9 writes them: what is empty is false to Python's bool()
    no: str = ""
    is_asked_for: bool = False  # the program does not do without it, whatever its default is
    skip: bool = False
    split: str | None = None  # SHELL, or what is between the words of a value
    encoding: tuple[tuple[Value, Value], ...] = ()  # values and what is written for them

    def is_in(self, word: str) -> bool:
        """Whether the word is the option, by any of its names: with a value behind it, or cut."""
        said = word.partition("=")[0]
        return any(
            word.startswith(name) if len(name) == 2 else name == said or _is_cut(said, name)
            for name in (*self.names, *filter(None, (self.option, self.negative)))
        )

    def as_words(self, text: str) -> list[str]:
        """The words that a value's text is split into: one where it is not to be split."""
        if self.split is None:
            return [text]
        if self.split != SHELL:
            return [word for word in text.split(self.split) if word]
        try:
            return shlex.split(text)
        except ValueError:  # a quote that does not match is a character like others
            return text.split()


def _is_cut(word: str, name: str) -> bool:
    """Whether argparse could take the word for the long option."""
    return len(word) > 2 and word.startswith("--") and name.startswith(word)


def from_job(data: Mapping[str, Any] | None) -> Spelling:
    """The spelling that the job of a run keeps; as all were to an earlier guild."""
    if data is None:
        return Spelling(yes="true", no="false")
    known = {f.name: data[f.name] for f in fields(Spelling) if f.name in data}
    encoding = tuple((value, text) for value, text in known.get("encoding", ()))
    names = tuple(known.get("names", ()))
    return Spelling(**{**known, "encoding": encoding, "names": names})


PLAIN = Spelling()
