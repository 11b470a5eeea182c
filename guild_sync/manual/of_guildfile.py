"""The page of guild.yml: every key of the table, with what it takes."""

from __future__ import annotations

from guild_sync.guildfile import keys
from guild_sync.manual.keys_page import KeysPage

_GUILDFILE = """
The file says what a project offers: either a mapping of names to operations, or a list of
entries. An entry is a package, a model with operations, a config that models extend, or an
include of other files. An operation whose keys have a fault is listed with it; the others run.

In the keys of a model, {{NAME}} is the value of its parameter NAME. In flags, operations and
resources, the key $include names a CONFIG, a CONFIG:OPERATION or CONFIG#NAME,NAME whose own
are put in; those that are there already win.
"""


def page() -> KeysPage:
    """The page."""
    groups = [
        (f"Keys of {group}", [(name, _about(group, name, key)) for name, key in known.items()])
        for group, known in keys.GROUPS.items()
    ]
    source = "the table of keys in guild_sync/guildfile/keys.py"
    others = ("guild-operations(1)", "guild-run(1)", "guild-config(5)")
    about = "what a project offers to guild"
    return KeysPage("guild.yml", about, source, _GUILDFILE, groups, others)


def _about(group: str, name: str, key: keys.Key) -> str:
    takes = ", ".join(key.values) if key.values else ", ".join(key.takes)
    return f"{keys.about(group, name).rstrip('.')}. Takes {takes}. Since {key.since}."
