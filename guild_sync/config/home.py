"""Where this machine's runs live, and its config file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from guild_sync.errors import GuildError

# In the guild home of a remote: a variable there, as a shell writes it.
VARIABLE = re.compile(r"\$(?:(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})", re.ASCII)


def guild_home() -> Path:
    """The guild home, an absolute path: `GUILD_HOME`, else `~/.guild`."""
    named = os.environ.get("GUILD_HOME")
    path = Path(named).absolute() if named else Path.home() / ".guild"
    if "\n" in str(path):
        raise GuildError(
            "the guild home's path has a line break in it", "Set GUILD_HOME to another."
        )
    return path


def config_path() -> Path:
    """The config file: `GUILD_CONFIG`, else `~/.guild/config.yml`."""
    named = os.environ.get("GUILD_CONFIG")
    return Path(named) if named else Path("~/.guild/config.yml").expanduser()


def config_mentions(word: bytes) -> bool:
    """Whether the config file may have that key: whoever has not is spared reading YAML."""
    path = config_path()
    try:
        return path.is_file() and word in path.read_bytes()
    except (OSError, ValueError):
        return False


def file_name(remote: str) -> str:
    """The name of what is kept in a file for a remote, whatever its own name is made of."""
    import hashlib  # it loads OpenSSL, and most commands need none

    return hashlib.sha256(remote.encode("utf-8", "surrogateescape")).hexdigest()[:16]
