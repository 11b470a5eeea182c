"""Print a script that lets a shell complete the command lines of guild.

Usage:
  guild completion [options] SHELL

SHELL is bash, zsh or fish. With the script, the Tab key completes commands, options,
operations of the folder's guild.yml, their flags and choices, remotes, and ids of runs on
this machine. It never opens a connection.

To have it in every new shell, put the line into the file:

    bash  ~/.bashrc                   source <(guild completion bash)
    zsh   ~/.zshrc, behind compinit   source <(guild completion zsh)
    fish  ~/.config/fish/config.fish  guild completion fish | source

Options:
  --help  Show this help and exit.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import shells
from guild_sync.cli.arguments import parse
from guild_sync.errors import Exit, UsageError


def main(argv: Sequence[str]) -> int:
    name = parse(__doc__ or "", argv).word("SHELL")
    if name not in shells.SCRIPTS:
        raise UsageError(
            f"there is no completion for {name!r}",
            f"It is there for {', '.join(shells.SCRIPTS)}: try 'guild completion --help'.",
        )
    print(shells.SCRIPTS[name], end="")
    return Exit.OK
