"""A remote for the config file: what is meant by it, its host key accepted, written, checked."""

from __future__ import annotations

import os
import sys

from guild_sync.beginning import config_text, host_key, ssh_hosts
from guild_sync.config import groups, remotes
from guild_sync.config.home import config_path
from guild_sync.config.remotes import Remote
from guild_sync.config.schema import why_no_name
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.monitoring import check, line
from guild_sync.output import console
from guild_sync.output.console import say
from guild_sync.output.terminal import clean
from guild_sync.transport import ssh_failures

_MOST_TOLD = 20  # hosts


def add(name: str, host: str | None, without_asking: bool, without_check: bool) -> int:
    """Add the remote; guild's exit status, which is that of the check.

    Raises GuildError, with nothing written, where it cannot be, cannot be reached, or is not
    trusted.
    """
    _refuse_name(name)
    remote = _meant(name, _host_of(name, host))
    path = config_path()
    config_text.with_remote(path, name, _keys(remote))  # refused before anybody is asked
    asks = not without_check and host_key.accepted(remote, without_asking)
    with config_text.alone(path):
        _refuse_name(name)  # another may have been added meanwhile
        config_text.written(path, config_text.with_remote(path, name, _keys(remote)))
    say(f"Wrote remote {clean(name)} to {clean(str(path))}")
    worst: int = Exit.OK
    if not without_check:
        lines = [*check.there(remotes.remote(name), check.ALL_PARTS, offline=False)]
        for shown in line.told(name, lines):
            say(shown)
        worst = max(worst, *(one.exit for one in lines))
    if asks:
        say("It asks you again once that connection is closed. Where it would take a key instead:")
        say(f"  {clean(ssh_failures.key_installed(remote))}")
    say(f"To run there: guild run OPERATION -r {clean(name)}")
    return worst


def _refuse_name(name: str) -> None:
    if why := why_no_name(name, "remote"):
        raise UsageError(why)
    if name in remotes.defined() or name == remotes.SANDBOX:
        raise GuildError(
            f"there is a remote {name!r} already", f"Name another, or change it in {config_path()}."
        )
    if name in groups.groups():
        raise GuildError(f"there is a group of remotes {name!r} already", "Name it otherwise.")


def _meant(name: str, host: str) -> Remote:
    try:
        found = remotes.remote(f"ssh:{host}")
    except GuildError:
        found = None
    if found is None or found.guild_home != ".guild" or "," in host:
        raise UsageError(f"{host!r} is no host", "One is [USER@]HOST[:PORT], or a name of ssh's.")
    return found._replace(name=name)


def _keys(remote: Remote) -> dict[str, str | int]:
    keys: dict[str, str | int] = {"type": "ssh", "host": remote.host}
    if remote.user:
        keys["user"] = remote.user
    if remote.port:
        keys["port"] = remote.port
    return keys


def _host_of(name: str, host: str | None) -> str:
    """The host that is named, or else the one that ssh knows by the name, or that is chosen."""
    if host is not None:
        return host
    known = ssh_hosts.hosts()
    if name in known:
        return name
    if not known:
        raise UsageError("HOST is missing", f"Such as: guild remote add {name} USER@HOST")
    if not (os.isatty(sys.stdin.fileno()) and sys.stdout.isatty()):
        told = ", ".join(known[:_MOST_TOLD])
        raise UsageError("HOST is missing", f"Your ssh configuration has: {told}")
    say("Your ssh configuration has these hosts:")
    for number, one in enumerate(known, 1):
        say(f"  {number:>3}  {clean(one)}")
    answer = console.ask(f"Which is {clean(name)}? (number or name) ").strip()
    if answer.isdecimal() and 0 < int(answer) <= len(known):
        return known[int(answer) - 1]
    if not answer:
        raise UsageError("HOST is missing")
    return answer
