"""The script that finds the agent on a remote, and the files that it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from guild_sync.agent.machine import folder
from guild_sync.agent.protocol import FRAME

AGENT = Path(__file__).parents[1] / "agent"
# What the script says once it has a Python and an agent's folder: if no answer follows, it is one
# of these two that does not work.
REACHED = "GUILD-AGENT"
# In place of a digest: an agent that is nowhere, so that the answer tells the guild home.
ABSENT = "none"
# In the guild home of a remote: a variable there, as a shell writes it.
_VARIABLE = r"(?a:\$(?:(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\}))"


def one_line(script: str) -> str:
    """A script as one line, without indentation and comments, each of which has its own line."""
    lines = (line.strip() for line in script.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("#"))


def _script(name: str) -> str:
    return one_line(Path(__file__).with_name(name).read_text(encoding="utf-8"))


_BOOTSTRAP = _script("bootstrap.sh").replace("@FRAME@", FRAME).replace("@REACHED@", REACHED)
# The one script that a remote's login shell is given, whichever that is; its words follow.
BOOTSTRAP = f"sh -c '{_BOOTSTRAP}' guild"


@cache
def in_login(profile: bool) -> str:
    """The script for a remote that has `setup`, or whose login's profile is to be read.

    None of its words may be empty (NOTHING).
    """
    how = "login" if profile else "plain"
    return f"sh -c '{_script('bootstrap_login.sh')}' '{_BOOTSTRAP}' {how}"


def word(text: str, kind: str = "") -> str:
    """`text` as a word of the script: as it is, or with escapes that take a process to read.

    It is not empty, for csh would lose it. `kind` stands in front.
    """
    from guild_sync.transport.ssh import quote

    quoted = quote(text)
    form = "e" if "\\" in quoted else "t"
    return f"'{kind}{form}{quoted[1:]}"


def home_words(home: str) -> Iterator[str]:
    """The words that have the script put together the guild home, with the variables there."""
    rest = 0
    for found in re.finditer(_VARIABLE, home) if "$" in home else ():
        yield word(home[rest : found.start()])
        yield f"v{found['name'] or found['braced']}"
        rest = found.end()
    yield word(home[rest:])


@cache
def agent_digest() -> str:
    """A name for this version of the agent: a digest of its files and where they are."""
    return folder.digest(str(AGENT))
