"""How much of the disk here stays free, as the config file says."""

from __future__ import annotations

from guild_sync.config.faults import Place
from guild_sync.config.file import load
from guild_sync.config.home import config_path
from guild_sync.config.sections import KEEP_FREE, section
from guild_sync.config.texts import size

_DEFAULT = 1 << 30  # bytes


def keep_free() -> int:
    """The bytes of each disk that copies leave free: `keep-free: 20G`, else a GiB.

    A value that is none counts as none given, and is a fault that others tell (`faults`).
    Raises ConfigError where the file cannot be read, or is not YAML.
    """
    return _read()[0]


def faults() -> tuple[str, ...]:
    """What is wrong with the key; raises as `keep_free` does."""
    return _read()[1]


def _read() -> tuple[int, tuple[str, ...]]:
    place = Place()
    given = section(load(config_path()), KEEP_FREE, place)
    found = size(given)
    if given is not None and found is None:
        place.fault(f"{KEEP_FREE}: must be a size, such as 500M or 20G, not {given!r}")
    return _DEFAULT if found is None else found, tuple(place.faults)
