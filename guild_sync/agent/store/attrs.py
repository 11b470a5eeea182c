"""Run attributes as text: the YAML that Guild AI 0.9 writes, and reads.

An attribute file holds one JSON-like value. ``encode`` writes it as PyYAML would, and
``decode`` reads back that and whatever ``yaml.safe_dump`` writes for such a value. A remote
has no PyYAML, and its files are not to be trusted, so this is a subset of YAML 1.1
(https://yaml.org/spec/1.1/) that refuses the rest: no anchors, aliases, tags, merge keys or
directives. Where the specification is loose the rules are PyYAML's: its ``scanner.py`` for
the syntax, its ``resolver.py`` for what a plain scalar means, save that a date stays text,
and that a key is always text: ``no: 1`` is about "no", as it would be in JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, List, Match, NoReturn, Optional, Pattern, Tuple, Type, Union

if TYPE_CHECKING:  # agent/running/op_main.py loads this file by itself
    from ..protocol import Plain, Value

MAX_BYTES = 1 << 20
"""The longest text that is read or written, counted in characters: never more than bytes."""

MAX_DEPTH = 50
"""How deep lists and mappings may be nested."""

MAX_INT_BITS = 14_000
"""The largest integer: beyond 4,300 digits Python refuses str(), and so JSON."""

_MAX_NUMBER = 4_300  # characters; reading a decimal or sexagesimal number is quadratic
_LONG_KEY = 128  # from here on PyYAML writes "? key"; beyond 1,024 it reads nothing else


class AttrError(ValueError):
    """The text is not an attribute that we read; the message is one line."""


_CONSTANTS: Dict[str, Optional[bool]] = {
    form: value
    for words, value in (("~ null", None), ("yes true on", True), ("no false off", False))
    for word in words.split()
    for form in (word, word.capitalize(), word.upper())
}
# Patterns that are text are compiled where they are first needed: in a process that reads two
# attributes, compiling all of them would take longer than all else.
_INT = r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)"
_FLOAT = (
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def _resolve(text: str) -> Value:
    """The value of a plain scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in ("<<", "="):
        raise AttrError(f"{text} is a key with a meaning of its own in YAML, and none here")
    if text[0] not in "+-.0123456789":
        return text
    kind = int if re.fullmatch(_INT, text) else float if re.fullmatch(_FLOAT, text) else None
    if kind is None:
        return text
    if len(text) > _MAX_NUMBER:
        raise AttrError(f"a number of {len(text)} characters is too long")
    try:
        number = _number(text.replace("_", "").lower(), kind)
    except (ValueError, OverflowError):  # "0x_", or 1:00:00... beyond what a float holds
        raise AttrError(f"{text[:40]} looks like a number and is none") from None
    if isinstance(number, int) and number.bit_length() > MAX_INT_BITS:
        raise AttrError(f"an integer of {number.bit_length()} bits is too long")
    return number


def _number(text: str, kind: Union[Type[int], Type[float]]) -> Union[int, float]:
    """The number that is written in one of the bases of YAML 1.1: 10, 2, 8, 16 and 60."""
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if ":" in digits:
        total: Union[int, float] = 0
        for power, part in enumerate(reversed(digits.split(":"))):
            total += kind(part) * 60**power
        return sign * total
    if kind is float:
        return sign * float(digits.lstrip(".") if digits in (".inf", ".nan") else digits)
    if digits.startswith(("0b", "0x")):
        return sign * int(digits[2:], 2 if digits[1] == "b" else 16)
    return sign * int(digits, 8 if digits.startswith("0") else 10)


# Strings that no YAML reader takes for anything else, once _CONSTANTS are ruled out. No
# digit comes first, and a space or colon stays within.
_PLAIN = r"(?![yYnN]\Z)[A-Za-z_/](?:[\w./+@%=~(),-]|[ :](?=[\w./(]))*"
_SURROGATE = "[\ud800-\udfff]"
# What YAML calls non-printable, its rarer line breaks, and the byte order mark.
_UNPRINTABLE = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"


