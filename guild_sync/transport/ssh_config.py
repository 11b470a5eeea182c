"""One configuration file for a remote, which ssh and rsync both get, and where it is kept."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path

from guild_sync.agent.store.atomic import write_in
from guild_sync.config.home import private_folder
from guild_sync.config.remotes import DEFAULT_CONNECT_TIMEOUT, Remote
from guild_sync.transport import programs
from guild_sync.transport.known import known_of

CONTROL_PERSIST = 600  # seconds that a connection stays open after its last use
ALIVE_INTERVAL = 5  # seconds between keep-alives; three unanswered ones end the connection

# Characters that mean the same to every login shell, to ssh_config and to rsync's -e.
PLAIN = re.compile(r"[A-Za-z0-9_./@+=:,-]*\Z")


# For an ssh that joins the connection which is open, or makes none.
JOINING = ("-o", "ProxyCommand=false")

# Before the user's configuration, which is meant for a person's session. The connection is
# guild's own, and stays open: it would hold their ports, and the keys of their agent.
_OURS_ALONE = (
    "  ClearAllForwardings yes",
    "  ForwardAgent no",
    "  ForwardX11 no",
    "  Tunnel no",
    "  PermitLocalCommand no",
    # Quieter, ssh does not say why it failed.
    "  LogLevel INFO",
)


def rsync_shell(remote: Remote, *, joins: bool = False) -> str:
    """The value of rsync's `-e`: the same ssh, the same configuration, the same connection.

    With `joins`, it is the one that is open, or none: ssh makes none of its own where the
    remote refuses another channel in it.
    """
    return " ".join(("ssh", *(JOINING if joins else ()), "-F", str(config_file(remote))))


def config_text(
    remote: Remote, control_path: str, *, asking: bool = False, ciphers: str | None = None
) -> str:
    """The ssh configuration for `remote`, in the order of precedence.

    With `asking`, ssh may ask a person, and so may that of a jump host, which reads this too.
    `ciphers` are those that come first, where nothing else says which do.
    """
    explicit = {
        "User": remote.user,
        "Port": remote.port,
        "IdentityFile": _value(remote.private_key),
        "IdentitiesOnly": "yes" if remote.private_key else None,
        "ConnectTimeout": remote.connect_timeout,
        "ProxyCommand": remote.proxy,
        "ProxyJump": remote.proxy_jump,
        "UserKnownHostsFile": _value(remote.known_hosts),
        "ControlPersist": remote.keep_open,
    }
    lines = [
        "# Made by guild: its remote's settings, then your own, then guild's defaults.",
        f"BatchMode {'no' if asking else 'yes'}",
        f"Host {remote.host}",
        *(f"  {_option_line(option)}" for option in remote.ssh_options),
        *(f"  {key} {value}" for key, value in explicit.items() if value is not None),
        "  RemoteCommand none",
        "  RequestTTY no",
        "Match all",
        *_OURS_ALONE,
        *_user_configuration(remote),
        # Only for the remote itself: a jump host's ssh reads this file too, and must
        # not take the connection to the remote for its own.
        f"Host {remote.host}",
        "  ControlMaster auto",
        f"  ControlPath {control_path}",
        f"  ControlPersist {CONTROL_PERSIST}",
        *([f"  Ciphers {ciphers}"] if ciphers else []),
        "Match all",
        f"  ConnectTimeout {DEFAULT_CONNECT_TIMEOUT}",
        f"  ServerAliveInterval {ALIVE_INTERVAL}",
        "  ServerAliveCountMax 3",
    ]
    return "\n".join(lines) + "\n"


def _user_configuration(remote: Remote) -> list[str]:
    if remote.ssh_config:  # as with ssh -F: it stands for the system's configuration too
        return [f"Include {_value(remote.ssh_config)}"]
    return ["Include ~/.ssh/config", "Match all", "Include /etc/ssh/ssh_config"]


def _option_line(option: str) -> str:
    key, value = re.split(r"\s*[=\s]\s*", option, maxsplit=1)
    return f"{key} {value}"


def _value(path: str | None) -> str | None:
    return None if path is None else str(plain_path(Path(path)))


def plain_path(path: Path) -> Path:
    """`path`, or a symbolic link to it, where its own name would need quoting.

    ssh_config expands `%` and `${}` in paths and has no way to escape the latter;
    sshd_config, rsync's -e and known_hosts each quote in a way of their own.
    """
    if PLAIN.match(str(path)):
        return path
    link = private_folder() / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    _replace_link(link, path)
    return link


def _replace_link(link: Path, target: Path) -> None:
    if link.is_symlink() and os.readlink(link) == str(target):
        return
    temporary = link.with_name(f"{link.name}.{os.getpid()}.{threading.get_ident()}")
    temporary.symlink_to(target)
    temporary.replace(link)


def paths(remote: Remote) -> tuple[Path, Path]:
    """The remote's configuration file and its connection's socket.

    How long that is kept, and which ciphers come first, is no part of their name: an open one is
    used until it closes.
    """
    folder = private_folder()
    text = config_text(remote._replace(keep_open=None), "")
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{digest[:12]}.conf", folder / digest[:12]


def _ciphers(remote: Remote) -> str | None:
    """The ciphers that are the fastest for a remote, unless it is known that they are not."""
    # Of one that was not asked yet, too: hardly any is without AES, and a connection that is used
    # every few minutes, as by cron, stays the first one.
    known = known_of(remote)
    may_be = known is None or known["aes"]
    return programs.FASTEST_CIPHERS if may_be and programs.ssh_has_fastest() else None


def config_file(remote: Remote, *, asking: bool = False) -> Path:
    """The file with `config_text` in it, for the connection of all that guild does there."""
    path, socket = paths(remote)
    if asking:
        path = path.with_suffix(".asking.conf")
    ciphers = _ciphers(remote)
    text = config_text(remote, str(socket), asking=asking, ciphers=ciphers)
    if not path.exists() or path.read_bytes() != text.encode("utf-8", "surrogateescape"):
        write_in(str(path.parent), path.name, text, flushed=False, mode=0o600)
    return path
