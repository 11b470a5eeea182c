"""Output, read for scalars: `loss: 0.25`, `loss: 0.25 (step 5)`, or what is asked for."""

from __future__ import annotations

import itertools
import math
import re
import time
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from ..protocol import LOST
from .patterns import STEP, OutputPattern, OutputSpec

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|NaN|inf|Inf)"
# As Guild AI's, which takes a step from no other words; but for signs and what is no finite number.
# It begins with an end of line, and no `^`: that is looked for first, and not tried at each place.
_LINE = re.compile(
    r"\n([^ \t\n]+):[ \t]+(" + _NUMBER + r")(?:[ \t]+\((?:step[ \t]+([0-9]{1,18})\)|.*\)))?[ \t]*$",
    re.M,
)
_PLAIN = re.compile(r"\n([^ \t\n]+):[ \t]+([-+.0-9niNI].*)")  # how each of these begins
_IN_NUMBERS = b"0123456789.eE+-"  # of these alone, what float() takes and _NUMBER are the same
# A line that may be one of these has this; it is looked for first, as it takes a tenth of the time.
_MAYBE = re.compile(r":[ \t]+[-+.0-9niNI]")
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_END = re.compile(rb"[\r\n]")
_CUT = re.compile("^[^\n]*\n" + LOST, re.M)  # at each line once, however long it is
_STRANGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MOST_OF_A_LINE = 1 << 16  # bytes; one that is longer has no scalars
MOST_OF_A_NAME = 100  # characters; what has a longer one is none
_MOST_OF_A_STEP = 1 << 53
_MOST_OF_ALL = 2.0  # seconds of work of all patterns in one piece of output
_MOST_NAMES = 10_000  # of which it is remembered what becomes of them
_MOST_REMEMBERED = 1000  # characters of each of these
# Numbers of one name, in the order in which they were printed, and their steps: those are none
# where none was printed at all, and one of them is None where none was printed up to then. A plain
# tuple, as there may be a million.
T = TypeVar("T")
Steps = Optional[List[Optional[int]]]
Seen = Tuple[str, List[float], Steps]


class LineReader:
    """Whole lines of an output that comes in pieces, cut anywhere.

    A carriage return ends a line, too, as of a bar of progress.
    """

    def __init__(self) -> None:
        self.is_cut = False  # some of the output is not in it
        self._rest = b""
        self._is_too_long = False

    def feed(self, data: bytes) -> str:
        """The lines that `data` ends, each with its end; without colours."""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        whole, rest = data[:cut], data[cut:]
        if not whole:
            self._keep(self._rest + rest)
            return ""
        if self._is_too_long:
            first = _END.search(whole)
            whole = whole[first.end() :] if first else b""
            self._is_too_long = False
        else:
            whole = self._without_too_long(whole)
        self._rest = b""
        self._keep(rest)
        text = _text(whole)
        if LOST in text:
            self.is_cut = True
            text = _CUT.sub("", text)
        return text

    def _without_too_long(self, whole: bytes) -> bytes:
        """What was kept and these lines, without those that are too long."""
        if len(self._rest) + len(whole) <= MOST_OF_A_LINE:
            return self._rest + whole
        if len(whole) <= MOST_OF_A_LINE:  # then it can only be the first one
            first = _END.search(whole)
            is_too_long = first is not None and len(self._rest) + first.start() > MOST_OF_A_LINE
            return whole[first.end() :] if first and is_too_long else self._rest + whole
        lines = (self._rest + whole).splitlines(keepends=True)
        return b"".join(line for line in lines if len(line.rstrip(b"\r\n")) <= MOST_OF_A_LINE)

    def skip(self) -> None:
        """Take that something is left out: what comes then begins in the middle of a line."""
        self._rest, self._is_too_long, self.is_cut = b"", True, True

    def rest(self) -> str:
        """The last line, which nothing ends."""
        found, self._rest = self._rest, b""
        return "" if self._is_too_long else _text(found)

    def _keep(self, rest: bytes) -> None:
        self._is_too_long = self._is_too_long or len(rest) > MOST_OF_A_LINE
        self._rest = b"" if self._is_too_long else rest


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "ignore")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _COLOURS.sub("", text) if "\x1b" in text else text


