"""Variables of the environment, as people write them: in the config file, or on a command line."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_variable(name: object) -> bool:
    """Whether it can be the name of a variable."""
    return isinstance(name, str) and bool(_NAME.match(name))


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
