"""What the word that is being typed on a command line could become.

The commands, their subcommands and options are read from their usages; what else there is
comes from suggestions.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guild_sync.cli import usage_lines, usages
from guild_sync.cli.arguments import LONG_NAMES, usage_of
from guild_sync.cli.suggestions import Candidate, Found, Names, TypedLine, suggestions
from guild_sync.cli.usages import Option


@dataclass(frozen=True)
class Command:
    """A command: what it does, the file with its usage, and which words mean other commands."""

    about: str
    file: str
    subcommands: Mapping[str, str] = field(default_factory=dict)


def complete(words: Sequence[str], commands: Mapping[str, Command]) -> list[Candidate | Names]:
    """What the last of `words` could become. The first is `guild`, `guild-pull` or the like."""
    program, *typed = words
    by_itself = program.rpartition("/")[2].removeprefix("guild-")
    if by_itself in commands:
        typed = [by_itself, *typed]
    current = typed[-1] if typed else ""
    return [found for found in _candidates(typed, commands) if _fits(found, current)]


def _fits(found: Candidate | Names, current: str) -> bool:
    """Whether it begins as the word does, and has nothing that cannot be typed or shown."""
    if isinstance(found, Names):
        return True
    return found.word.startswith(current) and found.word.isprintable()


def _candidates(typed: Sequence[str], commands: Mapping[str, Command]) -> Found:
    if len(typed) > 1 and typed[-2] in ("-C", "-H") and typed[0] in ("-C", "-H"):
        yield Names("folders")
    elif len(typed) < 2:
        yield from (Candidate(name, command.about) for name, command in commands.items())
        yield Candidate("help", "show what a command takes")
        yield from (Candidate("--help", "show help"), Candidate("--version", "show the version"))
        yield from (Candidate("-C", "work in this folder"), Candidate("-H", "use this guild home"))
    elif typed[0] == "help":
        yield from (Candidate(name, command.about) for name, command in commands.items())
        yield Candidate("--man", "as a manual page")
    elif typed[0] in commands:
        yield from _of_command(typed, commands)


def _of_command(typed: Sequence[str], commands: Mapping[str, Command]) -> Found:
    command = commands[typed[0]]
    if len(typed) == 2:
        for word, name in command.subcommands.items():
            yield Candidate(word, commands[name].about)
    elif typed[1] in command.subcommands:
        command = commands[command.subcommands[typed[1]]]
    usage = usage_of(command.file)
    options = {name: option for option in usages.options(usage) for name in option.names}
    options.update({short: options[name] for short, name in LONG_NAMES.items() if name in options})
    line, unfinished = _read(typed, options)
    if unfinished:
        yield from suggestions(_kind(unfinished), line)
    elif line.current.startswith("--") and "=" in line.current:
        yield from _attached(line, options)
    else:
        yield from _words_and_options(line, usage, options)


def _read(typed: Sequence[str], options: Mapping[str, Option]) -> tuple[TypedLine, Option | None]:
    """The line, and the option whose value its last word is."""
    words: list[str] = []
    given: dict[str, str] = {}
    unfinished: Option | None = None
    for word in typed[:-1]:
        if unfinished:
            given.update(dict.fromkeys(unfinished.names, word))
            unfinished = None
        elif not word.startswith("-") or "--" in given:
            words.append(word)
        elif word == "--":
            given[word] = ""
        else:
            for option, value in _named(word, options):
                given.update(dict.fromkeys(option.names, value))
                unfinished = option if option.value and not value else None
    return TypedLine(tuple(words), given, typed[-1]), unfinished


def _named(word: str, options: Mapping[str, Option]) -> Iterator[tuple[Option, str]]:
    """The options that a word gives, each with the value that is attached: `-yn1`."""
    name, _, value = word.partition("=")
    if name in options:
        yield options[name], value
        return
    if name.startswith("--"):
        return
    for at, letter in enumerate(word[1:], 2):
        if option := options.get(f"-{letter}"):
            yield option, word[at:] if option.value else ""
            if option.value:
                return


def _kind(option: Option) -> str:
    """The kind of an option's value. NAME is what a remote is called, and an attribute too."""
    if option.value == "NAME" and "--remote" not in option.names:
        return ""
    return option.value


def _attached(line: TypedLine, options: Mapping[str, Option]) -> Found:
    """The value of an option that is written as `--remote=NAME`."""
    name, _, beginning = line.current.partition("=")
    if name in options:
        inner = TypedLine(line.words, line.given, beginning)
        for found in suggestions(_kind(options[name]), inner):
            if isinstance(found, Candidate):
                yield Candidate(f"{name}={found.word}", found.about)


def _words_and_options(line: TypedLine, usage: str, options: Mapping[str, Option]) -> Found:
    following = {
        element: None
        for elements in usage_lines.lines(usage)
        for element in usage_lines.next_elements(elements, line.words)
    }
    for element in following:
        yield from map(Candidate, element.words)
        yield from suggestions(element.argument, line)
    if "--" not in line.given and (line.current.startswith("-") or not following):
        # `-F` asks for `-Fo` and its like; else the long name says more.
        is_short = re.match("-[^-]", line.current)
        for name, option in options.items():
            if is_short or name == option.names[-1]:
                yield Candidate(name, re.split(r"(?<=[.;:])\s", option.about)[0].rstrip(".;:"))
