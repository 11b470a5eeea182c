"""Where this machine's runs live."""

from __future__ import annotations

import os
from pathlib import Path

from guild_sync.errors import GuildError


def guild_home() -> Path:
    """The guild home, an absolute path: `GUILD_HOME`, else `~/.guild`."""
    named = os.environ.get("GUILD_HOME")
    path = Path(named).absolute() if named else Path.home() / ".guild"
    if "\n" in str(path):
        raise GuildError(
            "the guild home's path has a line break in it", "Set GUILD_HOME to another."
        )
    return path
