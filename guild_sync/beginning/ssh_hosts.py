"""The hosts that the user's ssh configuration names."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from guild_sync.config.file import text_of
from guild_sync.config.schema import is_host

_DEEPEST = 16  # files that include one another, as ssh has it


def hosts() -> list[str]:
    """The names that `Host` lines of ~/.ssh/config and of what it includes give, in their order."""
    return [*dict.fromkeys(_hosts(Path("~/.ssh/config").expanduser(), 0, set()))]


def _hosts(path: Path, depth: int, read: set[str]) -> Iterator[str]:
    place = os.path.realpath(path)
    if place in read:  # by several that include one another, each many times over
        return
    read.add(place)
    try:
        lines = text_of(path).splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            words = shlex.split(line.replace("=", " ", 1), comments=True)
        except ValueError:  # a quote that nothing ends
            continue
        key = words[0].lower() if words else ""
        if key == "host":
            # Patterns name none in particular.
            yield from (word for word in words[1:] if is_host(word) and not set("*?!") & set(word))
        elif key == "include" and depth < _DEEPEST:
            for pattern in words[1:]:
                full = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
                for included in sorted(glob(str(full))):
                    yield from _hosts(Path(included), depth + 1, read)
