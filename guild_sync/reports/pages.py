"""Pages from the templates: what is put into them is text, and never becomes markup."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from guild_sync import __version__
from guild_sync.agent.protocol import Value
from guild_sync.output import formats
from guild_sync.output.terminal import clean
from guild_sync.reports import figures

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_HERE = Path(__file__).parent
STATIC = ("report.css", "report.js")


@cache
def version() -> str:
    """A digest of all that pages are made with: with another one, all are made anew."""
    digest = hashlib.sha256(__version__.encode())
    for path in sorted((*_HERE.glob("*.py"), *_HERE.glob("templates/*"), *_HERE.glob("static/*"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def static(name: str) -> str:
    """The text of a file that pages share."""
    return (_HERE / "static" / name).read_text(encoding="utf-8")


def page(template: str, root: str, here: str = "", **values: object) -> str:
    """A page as HTML. `root` leads from it to the folder, `here` is its name there."""
    made = _template(template).render(root=root, here=here, version=version(), **values)
    return made.encode("utf-8", "replace").decode("utf-8")


def digest(value: object) -> str:
    """A few letters that are others where anything of the value is."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Markup(str):
    """Text that is markup, and of which every part from elsewhere was escaped.

    Templates put it in as it is; whatever is made of it by str's own ways they escape.
    """

    def __html__(self) -> str:
        return self


def data(value: object) -> Markup:
    """JSON for a page's script, in which nothing can end that or be taken for markup."""
    text = json.dumps(value, separators=(",", ":"))  # all but ASCII is escaped
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        date=formats.date,
        exact=_exact,
        figure=figures.shown,
        iso=_iso,
        length_of=formats.lasted,
        size=formats.size,
        urlencode=lambda text: quote(text, safe=""),
        word=figures.word,
    )
    return made


def _finalized(value: object) -> object:
    """What a template puts into its page, without what only a terminal would obey."""
    if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable():
        return "\n".join(map(clean, value.split("\n")))
    return value


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def _iso(microseconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(microseconds // 1_000_000))
    except (OverflowError, ValueError, OSError):
        return ""


def numbered(values: Sequence[Value]) -> bool:
    """Whether a column of these is one of numbers."""
    there = [value for value in values if value is not None]
    return bool(there) and all(formats.finite(value) is not None for value in there)
