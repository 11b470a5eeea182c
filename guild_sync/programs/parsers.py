"""argparse's parsers as far as a source tells of them, and the program that they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from guild_sync.programs import literals
from guild_sync.programs.literals import Evaluated
from guild_sync.programs.offered import ImportedFlag, Program

Place = tuple[int, ...]  # line and column, behind those of the calls that lead to another module


@dataclass
class Parser:
    """A parser as far as the source is read; groups of its options are the parser itself."""

    options: list[tuple[Place, str, ImportedFlag]] = field(default_factory=list)
    set_defaults: dict[str, Evaluated | None] = field(default_factory=dict)
    commands: dict[str, Parser] = field(default_factory=dict)
    parents: list[Parser] = field(default_factory=list)
    function: str = ""  # whose parameter it is
    takes_rest: bool = False  # an argument of it takes all words that follow

    def whole(self) -> Iterator[Parser]:
        """It, and the parsers whose options it takes over."""
        yield self
        for parent in self.parents:
            yield from parent.whole()


@dataclass(frozen=True)
class Commands:
    """What `add_subparsers` of a parser returns."""

    parser: Parser


def program_of(parsers: list[Parser], depth: int) -> Program:
    """What parsers that are one program offer, in the order of the source."""
    whole = [part for parser in parsers for part in parser.whole()]
    defaults = {dest: value for part in whole for dest, value in part.set_defaults.items()}
    made = Program(takes_rest=any(part.takes_rest for part in whole))
    first: dict[str, str] = {}  # the option that a dest has its default from
    for _, dest, flag in sorted((o for part in whole for o in part.options), key=lambda o: o[0]):
        if dest in defaults:
            flag = replace(flag, default=(defaults[dest] or Evaluated(None)).value)
        elif first.setdefault(dest, flag.name) != flag.name and flag.switch is None:
            flag = replace(flag, default=None)
        made.flags[flag.name] = _agreed(made.flags.get(flag.name), flag)
    words = {word for part in whole for word in part.commands}
    for word in sorted(words) if depth < 20 else ():
        made.commands[word] = program_of([p.commands[word] for p in whole if word in p.commands],
                                       depth + 1)  # fmt: skip
    return made


def _agreed(known: ImportedFlag | None, flag: ImportedFlag) -> ImportedFlag:
    """The flag of an option that may be there already: its default is known where both agree."""
    if known is None:
        return flag
    if _is_long(known) and not _is_long(flag):  # `-x` beside `--x` is another's
        return known
    if literals.same(literals.tagged(known.default), literals.tagged(flag.default)):
        return flag
    return flag if flag.switch is not None else replace(flag, default=None)


def _is_long(flag: ImportedFlag) -> bool:
    return flag.spelling is not None and (flag.spelling.option or "").startswith("--")


def below(parser: Parser) -> Iterator[Parser]:
    yield parser
    for command in parser.commands.values():
        yield from below(command)
