"""Where this machine's runs live, and its config file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guild_sync.errors import GuildError

if TYPE_CHECKING:  # what it loads takes a tenth of a listing, which has no use for it
    from pathlib import Path


def home_folder() -> str:
    """The guild home, an absolute path: `GUILD_HOME`, else `~/.guild`."""
    named = os.environ.get("GUILD_HOME")
    path = named or os.path.expanduser("~/.guild")
    if "\n" in path:
        raise GuildError(
            "the guild home's path has a line break in it", "Set GUILD_HOME to another."
        )
    if not named and path.startswith("~"):
        raise GuildError("this user's home directory is not known", "Set HOME or GUILD_HOME.")
    if not path.startswith("/"):
        path = f"{os.getcwd()}/{path}"
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def guild_home() -> Path:
    """As `home_folder`, for those that work with paths."""
    from pathlib import Path

    return Path(home_folder())


def config_path() -> Path:
    """The config file: `GUILD_CONFIG`, else `~/.guild/config.yml`."""
    from pathlib import Path

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