def encode(value: Plain) -> str:
    """The YAML text of a JSON-like value, which ``yaml.safe_load`` and ``decode`` read back.

    Raises ValueError for what cannot be written: a lone surrogate, nesting deeper than
    MAX_DEPTH, an integer or a text beyond its limit; TypeError for any other type.
    """
    text = "\n".join(_lines(value, 0)) + "\n"
    if len(text) > MAX_BYTES:
        raise ValueError(f"an attribute of {len(text)} characters is too long")
    return text


def is_encodable(value: Value) -> bool:
    """Whether an attribute can have this value."""
    try:
        encode(value)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _lines(value: Plain, depth: int) -> List[str]:
    """The lines of a value, as if it were the whole document."""
    if not isinstance(value, (dict, list, tuple)):
        return [_scalar(value)]
    if depth == MAX_DEPTH:
        raise ValueError(f"an attribute is nested deeper than {MAX_DEPTH} levels")
    if not value:
        return ["{}" if isinstance(value, dict) else "[]"]
    lines: List[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"an attribute's keys are strings, not {type(key).__name__}")
            name, below = _scalar(key), _lines(item, depth + 1)
            if len(name) > _LONG_KEY:
                lines += [f"? {name}", *_hang(": ", below)]
            elif isinstance(item, (list, tuple)) and item:
                lines += [f"{name}:", *below]
            elif isinstance(item, dict) and item:
                lines += [f"{name}:", *_hang("  ", below)]
            else:
                lines.append(f"{name}: {below[0]}")
    else:
        for item in value:
            lines += _hang("- ", _lines(item, depth + 1))
    return lines


def _hang(mark: str, lines: List[str]) -> List[str]:
    """The lines with a mark of two characters before the first, and the rest below it."""
    return [mark + lines[0], *("  " + line for line in lines[1:])]