class ScalarReader:
    """The scalars of an output that comes in pieces, cut anywhere."""

    def __init__(self, asked: OutputSpec) -> None:
        self._lines = LineReader()
        self._matcher = Matcher(asked)
        self._asked = asked
        self._step: Optional[int] = None
        self._tells_steps = False  # in lines that tell a number, too
        self._names: Dict[str, str] = {}

    def feed(self, data: bytes) -> List[Seen]:
        """The scalars of the lines that `data` ends."""
        return self._found(self._lines.feed(data))

    def rest(self) -> List[Seen]:
        """The scalars of a last line that nothing ends."""
        return self._found(self._lines.rest())

    def skip(self) -> None:
        """As LineReader has it."""
        self._lines.skip()

    @property
    def is_partial(self) -> bool:
        """Whether there may be more scalars than were found."""
        return self._lines.is_cut or self._matcher.has_given_up

    def given_up(self) -> List[str]:
        """The patterns that have taken too long since this was asked: they are not looked for
        any more."""
        return self._matcher.given_up()

    def _found(self, text: str) -> List[Seen]:
        if not self._asked.is_default:
            return self._in_columns(self._matcher.columns(text)) if text else []
        text = _without_others(text)
        return self._default(text) if text else []

    def _default(self, text: str) -> List[Seen]:
        alone = _of_one_name(text) if self._step is None else None
        if alone:
            return _seen([(self._named(alone[0]), alone[1], None)])
        names, values, told = self._lines_of("\n" + text)
        if self._step is None and STEP not in names and not told:
            return _seen((name, each, None) for name, each in self._by_name(names, values).items())
        steps = self._by_name(names, self._steps(names, values, told))
        return _seen(
            (name, each, steps[name]) for name, each in self._by_name(names, values).items()
        )

    def _lines_of(self, text: str) -> Tuple[List[str], List[float], List[str]]:
        """The names of lines, their numbers, and the steps that they say, if any does."""
        if not self._tells_steps:  # then those that are no more than numbers are the most
            parts = _PLAIN.split(text)
            values = _floats(parts[2::3])
            if values is not None:
                return parts[1::3], values, []
        found = _LINE.findall(text)
        told = [step for _, _, step in found]
        self._tells_steps = any(told)
        values = [float(value) for _, value, _ in found]
        return [name for name, _, _ in found], values, told if self._tells_steps else []

    def _steps(self, names: List[str], values: List[float], told: List[str]) -> List[Optional[int]]:
        """The step of each of these; what says one itself has it `told`."""
        found: List[Optional[int]] = []
        for name, value, step in zip(names, values, told or itertools.repeat("")):
            if step:
                self._step = int(step)
            if name == STEP:
                self._take_step(value)
            found.append(self._step)
        return found

    def _by_name(self, names: List[str], values: List[T]) -> Dict[str, List[T]]:
        """The values by their names; by none those that tell steps, and what can have no name."""
        count = _turn(names)
        turn = [*map(self._named, names[:count])]
        if count and len({*turn}) == count:
            return {name: values[at::count] for at, name in enumerate(turn)}
        found: Dict[str, List[T]] = {}
        for name, value in zip(names, values):
            found.setdefault(self._named(name), []).append(value)
        return found

    def _in_columns(self, columns: Dict[str, Dict[int, float]]) -> List[Seen]:
        """What the lines have, by name and line; a step counts from its line on."""
        steps: Dict[int, Optional[int]] = {-1: self._step}
        for line, step in sorted(columns.pop(STEP, {}).items()):
            self._take_step(step)
            steps[line] = self._step
        numbers: Dict[str, List[Tuple[int, float]]] = {}
        for name, column in columns.items():
            numbers.setdefault(self._named(name), []).extend(column.items())
        for pairs in numbers.values():
            pairs.sort(key=lambda pair: pair[0])
        has_steps = len(steps) > 1 or self._step is not None
        # The first ones are kept where there are too many.
        return _seen(
            (
                name,
                [value for _, value in pairs],
                _steps_at([line for line, _ in pairs], steps) if has_steps else None,
            )
            for name, pairs in sorted(numbers.items(), key=lambda item: item[1][0][0])
        )

    def _named(self, text: str) -> str:
        """The name of a scalar; empty where it can be none."""
        if text == STEP:
            return ""
        name = self._names.get(text)
        if name is None:
            if len(text) > _MOST_REMEMBERED:
                return clean_name(text)
            if len(self._names) == _MOST_NAMES:
                self._names.clear()
            name = self._names[text] = clean_name(text)
        return name

    def _take_step(self, step: float) -> None:
        if math.isfinite(step) and abs(step) < _MOST_OF_A_STEP:
            self._step = int(step)


