"""Values as words: on command lines, and in labels."""

from __future__ import annotations

import math
import re

from .protocol import Value
from .store import attrs

SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+\Z")
TIME_OF_DAY = re.compile(r"[-+]?\d+(:\d+)+(\.\d*)?\Z")  # a number to YAML 1.1
_QUOTED = re.compile(r"[\s'\"\\$;&|<>(),\[\]{}`*?!#~]")  # what a reader could misread
_MORE_DIGITS = re.compile(r"(?<=\.\d{5})\d+")
_MARKS = ("", *"-?:,[]{}#&*!|>'\"%@`")  # no text of YAML without quotes begins with one of them


def plain_value(text: str) -> Value:
    """The value of a word on the command line: a number, yes or no, null, a list, else text."""
    if "\n" in text or len(text) > 1000 or not text.strip() or TIME_OF_DAY.match(text):
        return text
    if SCIENTIFIC.match(text):  # a string to YAML 1.1, a number to everybody else
        return float(text) if math.isfinite(float(text)) else text
    if text[0] in "[{'\"" or text[0].isalnum() or text[0] in "+-.~":
        try:
            value = attrs.decode(text)
        except attrs.AttrError:
            return text
        if isinstance(value, dict) or (isinstance(value, list) and text[0] != "["):
            return text
        return value
    return text


def shown(value: Value) -> str:
    """A value as people write it: `10`, `yes`, `'a b'`, `[1, 2]`; always on one line.

    `plain_value` reads a text on one line back as it was.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(shown(item) for item in value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (k, shown(v)) for k, v in value.items())
    if not isinstance(value, str):
        return attrs.encode(value).strip()
    if "\n" in value or "\r" in value:
        return repr(value)
    if value and plain_value(value) == value and not _QUOTED.search(value):
        return value
    return "'" + value.replace("'", "''") + "'"  # as YAML quotes


def in_label(value: Value) -> str:
    """A value as labels have it; a number with no more than five digits behind its point.

    A text is quoted as by Guild AI 0.9: as in Python where it has a blank, else as in YAML.
    """
    if isinstance(value, str) and value.isprintable():
        if " " in value:
            return repr(value)
        if value[:1] not in _MARKS and plain_value(value) == value:
            return value
    return _MORE_DIGITS.sub("", shown(value)) if isinstance(value, float) else shown(value)
