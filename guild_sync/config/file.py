"""The config file, read anew only where it has changed."""

from __future__ import annotations

import os
import stat
import threading
from functools import lru_cache
from pathlib import Path

import yaml

from guild_sync.errors import ConfigError

_MAX_BYTES = 1 << 24
# What PyYAML raises for a value that its tag does not fit: `!!int x`, `!!bool x`, `!!timestamp x`.
NO_VALUE = (ValueError, LookupError, AttributeError)
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
        data = f.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


class ConfigLoader(yaml.SafeLoader):
    """Takes no number that Python cannot write: one of thousands of digits, in hexadecimal."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        found: int = super().construct_yaml_int(node)
        str(found)  # ValueError, as for one in decimals
        return found


ConfigLoader.add_constructor("tag:yaml.org,2002:int", ConfigLoader.construct_yaml_int)


@lru_cache(maxsize=1)
def _loaded(path: Path, _: tuple[int, ...]) -> object:
    try:
        text = text_of(path)
    except FileNotFoundError:
        if os.environ.get("GUILD_CONFIG"):  # a broken setting is not taken for an empty file
            raise ConfigError(f"there is no {path}, which GUILD_CONFIG names") from None
        return None
    except (OSError, ValueError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None
    try:
        return yaml.load(text, ConfigLoader)  # not libyaml's: deep nesting ends the process
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as e:
        raise yaml_error(path, e) from None


def yaml_error(path: Path, error: Exception) -> ConfigError:
    """A ConfigError that names the file, line and column where `error` says it stops being YAML."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return ConfigError(f"{path} is not valid YAML: {problem}")
    return ConfigError(
        f"{path}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    )
