"""Show how to use guild, or one of its commands.

Usage:
  guild help [COMMAND]
  guild help --help
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from guild_sync.arguments import parse
from guild_sync.errors import Exit, GuildError


def main(argv: Sequence[str]) -> int:
    from guild_sync import cli

    name = parse(__doc__ or "", argv)["COMMAND"]
    if name is None:
        print(cli.usage(), end="")
        return Exit.OK
    if name not in cli.COMMANDS:
        raise GuildError(f"there is no command {name!r}", "Try 'guild --help'.")
    module = import_module(f"guild_sync.commands.{cli.COMMANDS[name][0]}")
    usage: str = getattr(module, "USAGE", None) or module.__doc__ or ""
    print(usage.strip())
    return Exit.OK
