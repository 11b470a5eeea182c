r"""What `output-scalars` and `output-attrs` say: patterns, read as Guild AI reads them.

A value is a pattern, a mapping of names to patterns, a list of both, or `no`. In a pattern `\key`,
`\value` and `\step` stand for the obvious. Its groups say what is found: one by itself the value of
the name that the mapping has, two a name and its value, and named ones values of their names, or
with the names `_key` and `_val` a name and its value. What is called `step` is the step of what its
line has, and of what follows.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Match, NamedTuple, Pattern, Sequence, Tuple

from ..protocol import Value

PLACEHOLDERS = {
    r"\key": r"[^ \t]+",
    r"\value": r"[0-9.eE+-]+",
    r"\step": r"[0-9]+",
}
JSON, LOGFMT = "json", "logfmt"  # in place of a pattern
STEP = "step"
FORMS = "a pattern, a mapping of names to patterns, a list, or no"
_MOST_PATTERNS = 200
# What a pattern begins with and each of its matches has: up to the first character that means
# something else than itself, or that the next one may take back.
_LITERAL = re.compile(r"\^?((?:[A-Za-z0-9 _=:;,/<>#%&@!\"'~`-](?![*?{+|]))*)")


class OutputPattern(NamedTuple):
    """A pattern, ready to be looked for in a line."""

    name: str  # of what a group without one finds
    regex: Pattern[str]
    literal: str  # a line in which it is found has this in it

    @property
    def is_of_one(self) -> bool:
        """Whether it is one group that finds values of its name, as of most."""
        return self.regex.groups == 1 and not self.regex.groupindex

    def values(self, line: str) -> List[str]:
        """What its only group finds in a line: in half of the time that `found` takes."""
        values: List[str] = self.regex.findall(line)
        if "" in values:  # or there is none
            values = [match[1] for match in self.regex.finditer(line) if match[1] is not None]
        return values

    def found(self, line: str) -> List[Tuple[str, str]]:
        """Names and values that a line has by this pattern, in their order."""
        return [
            (name, value)
            for match in self.regex.finditer(line)
            for name, value in self._pairs(match)
            if name and value is not None
        ]

    def _pairs(self, match: Match[str]) -> Sequence[Tuple[str, str]]:
        named = match.groupdict()
        if "_key" in named and "_val" in named:
            return [(named["_key"], named["_val"])]
        if named:
            return list(named.items())
        if self.regex.groups == 1:
            return [(self.name, match[1])]
        return [(match[1], match[2])]


class OutputSpec(NamedTuple):
    """What is looked for in an output."""

    patterns: Tuple[OutputPattern, ...] = ()
    is_default: bool = False  # `name: value`
    has_json: bool = False
    has_logfmt: bool = False
    faults: Tuple[str, ...] = ()  # why some of it is passed over, each a line

    @property
    def is_empty(self) -> bool:
        return not (self.patterns or self.is_default or self.has_json or self.has_logfmt)


def scalars_asked(value: Value) -> OutputSpec:
    """What `output-scalars` says; where it says nothing, `name: value`."""
    if value is None or value is True:
        return OutputSpec(is_default=True)
    return _asked(value)


def attributes_asked(value: Value) -> OutputSpec:
    """What `output-attrs` says; where it says nothing, none."""
    return OutputSpec() if value is None or value is True else _asked(value)


def names_of(asked: OutputSpec) -> List[str]:
    """The names that its patterns say themselves."""
    found = [pattern.name for pattern in asked.patterns]
    return [*found, *(name for pattern in asked.patterns for name in pattern.regex.groupindex)]


def filled(pattern: str) -> str:
    """The pattern with what its placeholders stand for."""
    for name, meaning in PLACEHOLDERS.items():
        pattern = pattern.replace(name, meaning)
    return pattern


def _asked(value: Value) -> OutputSpec:
    if value is False:
        return OutputSpec()
    found: List[OutputPattern] = []
    faults: List[str] = []
    texts = set()
    for name, pattern in _items(value, faults):
        if not name and pattern in (JSON, LOGFMT):
            texts.add(pattern)
        elif len(found) == _MOST_PATTERNS:
            faults.append("it has more than %d patterns: the others are passed over" % len(found))
            break
        else:
            try:
                found.append(_compiled(name, pattern))
            except ValueError as e:
                faults.append(str(e))
    return OutputSpec(
        tuple(found),
        has_json=JSON in texts,
        has_logfmt=bool(texts),  # a line is one or the other
        faults=tuple(faults),
    )


def _items(value: Value, faults: List[str]) -> Iterator[Tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield "", item
            continue
        if not isinstance(item, dict):
            if item is not None:
                faults.append("%s is not %s" % (shown(item), FORMS))
            continue
        for name, patterns in item.items():
            for pattern in patterns if isinstance(patterns, list) else [patterns]:
                if isinstance(pattern, str):
                    yield str(name), pattern
                else:
                    faults.append("%s is not a pattern" % shown(pattern))


def _compiled(name: str, pattern: str) -> OutputPattern:
    """Raises ValueError where it is none that tells of a value, saying why."""
    try:
        regex = re.compile(filled(pattern))
    except (re.error, RecursionError, OverflowError) as e:
        raise ValueError("%s is no regular expression: %s" % (shown(pattern), e)) from None
    if not regex.groupindex:
        if regex.groups not in (1, 2):
            why = "has %d groups: one is the value, two are a name and its value" % regex.groups
            raise ValueError("%s %s" % (shown(pattern), why))
        if regex.groups == 1 and not name:
            why = "names nothing: write 'NAME: PATTERN', or (?P<NAME>...) for its group"
            raise ValueError("%s %s" % (shown(pattern), why))
    return OutputPattern(name, regex, _literal(pattern, regex))


def _literal(pattern: str, regex: Pattern[str]) -> str:
    if "|" in pattern or regex.flags & (re.IGNORECASE | re.VERBOSE):
        return ""
    match = _LITERAL.match(pattern)
    return match[1] if match else ""


def shown(value: object) -> str:
    """A part of what was written, in a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def spec_in(job_operation: Dict[str, Value], key: str) -> Value:
    """What the definition of a run's operation keeps of a key of guild.yml."""
    kept = job_operation.get("kept")
    return kept.get(key) if isinstance(kept, dict) else None
