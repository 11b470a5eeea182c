"""Who starts runs from here: the user, this machine, and this guild home's own name."""

from __future__ import annotations

import os

from guild_sync.agent.machine.environment import user_name
from guild_sync.agent.protocol import NAME_LENGTH, Value
from guild_sync.config.home import guild_home
from guild_sync.hosts.local import LocalHost


def starter() -> dict[str, Value]:
    """Who starts a run now, as the run keeps it; the guild home gets a name if it has none."""
    return {**_person(make=True), "client": _name(os.uname().nodename)}


def mine() -> dict[str, Value]:
    """Whose runs one's own are, as the filter of that name takes it."""
    return _person(make=False)


def home_name(make: bool = False) -> str:
    """The name of the guild home here; empty where it has none, and is not to get one."""
    return LocalHost(str(guild_home())).home_name(make)


def _person(make: bool) -> dict[str, Value]:
    return {"user": _name(user_name()), "home": home_name(make)}


def _name(text: str) -> str:
    """Text that the environment may have given us, fit to be kept."""
    return os.fsencode(text).decode("utf-8", "replace")[:NAME_LENGTH]
