"""Where this machine's runs live, its config file, and what its user alone may see."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
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


def private_folder() -> Path:
    """A folder of this user alone, with a short path, where connections' sockets are, among others.

    Sockets' paths may not exceed some 104 bytes (sun_path), so it cannot be under the
    guild home. Raises GuildError where somebody else holds the place.
    """
    from pathlib import Path

    uid = os.getuid()
    runtime = Path(f"/run/user/{uid}")  # not XDG_RUNTIME_DIR: cron must find the same place
    base = runtime if os.access(runtime, os.W_OK) else Path("/tmp")
    folder = base / f"guild-{uid}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise GuildError(
            f"{folder} belongs to somebody else", "Have it removed; guild makes its own."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def session_folder() -> Path | None:
    """The system's folder for this user alone, of which nothing is left after a while without them.

    None where the system has no such folder, as in a container, or for cron on some servers.
    """
    from pathlib import Path

    uid = os.getuid()
    for name in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        with suppress(OSError):
            found = os.stat(name)
            is_own = (found.st_uid, found.st_mode & 0o077) == (uid, 0)
            if name.startswith("/") and stat.S_ISDIR(found.st_mode) and is_own:
                return Path(name)
    return None


def file_name(remote: str) -> str:
    """The name of what is kept in a file for a remote, whatever its own name is made of."""
    import hashlib  # it loads OpenSSL, and most commands need none

    return hashlib.sha256(remote.encode("utf-8", "surrogateescape")).hexdigest()[:16]
