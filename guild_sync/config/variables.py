"""Variables of the environment, as people write them: in the config file, or on a command line."""

from __future__ import annotations

import re

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_env(value: object) -> bool:
    """Whether it is a mapping of variables to what their values are written as."""
    return isinstance(value, dict) and all(
        isinstance(name, str) and VARIABLE.match(name) and is_value(text)
        for name, text in value.items()
    )


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
