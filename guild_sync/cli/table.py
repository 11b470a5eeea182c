"""The table of commands, and how one of them is found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from guild_sync.errors import GuildError

# name -> (module below guild_sync.commands, what it does)
COMMANDS = {
    "cat": ("cat", "show a file of a run"),
    "check": ("check", "show what guild lacks, here or on a remote"),
    "clean": ("clean", "remove from a remote what is home, or what was deleted here"),
    "comment": ("comment", "add comments to runs, list or delete them"),
    "compare": ("compare", "show runs beside each other: flags, scalars, time, status"),
    "completion": ("completion", "print a script that completes command lines in a shell"),
    "diff": ("diff", "show how two runs differ"),
    "export": ("export", "put runs into an archive"),
    "fleet": ("fleet", "show all remotes and their runs, again and again"),
    "forward": ("forward", "open a port of a run's machine here"),
    "hooks": ("hooks", "list hooks and notifications, or test them"),
    "import": ("import_", "take runs out of an archive"),
    "info": ("info", "show all that is known of a run"),
    "init": ("init", "write a guild.yml for the Python modules of a folder"),
    "label": ("label", "set or change the label of runs"),
    "ls": ("ls", "list the files of a run"),
    "mark": ("mark", "mark runs, or unmark them"),
    "models": ("models", "list the models of the project here"),
    "open": ("open_", "open a run's directory, or a file in it, in its program"),
    "operations": ("operations", "list what the project here offers"),
    "plot": ("plot", "draw scalars of runs as curves"),
    "pull": ("pull", "copy runs from a remote to this machine"),
    "purge": ("purge", "remove deleted runs for good"),
    "push": ("push", "copy runs from this machine to a remote"),
    "remote": ("remote", "add one, log in, look at, start or stop it, run its init"),
    "remotes": ("remotes", "list the configured remotes, and which answer"),
    "report": ("report", "write pages that show runs and remotes in a browser"),
    "restore": ("restore", "bring deleted runs back"),
    "rm": ("rm", "delete runs"),
    "run": ("run", "run an operation, here or on a remote"),
    "runs": ("runs", "list runs, here or on a remote"),
    "select": ("select", "show the id of a run, or of many"),
    "shell": ("shell", "work in a run's directory, with its environment"),
    "status": ("status", "show how remotes and their runs stand"),
    "stop": ("stop", "stop runs"),
    "sync": ("sync", "bring running runs up to date with their remotes"),
    "tag": ("tag", "add tags to runs, or delete them"),
    "verify": ("verify", "tell whether copies are the same as their remotes' runs"),
    "watch": ("watch", "show the output of a run as it is made"),
}
# Words that stand for a command, with what comes behind that.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "logs": ("cat", "--output"),
    "ops": ("operations",),
}
# Commands of Guild AI that are not here, and what to do instead.
_INSTEAD = {
    "merge": "A file of a run is in the folder that 'guild select --path' shows.",
    "tensorboard": "Write event files: guild export --tensorboard DIR\n"
    "Look at them: tensorboard --logdir DIR",
    "view": "Write pages for the browser: guild report",
    **dict.fromkeys(
        ("install", "uninstall", "packages", "search"),
        "Packages are pip's: 'guild run PACKAGE/OPERATION' runs what pip has installed.",
    ),
}
# `guild runs WORD` is `guild WORD`.
SUBCOMMANDS = {
    "comment": "comment",
    "delete": "rm",
    "diff": "diff",
    "export": "export",
    "import": "import",
    "info": "info",
    "label": "label",
    "mark": "mark",
    "purge": "purge",
    "restore": "restore",
    "rm": "rm",
    "stop": "stop",
    "tag": "tag",
}


# What people want of guild, and the commands for that; several of one kind are told in one line.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "Start": {"run": "", "watch": "", "stop": ""},
    "Look": {
        "runs": "", "info": "",
        "ls, cat": "list or show the files of a run (logs: its output)",
        "open": "", "shell": "", "forward": "", "status": "", "fleet": "",
    },
    "Bring home": {
        "sync": "", "pull": "", "push": "", "verify": "", "clean": "",
        "export, import": "put runs into an archive, take them out of one",
    },
    "Compare": {"select": "", "compare": "", "plot": "", "report": "", "diff": ""},
    "Change": {
        "label, tag": "change the labels or the tags of runs",
        "comment, mark": "say more about runs, or mark them",
        "rm, restore, purge": "delete runs, bring them back, remove them for good",
    },
    "Remotes": {"remotes": "", "remote": "", "check": "", "hooks": ""},
    "Projects": {
        "init": "",
        "operations, models": "list what the project here offers (operations: or ops)",
        "completion": "",
    },
}  # fmt: skip


def usage() -> str:
    """The text of `guild --help`."""
    width = max(len(names) for group in GROUPS.values() for names in group)
    groups = "\n".join(
        "\n".join(
            [f"{title}:", *(f"  {n:{width}}  {a or COMMANDS[n][1]}" for n, a in group.items())]
        )
        for title, group in GROUPS.items()
    )
    return f"""\
Start operations on machines reached over ssh, and bring their runs home.

Usage:
  guild [options] COMMAND [ARG]...

{groups}

Options:
  -C DIR     Have the command work in DIR, as if guild was called there.
  -H DIR     Use DIR as the guild home; it has to be there. Else it is GUILD_HOME, or ~/.guild.
  --version  Show the version and exit.
  --help     Show this help and exit.

'guild help COMMAND' shows what a command takes, 'guild help filters' which runs can be meant,
'guild help config' and 'guild help guild.yml' the keys of these files, and
'guild help --man [COMMAND]' prints a manual page. GUILD_CONFIG is a config file instead of
~/.guild/config.yml; NO_COLOR turns colours off, FORCE_COLOR has them where no terminal is.
"""


def meant(words: Sequence[str]) -> list[str]:
    """A command line, with what its first word stands for."""
    return [*ALIASES.get(words[0], (words[0],)), *words[1:]]


def module_of(name: str) -> str:
    """The module of a command. Raises GuildError where there is none of that name."""
    name = meant([name])[0]
    if name not in COMMANDS:
        hint = _INSTEAD.get(name) or _near(name) + "Try 'guild --help'."
        raise GuildError(f"there is no command {name!r}", hint)
    return COMMANDS[name][0]


def file_of(name: str) -> str:
    """The file of a command, which has its usage."""
    package = os.path.dirname(os.path.dirname(__file__))
    return os.path.join(package, "commands", f"{module_of(name)}.py")


def _near(name: str) -> str:
    from guild_sync.config.texts import nearest

    near = nearest(name, [*COMMANDS, *ALIASES])
    return f"Did you mean 'guild {near}'? " if near else ""
