"""The config file, read anew only where it has changed.

What it holds is kept from one command to the next, beside the whole text that it was read from:
to load PyYAML and have it read ten remotes takes a third of what a command does that asks one.
Only the same text, read by the same programs, is known by it, whoever has changed what.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from guild_sync.agent.protocol import Value
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import file_name, session_folder
from guild_sync.errors import ConfigError

_MAX_BYTES = 1 << 24
_MOST_KEPT = 1 << 22  # characters of a text that is kept
reading = threading.RLock()  # one thread reads, and the others take what it has read


def identity(path: Path) -> tuple[int, ...]:
    """What changes whenever the file does; empty where there is none that can be read."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def load(path: Path) -> object:
    """What the config file holds, unchecked; None where there is none.

    Raises ConfigError where it cannot be read, is not YAML, or is not there though it is named.
    """
    with reading:
        return _loaded(path, identity(path))


def text_of(path: Path, most: int = _MAX_BYTES) -> str:
    """The text of a file of at most so many bytes, which is no pipe to be waited for.

    Raises OSError, or ValueError, with a message of one line, for what is no such text.
    """
    if "\0" in str(path):
        raise ValueError("its name has a NUL character")
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as f:
        if stat.S_ISFIFO(os.fstat(f.fileno()).st_mode):
            raise ValueError("it is a pipe")
        if f.isatty():
            raise ValueError("it is a terminal")
        data = f.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


@lru_cache(maxsize=1)
def _loaded(path: Path, _: tuple[int, ...]) -> object:
    try:
        text = text_of(path)
    except FileNotFoundError:
        _forget(path)
        if os.environ.get("GUILD_CONFIG"):  # a broken setting is not taken for an empty file
            raise ConfigError(f"there is no {path}, which GUILD_CONFIG names") from None
        return None
    except (OSError, ValueError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None
    if known := _known(path, text):
        return known[0]
    from guild_sync.config import yaml_text

    found = yaml_text.parsed(path, text)
    _keep(path, text, found)
    return found


# ---- what is kept, and no longer than this user is there: the file may have secrets


def _kept(path: Path) -> Path | None:
    folder = session_folder()
    return folder / f"guild-{file_name(str(path.absolute()))}.config" if folder else None


def _known(path: Path, text: str) -> list[Value]:
    """What this text was read as before, alone; nothing where that is not known."""
    if (kept := _kept(path)) is None:
        return []
    try:
        reader, read, *found = json.loads(kept.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return []
    return found if (reader, read) == (_reader(), text) else []


def _keep(path: Path, text: str, found: Value) -> None:
    """Have it known what this text was read as, where JSON says it without loss."""
    kept = _kept(path)
    if kept is None or len(text) > _MOST_KEPT:
        return
    with suppress(OSError, ValueError, RecursionError):
        if not _is_plain(found, set()):
            return
        known = [_reader(), text, found]
        written = json.dumps(known)
        if json.loads(written) == known:  # two halves of a character would be one then
            write_atomically(str(kept), written, 0o600)


def _forget(path: Path) -> None:
    with suppress(OSError):
        if kept := _kept(path):
            kept.unlink(missing_ok=True)


def _reader() -> str:
    """What changes whenever the same text could be read as something else."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec("yaml")
    library = Path((found and found.origin) or os.devnull)
    return repr([sys.version, *map(identity, (Path(__file__).with_name("yaml_text.py"), library))])


def _is_plain(value: Value, seen: set[int]) -> bool:
    """Whether it is of what JSON knows, and nothing in it is there twice, as by an alias.

    What has a few aliases of aliases would take no end of room.
    """
    if isinstance(value, (dict, list)):
        if id(value) in seen:
            return False
        seen.add(id(value))
        if isinstance(value, dict):
            return all(type(key) is str and _is_plain(value[key], seen) for key in value)
        return all(_is_plain(one, seen) for one in value)
    return value is None or type(value) in (bool, int, float, str)
