"""Text that people write: whether it is one line, a name, a size, an expression, a variable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

# Control characters, what ends a line to Unicode, and halves of characters, which no file has.
_NO_TEXT = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_SIZE = r"(?P<number>\d{1,15}(?:\.\d{1,6})?)(?P<unit>[KMGTP]?)(?:i?B)?\Z"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*\Z"
_UNITS = {unit: 1024**power for power, unit in enumerate(["", "K", "M", "G", "T", "P"])}


def is_one_line(value: object) -> TypeGuard[str]:
    """Whether it is text on one line, and not blank."""
    if not isinstance(value, str) or not value.strip():
        return False
    return value.isprintable() or not re.search(_NO_TEXT, value)


def plain_name(name: object) -> str:
    """A name that is part of a message, on one line."""
    return name if isinstance(name, str) and name.isprintable() and name else repr(name)


def short(value: object) -> str:
    """What was found, on a short line of a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The one that is most like the word; empty where none is as like, which 1 is for the same."""
    from difflib import get_close_matches

    found = get_close_matches(word, [*known], 1, likeness)
    return found[0] if found else ""


def size(text: object) -> int | None:
    """The bytes that `100M` or `1.5G` (powers of 1024) stand for; None where it is no size."""
    match = re.match(_SIZE, str(text), re.I) if isinstance(text, (str, int)) else None
    if isinstance(text, bool) or not match:
        return None
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


def gpus_of(text: str) -> tuple[int, str | None]:
    """How many GPUs are meant, or else which: `2`, but `0`, `0,1`, `device=1`, `GPU-4b2c`.

    A number from 1 on is how many; Guild AI's `--gpus 0` stays what it was.
    """
    if text.isascii() and text.isdigit() and len(text) < 5 and int(text):
        return int(text), None
    return 0, text.removeprefix("device=")


def is_expression(text: str) -> bool:
    """Whether it is a regular expression."""
    return not _why_no_expression(text)


def why_no_pattern(value: str) -> str:
    """Why it is no regular expression for a line of text; nothing where it is one."""
    if not is_one_line(value):
        return f"must be a regular expression on one line, not {short(value)}"
    why = _why_no_expression(value)
    return why and f"{short(value)} is no regular expression: {why}"


def _why_no_expression(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as e:
        return str(e) or type(e).__name__
    return ""


def is_variable(name: object) -> bool:
    """Whether it can be the name of a variable of an environment."""
    return isinstance(name, str) and bool(re.match(_VARIABLE, name))


def is_value(value: object) -> bool:
    """Whether it can be the value of a variable; `yes` without quotes is none, but true."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    return "\0" not in str(value) and _is_utf8(str(value))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
