"""How the values of an operation's flags become words of its command line, as one types them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from guild_sync.agent.protocol import Value
from guild_sync.errors import GuildError
from guild_sync.programs import literals
from guild_sync.programs.literals import Constant
from guild_sync.project.batches import plain
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import AS_TYPED, Flag
from guild_sync.project.values import argument_text, shown

_NEGATIVE_NUMBER = re.compile(r"-(\d+|\d*\.\d+)\Z")  # what argparse takes for one, and no option
_BAREWORD = re.compile(r"[A-Za-z_./][\w./]*\Z")  # to fire, which reads values as Python
_MOST = 1000  # times that an option is given
_CLICK, _FIRE = "args:click", "args:fire"


def arguments(operation: Operation, values: Mapping[str, Value], words: Sequence[str]) -> list[str]:
    """The words of `main`, and in their places among them those of the flags.

    A value that is the source's own default is not written, unless its parser asks for the option:
    nor is one of guild.yml for an option that `main` has.
    """
    flags = {name: operation.flags.get(name, forced(name)) for name in values}
    passed = [
        flag
        for name, flag in sorted(flags.items())  # as Guild AI has them
        if flag.spelling.is_asked_for or not is_own(flag, values[name])
        if not _is_in_main(flag, values[name], words)
    ]
    offered = {name: flag for name, flag in operation.flags.items() if name not in values}
    defaults = {name: plain(flag.default) for name, flag in offered.items()}
    line = _Line(
        passed,
        others=[flag for flag in (*flags.values(), *offered.values()) if flag not in passed],
        values={**defaults, **values},
        dest=operation.flags_dest,
    )
    return line.with_options(words)


def is_own(flag: Flag, value: Value) -> bool:
    """Whether the value is what the source itself has, so that nothing needs to be said."""
    own = literals.recorded(literals.untagged(flag.own))
    return flag.own is not None and literals.same(own, value)


def forced(name: str) -> Flag:
    """A flag that the operation does not have, and that was asked for by force."""
    return Flag(name, global_name=name.replace("-", "_"))


def global_form(flag: Flag, value: Value) -> Value:
    """A global's value as `literals.tagged` writes it: its tuples and keys are as the source's."""
    if isinstance(value, str) and flag.spelling.split is not None:
        return list[Value](flag.spelling.as_words(value))
    return literals.tagged(literals.like(literals.untagged(flag.own), value))


def option_of(flag: Flag) -> str:
    """The option that a flag is, with its dashes."""
    option = flag.spelling.option
    if flag.arg_name and (option or "").lstrip("-") != flag.arg_name:
        return f"--{flag.arg_name}"
    return option or f"--{flag.name}"


def _is_in_main(flag: Flag, value: Value, words: Sequence[str]) -> bool:
    """Whether `main` has the option already, and nobody asks for another value than guild.yml."""
    spelling = replace(flag.spelling, option=option_of(flag))
    own_words = words[: spelling.before]
    return any(map(spelling.is_in, own_words)) and literals.same(plain(flag.default), value)


@dataclass(frozen=True)
class _Line:
    """A command line that is to be: the flags that are written, the others, all their values."""

    passed: Sequence[Flag]
    others: Sequence[Flag]
    values: Mapping[str, Value]
    dest: str

    def with_options(self, words: Sequence[str]) -> list[str]:
        """The words of `main` with the options among them."""
        made: list[str] = []
        for place, word in enumerate(words):
            made += self._before(place, word)
            made.append(word)
        for flag in self.passed:
            if flag.spelling.before is None or flag.spelling.before >= len(words):
                made += self._words(flag)
        return made

    def _words(self, flag: Flag) -> list[str]:
        return words_of_flag(flag, self.values[flag.name], self.dest)

    def _before(self, place: int, command: str) -> list[str]:
        """The words of options that a subcommand follows, which none may take for a value."""
        found = [(f, self._words(f)) for f in self.passed if f.spelling.before == place]
        greedy = [(f, words) for f, words in found if words and _is_greedy(f, words)]
        firm = [words for pair in found if pair not in greedy for words in pair[1:]]
        if greedy and not any(firm):
            firm = [self._between(greedy[0][0], command)]
        return [word for _, words in greedy for word in words] + [
            w for words in firm for w in words
        ]

    def _between(self, greedy: Flag, command: str) -> list[str]:
        """An option that says what is the case anyway, to end the values of the one before it."""
        kinds = {"int": int, "float": float, "string": str, AS_TYPED: str}
        for flag in self.others:
            value = self.values[flag.name]
            is_plain = not flag.several and not flag.spelling.counted
            is_firm = flag.switch is None and is_plain and flag.spelling.words is None
            is_same_place = flag.spelling.before == greedy.spelling.before
            if is_same_place and is_firm and type(value) is kinds.get(flag.type or ""):
                return self._words(flag)
        raise GuildError(
            f"flag {greedy.name!r}: {option_of(greedy)} would take {command!r} for one more value",
            f"Write it into main, with another option between it and {command}.",
        )


def _is_greedy(flag: Flag, words: Sequence[str]) -> bool:
    """Whether the option would take the word that follows, too."""
    if words[-1].startswith(f"{option_of(flag)}="):
        return False
    is_alone = words[-1] == option_of(flag)
    return flag.spelling.words in ("+", "*") or (flag.spelling.words == "?" and is_alone)


def words_of_flag(flag: Flag, value: Value, dest: str = "args") -> list[str]:
    """The words that say the value of a flag; none where there is nothing to say."""
    spelling, option = flag.spelling, option_of(flag)
    if spelling.skip or value is None:
        return []
    if flag.switch is not None:
        return _switched(flag, option, value)
    if spelling.counted:
        return [option] * _count(flag, value)
    if spelling.negative and isinstance(value, bool):
        return [option if value else spelling.negative]
    if spelling.bare is not None and literals.same(spelling.bare, value):
        return [option]
    if isinstance(value, str) and spelling.split is not None and not spelling.repeated:
        value = list[Value](spelling.as_words(value))
        if not value:
            return [option] if spelling.words == "*" else []
        return _several(flag, option, [_text(flag, item, dest) for item in value], dest)
    if isinstance(value, list) and dest != _FIRE and spelling.repeated:
        return [word for item in value for word in _once(flag, option, item, dest)]
    return _once(flag, option, value, dest)


def _switched(flag: Flag, option: str, value: Value) -> list[str]:
    switch = plain(flag.switch)
    if literals.same(switch, value):
        return [option]
    if literals.same(switch, flag.own):
        raise GuildError(f"flag {flag.name!r}: {option} can only say {shown(switch)}, as it is")
    return []


def _once(flag: Flag, option: str, value: Value, dest: str) -> list[str]:
    """The option with its value, or its several values, once."""
    is_several = flag.spelling.words is not None or not flag.spelling.repeated
    if isinstance(value, str) and flag.spelling.repeated and flag.spelling.split is not None:
        value = list[Value](flag.spelling.as_words(value))
    if isinstance(value, list) and dest != _FIRE and flag.several and is_several:
        return _several(flag, option, [_text(flag, item, dest) for item in value], dest)
    return _with_value(option, _text(flag, value, dest), dest)


def _with_value(option: str, text: str, dest: str) -> list[str]:
    # A text that begins with a dash would be read as an option of its own; not so by click.
    if text.startswith("-") and dest != _CLICK:
        return [f"{option}={text}"]
    return [option, text]


def _several(flag: Flag, option: str, texts: Sequence[str], dest: str) -> list[str]:
    """The option with several values, none of which its parser may take for an option."""
    if len(texts) == 1:
        return _with_value(option, texts[0], dest)
    if not texts:
        raise GuildError(f"flag {flag.name!r}: {option} needs a value", "An empty list has none.")
    dashed = [t for t in texts if _is_dashed(t)]
    if dashed and dest != _CLICK:
        raise GuildError(f"flag {flag.name!r}: {dashed[0]!r} would be read as an option")
    return [option, *texts]


def _is_dashed(text: str) -> bool:
    """Whether argparse takes a word for an option."""
    is_word = text.startswith("-") and text != "-" and " " not in text
    return is_word and not _NEGATIVE_NUMBER.match(text)


def _text(flag: Flag, value: Value, dest: str) -> str:
    """A value as it is typed."""
    for known, written in flag.spelling.encoding:
        if literals.same(known, value):
            value = written
            break
    if isinstance(value, bool):
        return flag.spelling.yes if value else flag.spelling.no
    if dest == _FIRE and isinstance(flag.default, dict) and isinstance(value, str):
        return value  # a mapping, spelled as fire reads it
    if dest == _FIRE:
        return _as_python(literals.like(literals.untagged(flag.own), value))
    if value is None:
        return ""
    if isinstance(value, float) and value < 0 and "e" in repr(value):
        return format(Decimal(repr(value)), "f")  # argparse takes -1e-05 for an option
    if isinstance(value, (list, dict)):
        return str(value)
    return argument_text(value)


def _as_python(value: Constant) -> str:
    """The text that fire reads as the value: text in quotes, where it could be anything else."""
    is_bare = isinstance(value, str) and _BAREWORD.match(value) is not None
    return str(value) if is_bare and value not in ("True", "False", "None") else repr(value)


def _count(flag: Flag, value: Value) -> int:
    """How often an option that is counted has to come, for the count to be the value."""
    start = flag.own if isinstance(flag.own, int) else 0
    if value is True or value is False:
        return int(value)
    if not isinstance(value, int) or not start <= value <= start + _MOST:
        raise GuildError(f"flag {flag.name!r}: must be a number from {start} to {start + _MOST}")
    return value - start
