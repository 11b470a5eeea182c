"""What stands at the top of the config file, and what can only have been meant for it."""

from __future__ import annotations

from collections.abc import Mapping

from guild_sync.config.faults import Place
from guild_sync.config.file import load
from guild_sync.config.home import config_path
from guild_sync.config.texts import nearest, plain_name

REMOTES, HOOKS, NOTIFY, HEARTBEAT, KEEP_FREE, GROUPS = SECTIONS = (
    "remotes",
    "hooks",
    "notify",
    "heartbeat",
    "keep-free",
    "groups",
)
_ALIKE = 0.8  # `keepfree`, `notfy`, `Hooks`; not what Guild AI has there, `diff` and the like


def names_in(name: str) -> tuple[str, ...]:
    """The names that the file has below one of SECTIONS, in their order, be they at fault.

    Raises ConfigError where it cannot be read, or is not YAML.
    """
    return tuple(one for one in _below(name) if isinstance(one, str))


def is_named(name: str, one: str) -> bool:
    """Whether `one` is among `names_in(name)`; a sync asks it for each of a thousand remotes."""
    return one in _below(name)


def _below(name: str) -> Mapping[object, object]:
    data = load(config_path())
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def section(data: object, name: str, file: Place) -> object:
    """What the config file has under a name of SECTIONS; None where that is nothing.

    A key that nothing knows may be Guild AI's. One that is nearly this name is a slip of the pen,
    for which nobody would be told of anything: that is a fault.
    """
    if not isinstance(data, dict):
        return None
    for key in data:
        if key in SECTIONS or not isinstance(key, str):
            continue
        if nearest(key.lower(), SECTIONS, _ALIKE) == name:
            file.fault(f"{plain_name(key)}: is not a key of the config file (did you mean {name}?)")
    return data.get(name)
