"""The page of guild.yml: every key of the table, with what it takes."""

from __future__ import annotations

from guild_sync.guildfile import keys
from guild_sync.manual.roff import head, item, plain, seen_also

_GUILDFILE = """
The file says what a project offers: either a mapping of names to operations, or a list of
entries. An entry is a package, a model with operations, a config that models extend, or an
include of other files. An operation whose keys have a fault is listed with it; the others run.

In the keys of a model, {{NAME}} is the value of its parameter NAME. In flags, operations and
resources, the key $include names a CONFIG, a CONFIG:OPERATION or CONFIG#NAME,NAME whose own
are put in; those that are there already win.
"""


def page() -> str:
    """The page as roff."""
    source = "the table of keys in guild_sync/guildfile/keys.py"
    lines = [
        *head("guild.yml", 5, "what a project offers to guild", source),
        ".SH DESCRIPTION",
        *plain(_GUILDFILE.splitlines()),
    ]
    for group, known in keys.GROUPS.items():
        lines.append(f".SH KEYS OF {group.upper()}")
        for name, key in known.items():
            takes = ", ".join(key.values) if key.values else ", ".join(key.takes)
            about = f"{keys.about(group, name).rstrip('.')}. Takes {takes}. Since {key.since}."
            lines += item(name, about)
    lines += seen_also("guild-operations(1)", "guild-run(1)", "guild-config(5)")
    return "\n".join(lines) + "\n"
