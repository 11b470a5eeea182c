"""Every page of the manual, by the name of its file."""

from __future__ import annotations

from guild_sync.cli.table import COMMANDS, file_of, usage
from guild_sync.manual import of_commands, of_config, of_guildfile

TOPICS = ("filters", "config", "guild.yml")  # of which `guild help` tells, beside commands
_FILTERS = "Which runs are meant: options of every command that chooses runs.\n\n"


def topic(name: str) -> str:
    """What `guild help` tells of one of TOPICS, as a terminal shows it."""
    from guild_sync.cli.arguments import FILTER_OPTIONS

    if name == "filters":
        return _FILTERS + FILTER_OPTIONS
    page = of_config.page() if name == "config" else of_guildfile.page()
    return page.as_text()


def pages() -> dict[str, str]:
    """Every page: its file's name, and its text as roff."""
    from guild_sync.cli.arguments import usage_of

    about = "start operations and sync runs"
    found = {"guild.1": of_commands.page("guild", about, usage(), COMMANDS)}
    for name, (_, about) in COMMANDS.items():
        usage_shown = usage_of(file_of(name))
        found[f"guild-{name}.1"] = of_commands.page(f"guild-{name}", about, usage_shown)
    found["guild.yml.5"] = of_guildfile.page().as_roff()
    found["guild-config.5"] = of_config.page().as_roff()
    return found