class Matcher:
    """The patterns of an output that are still looked for."""

    def __init__(self, asked: OutputSpec) -> None:
        self._asked = asked
        self._patterns = list(asked.patterns)
        self._given_up: List[str] = []

    @property
    def has_given_up(self) -> bool:
        """Whether there are patterns that are not looked for any more."""
        return len(self._patterns) < len(self._asked.patterns)

    def given_up(self) -> List[str]:
        """Those that were given up since this was asked."""
        found, self._given_up = self._given_up, []
        return found

    def columns(self, text: str) -> Dict[str, Dict[int, float]]:
        """By name, the numbers of lines, by the number of each; the last of several counts."""
        lines = text.split("\n")
        found: Dict[str, Dict[int, float]] = {}
        if self._asked.has_logfmt:
            from . import structured  # few outputs are such

            for at, line in enumerate(lines):
                for name, number in structured.numbers_in(line, self._asked.has_json).items():
                    found.setdefault(name, {})[at] = number
        for at, name, value in self.texts(text, lines):
            try:
                number = float(value)
            except ValueError:
                continue
            if name not in found:
                found[name] = {}
            found[name][at] = number
        return found

    def texts(self, text: str, lines: List[str]) -> Iterator[Tuple[int, str, str]]:
        """What the patterns find in the lines: which line, name and value.

        Where all together take too long, the slowest are given up.
        """
        spent: Dict[int, float] = {}
        for pattern in list(self._patterns):
            if pattern.literal in text:
                begun = time.process_time()
                yield from self._texts_by(pattern, lines)
                spent[id(pattern)] = time.process_time() - begun
                if sum(spent.values()) > _MOST_OF_ALL:
                    slowest = max(spent, key=spent.__getitem__)
                    del spent[slowest]
                    for each in [one for one in self._patterns if id(one) == slowest]:
                        self._give_up(each)

    def _texts_by(self, pattern: OutputPattern, lines: List[str]) -> List[Tuple[int, str, str]]:
        from . import patience  # most outputs are read by no pattern of their own

        # With each that was given up there is less of it: two hundred take no minutes.
        many = 1 + len(self._asked.patterns) - len(self._patterns)
        try:
            with patience.limited(patience.SECONDS / many):
                if pattern.is_of_one:
                    return [
                        (at, pattern.name, value)
                        for at, line in enumerate(lines)
                        if pattern.literal in line
                        for value in pattern.values(line)
                    ]
                return [
                    (at, name, value)
                    for at, line in enumerate(lines)
                    if pattern.literal in line
                    for name, value in pattern.found(line)
                ]
        except patience.TooLong:
            self._give_up(pattern)
            return []

    def _give_up(self, pattern: OutputPattern) -> None:
        self._patterns.remove(pattern)
        self._given_up.append(pattern.regex.pattern)


def _seen(found: Iterable[Seen]) -> List[Seen]:
    """Those of them whose name can be one."""
    return [seen for seen in found if seen[0]]


def _without_others(text: str) -> str:
    """The lines that may be `NAME: NUMBER`, where they are few; else all of them."""
    lines: List[str] = []
    most = text.count("\n") >> 5  # to look for more of them takes longer than to read all
    end = 0
    for match in _MAYBE.finditer(text):
        if match.start() < end:
            continue  # it is in the same line
        if len(lines) > most:
            return text
        end = text.find("\n", match.end()) + 1 or len(text)
        lines.append(text[text.rfind("\n", 0, match.start()) + 1 : end])
    return "".join(lines)


def _of_one_name(text: str) -> Optional[Tuple[str, List[float]]]:
    """The name and the numbers of lines that all are `NAME: NUMBER`; None where they are not.

    Nothing is faster, where there are many of them; of one or two it makes no difference.
    """
    lines = "\n" + (text[:-1] if text.endswith("\n") else text)
    before = lines[: lines.find(": ") + 2]
    name = before[1:-2]
    if name in ("", STEP) or " " in name or "\t" in name or "\n" in name:
        return None
    if not lines.startswith(before, max(lines.find("\n", 1), 0)):  # most others end here
        return None
    numbers = _floats(lines.split(before)[1:])
    return None if numbers is None else (name, numbers)


def _turn(names: List[str]) -> int:
    """How many names come again and again in the same order, as of most programs; 0: none do."""
    if len(names) < 2 or names[0] not in names[1:]:
        return 0
    count = names.index(names[0], 1)
    return count if names == (names[:count] * (len(names) // count + 1))[: len(names)] else 0


def _floats(texts: List[str]) -> Optional[List[float]]:
    """These as numbers, where nothing but plain numbers is among them."""
    if "".join(texts).encode().translate(None, _IN_NUMBERS):
        return None
    try:
        return [*map(float, texts)]
    except ValueError:  # as of `1-2`
        return None


def _steps_at(lines: Sequence[int], steps: Dict[int, Optional[int]]) -> List[Optional[int]]:
    """The step that counts in each of these lines: that of the line, or of the last one before."""
    found: List[Optional[int]] = []
    known = iter([*steps.items(), (lines[-1] + 1, None)])
    _, now = next(known)
    until, later = next(known)
    for line in lines:
        while line >= until:
            now = later
            until, later = next(known)
        found.append(now)
    return found


def clean_name(name: str) -> str:
    """The name of a scalar, without control characters; empty where it can be none."""
    if not name.isprintable():
        name = _STRANGE.sub("", name).strip()
    return name if len(name) <= MOST_OF_A_NAME else ""