def _scalar(value: Plain) -> str:
    """The text of a value that is not a collection."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            raise ValueError(f"an integer of {value.bit_length()} bits is too long")
        return int.__repr__(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        if text.endswith(("inf", "nan")):
            return text.replace("inf", ".inf").replace("nan", ".nan")
        # 1e-05 is a string in YAML 1.1: a float has a dot.
        return text if "." in text else text.replace("e", ".0e")
    if not isinstance(value, str):
        raise TypeError(f"an attribute cannot hold a {type(value).__name__}")
    if re.fullmatch(_PLAIN, value, re.ASCII) and value not in _CONSTANTS:
        return value
    if re.search(_SURROGATE, value):
        raise ValueError(f"a lone surrogate cannot be written: {value[:40]!a}")
    import json  # a listing, which only reads, has no use for it

    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub(_UNPRINTABLE, lambda match: f"\\u{ord(match[0]):04x}", quoted)


# One integer or one plain string, as most attributes are, and what PyYAML puts after it.
_SIMPLE = re.compile(rf"(?:(0|-?[1-9][0-9]{{0,17}})|({_PLAIN}))(?:\n(?:\.\.\.\n?)?)?", re.ASCII)
# Lists and mappings of such, of options, short decimals and quoted words: most of a run's.
_WORDS = r"[ \w./+@%=~(),:-]*"
_ITEM = (
    r"(?:0|-?[1-9][0-9]{0,17}|-?[0-9]{1,9}\.[0-9]{1,17}|--?[A-Za-z_][\w.=-]*"
    rf"|\"{_WORDS}\"|'{_WORDS}'|{_PLAIN})\n"
)
_SIMPLE_LIST = rf"(?:- {_ITEM})+"
_SIMPLE_MAPPING = rf"(?:[A-Za-z_][\w-]*: {_ITEM})+"


def _simple(item: str) -> Value:
    """The value of an item of such a list or mapping."""
    if item[0] in "-0123456789":
        return _resolve(item)
    if item[0] in "\"'":
        return item[1:-1]
    return _CONSTANTS.get(item, item)


_MARKER = re.compile(r"^(---|\.\.\.)(?=[ \t\n]|\Z)", re.MULTILINE)
_BLANKS = re.compile(r"[ \n]*(?:#[^\n]*[ \n]*)*")  # only ever to match; tabs are not blank
_LEADING = re.compile(r"[ \n]*")
_GAP = re.compile(r"\n[ \n]*")
_INDICATOR = re.compile(r"[-?:](?=[ \t\n]|\Z)")
_COLON = re.compile(r" *:(?=[ \t\n]|\Z)")
_FLOW_COLON = re.compile(r" *:")
_NEVER_FIRST = ",[]{}#&*!|>'\"%@`\t\n"  # in a plain scalar
_STOP = re.compile(r"[\t\n]|:(?=[ \t\n]|\Z)|(?<=[ \n])#|\Z")
_FLOW_STOP = r"[\t\n,?\[\]{}]|:(?=[ \t\n,\[\]{}]|\Z)|(?<=[ \n])#|\Z"
_SINGLE = r"'([^']*(?:''[^']*)*)'(?!')"
_SINGLE_PART = r"''|[ \t\n]+"
_DOUBLE = r'(?s)"([^"\\]*(?:\\.[^"\\]*)*)"'
_DOUBLE_PART = r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\n[ \t\n]*|.)|[ \t\n]+"
_ESCAPES = dict(zip('0abt\tnvfre "\\/N_LP', '\0\a\b\t\t\n\v\f\r\x1b "\\/\x85\xa0\u2028\u2029'))
_HEADER = r"([|>])(?:([-+]?)([1-9]?)|([1-9])([-+]))(?: +#[^\n]*| *)(?:\n|\Z)"


def decode(text: str) -> Value:
    """The value that the text of an attribute stands for; a date is its text.

    Raises AttrError for anything outside the subset, and no other exception.
    """
    if len(text) > MAX_BYTES:
        raise AttrError(f"an attribute of {len(text)} characters is too long")
    simple = _SIMPLE.fullmatch(text)
    if simple:
        number, word = simple.groups()
        return int(number) if number else _CONSTANTS.get(word, word)
    if text.startswith("- ") and re.fullmatch(_SIMPLE_LIST, text, re.ASCII):
        return [_simple(line[2:]) for line in text.split("\n")[:-1]]
    if re.fullmatch(_SIMPLE_MAPPING, text, re.ASCII):
        pairs = (line.partition(": ") for line in text.split("\n")[:-1])
        return {key: _simple(item) for key, _, item in pairs}
    # What Python calls printable has none of them, and is seldom more than text without breaks.
    unprintable = not text.replace("\n", "").isprintable() and re.search(_UNPRINTABLE, text)
    if unprintable:
        raise AttrError(f"the character U+{ord(unprintable[0]):04X} is not printable")
    body, explicit = _document(text.replace("\r\n", "\n").replace("\r", "\n"))
    reader = _Reader(body)
    value = reader.value(parent=-1, compact=not explicit)
    reader.end()
    return value


def _document(text: str) -> Tuple[str, bool]:
    """What is between ``---`` and ``...``, both optional, and whether the first is there.

    No scalar can hold a line that starts with either, so the text can be split there.
    """
    body, *rest = _MARKER.split(text)
    explicit = rest[:1] == ["---"] and _is_blank(body)
    if explicit:
        body, rest = rest[1], rest[2:]
    if rest and not (rest[0] == "..." and len(rest) == 2 and _is_blank(rest[1])):
        raise AttrError("more than one document")
    return body, explicit


def _is_blank(text: str) -> bool:
    return not _BLANKS.sub("", text, count=1)


class _Reader:
    """A recursive descent over one document: each method reads one thing at ``pos``.

    ``parent`` is the column of the enclosing block collection, -1 at the top.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.depth = 0
        self.plain_text = ""  # of the last plain scalar

    def fail(self, problem: str) -> NoReturn:
        line = self.text.count("\n", 0, self.pos) + 1
        raise AttrError(f"line {line}: {problem}")

    def end_of(self, pattern: Pattern[str]) -> int:
        """Where the pattern's match at ``pos`` ends, or 0."""
        match = pattern.match(self.text, self.pos)
        return match.end() if match else 0

    def skip(self) -> None:
        """Go to the next token, past spaces, line breaks and comments."""
        self.pos = self.end_of(_BLANKS)

    def end(self) -> None:
        self.skip()
        if self.pos < len(self.text):
            self.fail("something that does not belong to the value before it")

    def at(self, indicator: str) -> bool:
        """Whether this is a "-", "?" or ":" that stands for itself."""
        return self.text.startswith(indicator, self.pos) and self.end_of(_INDICATOR) > 0

    def take(self, mark: str) -> bool:
        """Go past this character if it is the next token."""
        self.skip()
        found = self.text.startswith(mark, self.pos)
        self.pos += found
        return found

    def colon(self, start: int, pattern: Pattern[str]) -> bool:
        """Go past the colon that makes a key of the scalar since ``start``, all on one line."""
        end = self.end_of(pattern) if self.text.find("\n", start, self.pos) < 0 else 0
        self.pos = end or self.pos
        return end > 0

    def column(self) -> int:
        return self.pos - self.text.rfind("\n", 0, self.pos) - 1

    def more(self, column: int) -> bool:
        """Whether a line starts with the next token, at this column."""
        self.skip()
        if self.pos == len(self.text):
            return False
        indent = self.column()
        if self.text[self.pos - indent : self.pos].strip(" "):
            self.fail("something after the end of a value")
        return indent == column

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels")

    # Block context.

    def value(self, parent: int, compact: bool, indentless: bool = False) -> Value:
        """What follows an indicator: a value here, one on lines further in, or nothing.

        ``compact``: a block collection may start on this line. ``indentless``: a sequence
        may start at the parent's own column.
        """
        start = self.pos
        self.skip()
        if self.pos == len(self.text):
            return None
        if self.text.find("\n", start, self.pos) < 0:
            return self.block(parent, compact)
        least = parent if indentless and self.at("-") else parent + 1
        return self.block(parent, True) if self.column() >= least else None

    def block(self, parent: int, may_nest: bool) -> Value:
        mark = self.text[self.pos]
        if mark in "[{":
            return self.flow()
        if mark in "|>":
            return self.block_scalar(parent)
        if may_nest and self.at("-"):
            return self.sequence()
        start = self.pos
        if not self.at("?"):
            scalar = self.scalar(parent + 1)
            if not self.colon(start, _COLON):
                return scalar
        if not may_nest:
            self.fail("a mapping cannot start here")
        self.pos = start  # the first key is read again, as a key
        return self.mapping()

    def sequence(self) -> List[Value]:
        self.enter()
        column = self.column()
        items = []
        more = True
        while more:
            self.pos += 1
            items.append(self.value(column, compact=True))
            more = self.more(column) and self.at("-")
        self.depth -= 1
        return items

    def mapping(self) -> Dict[str, Value]:
        self.enter()
        column = self.column()
        pairs: Dict[str, Value] = {}
        more = True
        while more:
            start = self.pos
            if self.at("?"):
                self.pos += 1
                self.plain_text = ""
                value = self.value(column, compact=True)
                if isinstance(value, (list, dict)):
                    self.fail("a key that is a collection")
                key = self.as_key(value)
                pairs[key] = None
                if self.more(column) and self.at(":"):
                    self.pos += 1
                    pairs[key] = self.value(column, compact=True, indentless=True)
            else:
                key = self.as_key(self.scalar(column + 1))
                if not self.colon(start, _COLON):
                    self.fail("a key without its colon")
                pairs[key] = self.value(column, compact=False, indentless=True)
            more = self.more(column)
        self.depth -= 1
        return pairs

    # Flow context: [...] and {...}.

    def flow(self) -> Value:
        self.enter()
        closing = "]" if self.text[self.pos] == "[" else "}"
        self.pos += 1
        items: List[Value] = []
        pairs: Dict[str, Value] = {}
        more = True
        while not self.take(closing):
            if not more:
                self.fail(f'neither "," nor "{closing}" after a value')
            if closing == "]":
                items.append(self.flow_value())
            else:
                key = self.flow_key()
                pairs[key] = self.flow_value()
            more = self.take(",")
        self.depth -= 1
        return items if closing == "]" else pairs

    def flow_key(self) -> str:
        start = self.pos
        long = self.at("?")
        if long:
            self.pos += 1
            self.skip()
        key = self.as_key(self.scalar(0, flow=True))
        if not (self.take(":") if long else self.colon(start, _FLOW_COLON)):
            self.fail("a key without its colon")
        return key

    def flow_value(self) -> Value:
        self.skip()
        nested = self.text.startswith(("[", "{"), self.pos)
        return self.flow() if nested else self.scalar(0, flow=True)

    # Scalars.

    def scalar(self, indent: int, flow: bool = False) -> Value:
        """A quoted or plain scalar; the lines that continue a plain one are indented so far."""
        if self.text.startswith('"', self.pos):
            return self.quoted(_DOUBLE, _DOUBLE_PART)
        if self.text.startswith("'", self.pos):
            return self.quoted(_SINGLE, _SINGLE_PART)
        return self.plain(indent, flow)

    def as_key(self, value: Value) -> str:
        """The scalar that was just read, as a key: its text, whatever it means as a value."""
        return value if isinstance(value, str) else self.plain_text

    def quoted(self, whole: str, part: str) -> str:
        match = re.compile(whole).match(self.text, self.pos)
        if not match:
            self.fail("a quoted string without its end")
        value = re.sub(part, self.unquoted, match[1])
        self.pos = match.end()
        return value

    def unquoted(self, match: Match[str]) -> str:
        """What an escape, or the blanks and line breaks between two words, stand for."""
        part = match[0]
        if part == "''":
            return "'"
        breaks = part.count("\n")
        if part[0] != "\\":
            return _folded(breaks) if breaks else part
        if breaks:
            return "\n" * (breaks - 1)
        name, digits = part[1], part[2:]
        if not digits and name in _ESCAPES:
            return _ESCAPES[name]
        code = int(digits or "-1", 16)
        if not (0 <= code < 0xD800 or 0xDFFF < code < 0x110000):
            self.fail(f"the escape {part!a} stands for no character")
        return chr(code)

    def plain(self, indent: int, flow: bool) -> Value:
        first = self.text[self.pos : self.pos + 1]
        if first in _NEVER_FIRST or (flow and first in "?:") or self.end_of(_INDICATOR):
            self.fail(f"no value starts with {first!a}" if first else "a value is missing")
        stop = re.compile(_FLOW_STOP) if flow else _STOP
        parts: List[str] = []
        while True:
            match = stop.search(self.text, self.pos)
            end = match.start() if match else len(self.text)
            parts.append(self.text[self.pos : end].rstrip(" "))
            self.pos = end
            gap = _GAP.match(self.text, end)
            if not gap:
                break
            self.pos = gap.end()
            if stop.match(self.text, self.pos) or (not flow and self.column() < indent):
                self.pos = end
                break
            parts.append(_folded(gap[0].count("\n")))
        self.plain_text = "".join(parts)
        return _resolve(self.plain_text)

    def block_scalar(self, parent: int) -> str:
        """The lines of a literal "|" or folded ">" scalar, further in than the parent."""
        header = re.compile(_HEADER).match(self.text, self.pos)
        if not header:
            self.fail("a block scalar with a wrong first line")
        self.pos = header.end()
        style, chomping, digit = header[1], header[2] or header[5], header[3] or header[4]
        indent = max(parent + 1, 1)
        if digit:
            indent += int(digit) - 1
        else:
            leading = self.text[self.pos : self.end_of(_LEADING)]
            indent = max(indent, *(len(line) for line in leading.split("\n")))
        parts: List[str] = []
        breaks, final, may_fold = 0, "", False
        while self.pos < len(self.text):
            end = self.text.find("\n", self.pos)
            line = self.text[self.pos : end if end >= 0 else None]
            if line[:indent].strip(" "):
                break  # not indented so far: it belongs to what comes after
            content = line[indent:]
            if content:
                further_in = content[0] in " \t"
                breaks += len(parts) > 0
                parts.append(_folded(breaks) if may_fold and not further_in else "\n" * breaks)
                parts.append(content)
                may_fold = style == ">" and not further_in
                breaks, final = 0, "\n" if end >= 0 else ""
            elif end >= 0:
                breaks += 1
            self.pos = end + 1 if end >= 0 else len(self.text)
        kept = {"-": "", "+": final + "\n" * breaks}
        return "".join(parts) + kept.get(chomping, final)


def _folded(breaks: int) -> str:
    """One line break is a space, and each further one is itself."""
    return "\n" * (breaks - 1) or " "
