"""URLs of the config file, which have passwords and tokens in them: what may be shown of one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

from guild_sync.config.texts import is_one_line

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.+)\Z")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
# Of these, what follows `//` is a host. Others have a token there: `slack://TOKEN/...`.
_WITH_HOST = {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?\Z")
_NAME = re.compile("[A-Z_][A-Z0-9_]*\\Z")
_SHORTEST_SECRET = 4  # characters


def is_address(text: str) -> bool:
    """Whether it is `SCHEME://...` on one line."""
    return is_one_line(text) and bool(_URL.match(text))


def expanded(url: str) -> str:
    """The URL with the values of the variables that it names, all of which are there."""
    return os.path.expandvars(url)


def missing_variable(url: str) -> str | None:
    """What is missing where it names a variable that the environment lacks."""
    names = (found[1] or found[2] for found in _VARIABLE.finditer(url))
    missing = next((name for name in names if name not in os.environ), None)
    if missing is None or _NAME.match(missing):
        return missing and f"the variable {missing} is not set"
    return "what follows a $ is no variable that is set (%24 stands for a mere $)"  # a password?


def shown(url: str) -> str:
    """What people may see of it: `json://HOST/***`, `slack://***`."""
    match = _URL.match(url)
    if not match:
        return "***"
    scheme = match["scheme"].lower()
    place, *more = re.split("[/?#]", match["rest"], maxsplit=1)
    host = place.rpartition("@")[2]
    # A password may have any character in it, a slash too: an `@` further on, and it is not over.
    is_host = scheme in _WITH_HOST and _HOST.match(host) and "@" not in "".join(more)
    return f"{scheme}://{host}/***" if is_host else f"{scheme}://***"


def masked(text: str, url: str) -> str:
    """The text without any part of the URL that is not to be seen."""
    text = text.replace(url, "***")
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(url: str) -> Iterator[str]:
    visible = shown(url)
    for part in re.split(r"[/:@?&=#,;\s]+", url):
        for form in (part, unquote(part)):
            if len(form) >= _SHORTEST_SECRET and form not in visible:
                yield form
