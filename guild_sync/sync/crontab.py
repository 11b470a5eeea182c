"""The line for a crontab that syncs every few minutes."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from pathlib import Path

from guild_sync.errors import GuildError

EVERY = 5  # minutes
# What cron gives to a command where the crontab does not say otherwise: crontab(5).
_CRON_PATH = "/usr/bin:/bin"
_KEPT = ("GUILD_HOME", "GUILD_CONFIG")


def line() -> str:
    """What `crontab -e` takes: this guild-sync, with this guild home and config file.

    Raises GuildError where no line of a crontab can say that.
    """
    program = Path(sys.argv[0]).resolve().with_name("guild-sync")
    if not program.exists():
        raise GuildError(f"there is no {program}", "Install guild with pip, and call that one.")
    variables = {name: os.path.abspath(os.environ[name]) for name in _KEPT if os.environ.get(name)}
    if not all(shutil.which(name, path=_CRON_PATH) for name in ("ssh", "rsync")):
        variables["PATH"] = os.environ.get("PATH", _CRON_PATH)
    words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    command = " ".join([*words, shlex.quote(str(program))])
    if "\n" in command:
        raise GuildError("a line break in a path cannot stand in a crontab", "Rename it.")
    # Not all machines of a site at the same minute.
    first = (
        int(hashlib.sha256(f"{os.uname().nodename}\0{command}".encode()).hexdigest(), 16) % EVERY
    )
    # cron takes a bare % for a line break.
    return f"{first}-59/{EVERY} * * * * " + command.replace("%", "\\%")
