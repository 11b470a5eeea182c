"""Log in to a remote on the terminal, where ssh may ask what only a person can answer."""

from __future__ import annotations

import os
from collections.abc import Mapping

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, RemoteError, Unreachable
from guild_sync.transport import connection, ssh, watched
from guild_sync.transport.ssh_config import config_file
from guild_sync.transport.ssh_failures import CONNECTION_FAILED, by_hand

_TERMINAL = "/dev/tty"  # where ssh itself asks, whatever its stdin is


def need_somebody() -> None:
    """Raise GuildError where ssh could ask nobody: see SSH_ASKPASS in ssh(1)."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR))
    except OSError:
        if not has_askpass(os.environ):
            raise GuildError(
                "there is no terminal to log in on",
                "Or have SSH_ASKPASS name a program that answers, with SSH_ASKPASS_REQUIRE=force.",
            ) from None


def has_askpass(env: Mapping[str, str]) -> bool:
    when = env.get("SSH_ASKPASS_REQUIRE", "")
    is_shown = bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))
    return bool(env.get("SSH_ASKPASS")) and when != "never" and (is_shown or when == "force")


def log_in(remote: Remote) -> connection.Login:
    """Open a connection to `remote` in place of the one that is open, and keep it.

    ssh asks on the terminal what it would ask there by itself: host keys, passphrases, passwords.
    Raises GuildError where its configuration keeps no connection, before anything is asked.
    """
    settings = ssh.settings(remote)
    idle = idle_seconds(remote, settings)
    connection.leave(remote)
    code = watched.foreground(argv(remote, settings))
    if code == CONNECTION_FAILED or code < 0:
        raise Unreachable(f"the login to remote {remote.name!r} failed; ssh has said why")
    if code:
        raise RemoteError(
            f"remote {remote.name!r} let you in, and its login shell ended with {code}",
            f"Log in by hand, and see what it wants:\n  {by_hand(remote)}",
        )
    master = connection.master_of(remote)
    if master is None:
        raise Unreachable(f"the connection to remote {remote.name!r} was lost")
    return connection.note_login(remote, idle, master)


def argv(remote: Remote, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The argv that opens the connection, and runs nothing: every login shell has `exit`."""
    # Who logs in wants a master, also where other commands are not to become one.
    master = ("-o", "ControlMaster=auto") if settings.get("controlmaster") == "false" else ()
    config = str(config_file(remote, asking=True))
    return ("ssh", "-n", *master, "-F", config, "--", remote.host, "exit 0")


def idle_seconds(remote: Remote, settings: Mapping[str, str]) -> int:
    """The seconds without use after which the connection will close, by ssh's own settings."""
    for option, off in (("ControlPersist", "no"), ("ControlPath", "none")):
        if settings.get(option.lower(), off) == off:
            raise GuildError(
                f"no connection to remote {remote.name!r} is kept: ssh has {option} {off}",
                "See 'ssh-options' of the remote, and your ssh configuration. 'keep-open: 10h' of "
                "the remote\nstands for ControlPersist, and counts before the latter.",
            )
    keeps = settings["controlpersist"]
    return int(keeps) if keeps.isdecimal() else 0
