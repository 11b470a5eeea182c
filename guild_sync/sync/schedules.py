"""What has cron, or systemd, sync every few minutes."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from guild_sync.errors import GuildError
from guild_sync.output import whole_files

EVERY = 5  # minutes
DEADLINE = 3600  # seconds
# What cron gives to a command where the crontab does not say otherwise: crontab(5).
_CRON_PATH = "/usr/bin:/bin"
_KEPT = ("GUILD_HOME", "GUILD_CONFIG")
_NAME = "guild-sync"

# What systemd takes for the path of a program, however it is quoted.
_CALLABLE = re.compile(r"[^\x00-\x1f\x7f\"'\\]+\Z")

_WRITTEN_BY = "# Written by 'guild sync --systemd', which writes it anew."
_SERVICE = f"""\
# Syncs runs with their remotes, once. `guild-sync.timer` calls it.
{_WRITTEN_BY}
[Unit]
Description=Sync guild runs with their remotes
Documentation=man:guild-sync(1)

[Service]
Type=oneshot
@ENVIRONMENT@ExecStart=@PROGRAM@ --deadline {DEADLINE}
# The connections stay open between two syncs: they are ssh's, not this unit's.
KillMode=process
Nice=5
NoNewPrivileges=yes
"""
_TIMER = f"""\
# Has runs synced every {EVERY} minutes, and once more after the machine has slept.
{_WRITTEN_BY}
[Unit]
Description=Sync guild runs with their remotes every {EVERY} minutes
Documentation=man:guild-sync(1)

[Timer]
OnCalendar=*:0/{EVERY}
RandomizedDelaySec=60
Persistent=yes

[Install]
WantedBy=timers.target
"""


def line() -> str:
    """What `crontab -e` takes: this guild-sync, with this guild home and config file.

    Raises GuildError where no line of a crontab can say that.
    """
    words = [f"{name}={shlex.quote(value)}" for name, value in _variables().items()]
    command = " ".join([*words, *map(shlex.quote, _program())])
    _refuse_line_break(command, "a crontab")
    # Not all machines of a site at the same minute.
    first = (
        int(hashlib.sha256(f"{os.uname().nodename}\0{command}".encode()).hexdigest(), 16) % EVERY
    )
    # cron takes a bare % for a line break.
    return f"{first}-59/{EVERY} * * * * " + command.replace("%", "\\%")


def write_units() -> Sequence[Path]:
    """Write the units of a user's own systemd, for this guild-sync, guild home and config file.

    Raises GuildError where a file of theirs is in the way, or no unit can say that.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd/user"
    texts = {folder / name: text for name, text in units(_program(), _variables()).items()}
    for path in texts:
        if path.exists() and _WRITTEN_BY not in path.read_bytes().decode("utf-8", "replace"):
            raise GuildError(
                f"{path} is there, and is not of 'guild sync --systemd'",
                "Move it away; what you change belongs into 'systemctl --user edit guild-sync'.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        whole_files.write(path, text.encode())
    return [*texts]


def units(program: Sequence[str], variables: Mapping[str, str]) -> Mapping[str, str]:
    """The text of each unit by its name: `program` is called, with these variables.

    Raises GuildError where no unit can say that.
    """
    whole = "".join([*program, *variables.values()])
    _refuse_line_break(whole, "a unit of systemd")
    if re.search("[\ud800-\udfff]", whole):
        raise GuildError("a path that is no UTF-8 cannot stand in a unit of systemd", "Rename it.")
    if not _CALLABLE.match(program[0]):
        raise GuildError(
            f"systemd calls no program with quotes or backslashes in its path: {program[0]}",
            "Install guild elsewhere, or call it from cron: guild sync --crontab",
        )
    environment = "".join(
        f"Environment={_unit_word(f'{name}={value}')}\n" for name, value in variables.items()
    )
    # Variables are put in for `$NAME` behind the program, and in no path of one.
    words = " ".join(map(_unit_word, (program[0], *(w.replace("$", "$$") for w in program[1:]))))
    service = _SERVICE.replace("@ENVIRONMENT@", environment).replace("@PROGRAM@", words)
    return {f"{_NAME}.service": service, f"{_NAME}.timer": _TIMER}


def _program() -> Sequence[str]:
    """The words that are this installation's guild-sync, wherever it is."""
    called = Path(sys.argv[0]).resolve()
    if zipfile.is_zipfile(called):  # one file, which is no other command by another name
        return (sys.executable, str(called), "sync", "--cron")  # the PATH there may have no such
    program = called.with_name(_NAME)
    if not program.exists():
        raise GuildError(f"there is no {program}", "Install guild with pip, and call that one.")
    return (str(program),)


def _variables() -> Mapping[str, str]:
    found = {name: os.path.abspath(os.environ[name]) for name in _KEPT if os.environ.get(name)}
    if not all(shutil.which(name, path=_CRON_PATH) for name in ("ssh", "rsync")):
        found["PATH"] = os.environ.get("PATH", _CRON_PATH)
    return found


def _refuse_line_break(text: str, where: str) -> None:
    if re.search("[\n\r]", text):
        raise GuildError(f"a line break in a path cannot stand in {where}", "Rename it.")


def _unit_word(text: str) -> str:
    """A word as systemd.syntax(7) has it; a percent sign would begin a specifier."""
    text = text.replace("%", "%%")
    if re.fullmatch(r"[\w./:@=,+%-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
