"""What a program offers, as records: its flags, its subcommands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from guild_sync.programs.literals import Constant
from guild_sync.programs.spelling import Spelling


@dataclass(frozen=True)
class ImportedFlag:
    """What a module says about one of its flags."""

    name: str  # as the user types it
    default: Constant = None  # None where there is none, or it is not known
    type: str | None = None  # "string", "int", "float", "number", "boolean" or "auto"
    choices: tuple[Constant, ...] = ()
    required: bool = False
    switch: bool | None = None  # what giving the option means, where it takes no value
    several: bool = False  # its value is a list
    spelling: Spelling | None = None  # None for a global
    help: str = ""


@dataclass
class Program:
    """A program or a subcommand of one: its own flags, and what its words may name."""

    flags: dict[str, ImportedFlag] = field(default_factory=dict)
    commands: dict[str, Program] = field(default_factory=dict)
    takes_rest: bool = False  # all behind its first argument is another program's

    def chosen(self, words: Sequence[str]) -> dict[str, ImportedFlag]:
        """The flags that there are with these words of `main`, each where it belongs among them.

        What is required is not required any more where the words have it.
        """
        found: dict[str, ImportedFlag] = {}
        program, start = self, 0
        while (place := program._command_in(words, start)) is not None:
            # Behind an argument that is no option, argparse takes none for it any more.
            is_option = words[start].startswith("-")
            found.update(program._placed(words[start:place], place if is_option else start))
            program, start = program.commands[words[place]], place + 1
        first = program._first_argument(words, start)
        found.update(program._placed(words[start:first], first))
        return found

    def _command_in(self, words: Sequence[str], start: int) -> int | None:
        """Which word names a subcommand; the value of an option is none."""
        takes_value = self._with_values()
        for place in range(start, len(words)):
            is_value = place > start and words[place - 1] in takes_value
            if words[place] in self.commands and not is_value:
                return place
        return None

    def _first_argument(self, words: Sequence[str], start: int) -> int | None:
        """The word that options have to stand before, where what follows is another program's."""
        if not self.takes_rest:
            return None
        takes_value = self._with_values()
        place = start
        while place < len(words) and words[place].startswith("-"):
            place += 2 if words[place] in takes_value else 1
        return place

    def _with_values(self) -> set[str]:
        """The options that a value follows."""
        return {
            name
            for flag in self.flags.values()
            if flag.spelling and flag.switch is None
            if not flag.spelling.counted and not flag.spelling.negative
            for name in flag.spelling.names
        }

    def _placed(
        self, words: Sequence[str], before: int | None
    ) -> Iterator[tuple[str, ImportedFlag]]:
        for name, flag in self.flags.items():
            if flag.spelling is None:
                continue
            spelling = replace(flag.spelling, before=before)
            if any(map(spelling.is_in, words)):
                spelling = replace(spelling, is_asked_for=False)
                flag = replace(flag, required=False)
            yield name, replace(flag, spelling=spelling)


def literal_choices(value: Constant) -> tuple[Constant, ...]:
    """The choices in their order; none unless they are several of something."""
    return tuple(value) if isinstance(value, (list, tuple, dict)) else ()
