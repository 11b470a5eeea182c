"""ssh: one configuration for ssh and for rsync, one connection a remote.

All that guild asks of ssh for a remote stands in one generated configuration file,
`ssh -F FILE`, because ssh_config(5) takes the first value that it obtains for each
option. So the order of the file is the order of precedence: what the remote's entry in
guild's config says, then the user's own ssh configuration, then guild's defaults.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from guild_sync import process
from guild_sync.config import DEFAULT_CONNECT_TIMEOUT, Remote
from guild_sync.errors import GuildError, RemoteError, Unreachable

CONNECTION_FAILED = 255  # ssh(1), EXIT STATUS; a remote command may end with it too
SSH_PORT = 22
CONTROL_PERSIST = 600  # seconds that a connection stays open after its last use
ALIVE_INTERVAL = 5  # seconds between keep-alives; three unanswered ones end the connection
CALL_TIMEOUT = 60.0  # seconds for one short request
MASTER_TIMEOUT = 5.0  # seconds for a word with our own ssh that holds a connection

# Characters that mean the same to every login shell, to ssh_config and to rsync's -e.
_PLAIN = re.compile(r"[A-Za-z0-9_./@+=:,-]*\Z")


def argv(remote: Remote, *command: str) -> tuple[str, ...]:
    """The argv that runs `command`, given in words safe for any shell, on `remote`."""
    return ("ssh", "-F", str(_config_file(remote)), "--", remote.host, *command)


def rsync_shell(remote: Remote) -> str:
    """The value of rsync's `-e`: the same ssh, the same configuration, the same connection."""
    return f"ssh -F {_config_file(remote)}"


def quote(text: str) -> str:
    """`text` as one word that no login shell changes: `printf %b` gives it back.

    Every byte that any shell could take for syntax becomes an octal escape, in single
    quotes, in which a backslash before a digit stands for itself in sh, csh and fish.
    """
    escaped = "".join(
        chr(byte) if _PLAIN.match(chr(byte)) else f"\\0{byte:03o}" for byte in os.fsencode(text)
    )
    return f"'{escaped}'"


def config_text(remote: Remote, control_path: str) -> str:
    """The ssh configuration for `remote`, in the order of precedence."""
    explicit = {
        "User": remote.user,
        "Port": remote.port,
        "IdentityFile": _value(remote.private_key),
        "IdentitiesOnly": "yes" if remote.private_key else None,
        "ConnectTimeout": remote.connect_timeout,
        "ProxyCommand": remote.proxy,
        "ProxyJump": remote.proxy_jump,
        "UserKnownHostsFile": _value(remote.known_hosts),
    }
    lines = [
        "# Made by guild: its remote's settings, then your own, then guild's defaults.",
        "BatchMode yes",
        f"Host {remote.host}",
        *(f"  {_option_line(option)}" for option in remote.ssh_options),
        *(f"  {key} {value}" for key, value in explicit.items() if value is not None),
        "  RemoteCommand none",
        "  RequestTTY no",
        "Match all",
        *_user_configuration(remote),
        # Only for the remote itself: a jump host's ssh reads this file too, and must
        # not take the connection to the remote for its own.
        f"Host {remote.host}",
        "  ControlMaster auto",
        f"  ControlPath {control_path}",
        f"  ControlPersist {CONTROL_PERSIST}",
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
    if _PLAIN.match(str(path)):
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


def private_folder() -> Path:
    """A folder of this user alone, with a short path, where connections' sockets are.

    Sockets' paths may not exceed some 104 bytes (sun_path), so it cannot be under the
    guild home. Raises GuildError where somebody else holds the place.
    """
    uid = os.getuid()
    runtime = Path(f"/run/user/{uid}")  # not XDG_RUNTIME_DIR: cron must find the same place
    base = runtime if os.access(runtime, os.W_OK) else Path("/tmp")
    folder = base / f"guild-{uid}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise GuildError(
            f"{folder} belongs to somebody else", "Have it removed; guild makes its own."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def _names(remote: Remote) -> tuple[Path, Path]:
    """The remote's configuration file and its connection's socket."""
    folder = private_folder()
    digest = hashlib.sha256(config_text(remote, "").encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{digest[:12]}.conf", folder / digest[:12]


def _config_file(remote: Remote) -> Path:
    path, socket = _names(remote)
    text = config_text(remote, str(socket)).encode("utf-8", "surrogateescape")
    if not path.exists() or path.read_bytes() != text:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as f:
            f.write(text)
        os.replace(f.name, path)
    return path


def run(
    remote: Remote,
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = CALL_TIMEOUT,
) -> process.Completed:
    """Run `command` (words safe for any shell) on `remote`; a dead connection is replaced.

    `command` may be run twice, so it must be one that can be.
    Raises Unreachable, with what to do, where ssh itself fails.
    """
    _, socket = _names(remote)
    shared = socket.exists()
    words = argv(remote, *command)
    done = process.run(words, stdin=stdin, timeout=timeout)
    if shared and (done.code == CONNECTION_FAILED or done.timed_out):
        disconnect(remote)
        done = process.run(words, stdin=stdin, timeout=timeout)
    check(remote, done)
    return done


def is_connected(remote: Remote) -> bool:
    """Whether a connection to `remote` is open, for the next command to use."""
    _, socket = _names(remote)
    if not socket.exists():
        return False
    argv_of_check = ("ssh", "-F", str(_config_file(remote)), "-O", "check", "--", remote.host)
    return process.run(argv_of_check, timeout=MASTER_TIMEOUT).code == 0


def probe_argv(remote: Remote, *command: str) -> tuple[str, ...]:
    """As `argv`, over a connection of its own, with ssh telling all that it does on stderr."""
    own = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
    return ("ssh", "-v", *own, "-F", str(_config_file(remote)), "--", remote.host, *command)


def settings(remote: Remote) -> dict[str, str]:
    """What ssh makes of all its configuration for `remote`, by lower-case option.

    Nothing is connected to. Raises GuildError where ssh refuses the configuration.
    """
    done = process.run(("ssh", "-G", "-F", str(_config_file(remote)), "--", remote.host))
    if done.code != 0:
        raise GuildError(
            f"ssh does not take the settings of remote {remote.name!r}: {_last_line(done.stderr)}",
            "Correct 'ssh-options' and the other keys of the remote, or your ssh configuration.",
        )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(" ") for line in lines)
    return {name: value for name, _, value in pairs}


def disconnect(remote: Remote) -> None:
    """Close the open connection to `remote`, if there is one, without asking the remote."""
    _, socket = _names(remote)
    if socket.exists():
        process.run(
            ("ssh", "-F", str(_config_file(remote)), "-O", "exit", "--", remote.host),
            timeout=MASTER_TIMEOUT,
        )
        socket.unlink(missing_ok=True)


def check(remote: Remote, done: process.Completed) -> None:
    """Raise Unreachable, with what to do about it, if ssh says that it could not connect."""
    if done.timed_out:
        raise Unreachable(
            f"remote {remote.name!r} did not answer in time",
            f"Try 'ssh {_destination(remote)}' and see where it hangs.",
        )
    if done.said_too_much:
        raise RemoteError(
            f"remote {remote.name!r} answered with more than {process.MAX_OUTPUT >> 20} MB",
            "Is it the machine that you mean?",
        )
    if done.code == CONNECTION_FAILED:
        raise failure(remote, done.stderr)


# What ssh says when the program that is its way to the host ends: it knows no address.
BEHIND_A_PROXY = "by UNKNOWN port 65535"
_AFTER_A_PROXY = re.compile(rf"^(kex_exchange_identification:|.*{BEHIND_A_PROXY}).*", re.M)
_PERMISSION = re.compile(r"Permission denied|Too many authentication failures")


def failure(remote: Remote, stderr: str) -> Unreachable:
    """What ssh's own words mean for the user, and what to do."""
    where = f"remote {remote.name!r}"
    address = f"{remote.host}:{remote.port}" if remote.port else remote.host
    by_hand = f"ssh {_destination(remote)}"
    if BEHIND_A_PROXY in stderr:
        # Where the connection is to be kept, ssh drops what the proxy says; not with -v.
        reason = _last_line(_AFTER_A_PROXY.sub("", stderr))
        see = "" if reason else f"\n'guild check -r {remote.name}' shows what it says."
        return Unreachable(
            f"cannot reach {where}: the proxy on the way failed" + (reason and f": {reason}"),
            "'proxy-jump' or 'proxy' of the remote names it, or your ssh configuration."
            f"{see}\nTry by hand:\n  {by_hand}",
        )
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in stderr:
        return Unreachable(
            f"the host key of {where} ({address}) has changed",
            "Either the machine was set up anew, or somebody is between you and it. Once its "
            f"administrator confirms the new key, remove the old one:\n  {_forget(remote)}",
        )
    if "Host key verification failed" in stderr:
        return Unreachable(
            f"the host key of {where} ({address}) is not known",
            f"Connect once by hand to check and accept it:\n  {by_hand}",
        )
    if _PERMISSION.search(stderr):
        return Unreachable(
            f"{where} refused the login: {_last_line(stderr)}",
            "Check 'user' and 'private-key' of the remote, or install your key there:\n"
            f"  ssh-copy-id {_destination(remote)}",
        )
    if "Could not resolve hostname" in stderr:
        return Unreachable(
            f"cannot reach {where}: the host name {remote.host!r} does not resolve",
            "Check 'host' of the remote in the config file.",
        )
    if "Connection refused" in stderr:
        return Unreachable(
            f"cannot reach {where}: {address} refused the connection",
            "Check that its ssh server runs, and 'host' and 'port' of the remote.",
        )
    if re.search(r"timed out|No route to host|Network is unreachable", stderr):
        return Unreachable(
            f"cannot reach {where}: {address} does not answer",
            "Check that the machine is up and that the network lets you through.",
        )
    reason = _last_line(stderr) or "the connection was lost"
    return Unreachable(f"cannot reach {where}: {reason}", f"Try '{by_hand}'.")


def _destination(remote: Remote) -> str:
    """What to type behind `ssh` to get there by hand, the same way as guild does.

    A proxy's command line may have a password in it, and this goes to mails and logs: it is
    then the file with guild's settings that is named.
    """
    if remote.proxy:
        return shlex.join(["-oBatchMode=no", "-F", str(_config_file(remote)), remote.host])
    port = ["-p", str(remote.port)] if remote.port else []
    key = ["-i", remote.private_key] if remote.private_key else []
    options = {
        "ProxyJump": remote.proxy_jump,
        "UserKnownHostsFile": remote.known_hosts and _quoted(remote.known_hosts),
    }
    given = [f"-o{name}={value}" for name, value in options.items() if value]
    user = f"{remote.user}@" if remote.user else ""
    return shlex.join([*port, *key, *given, f"{user}{remote.host}"])


def _quoted(path: str) -> str:
    """A path as ssh_config(5) takes it, whose words end at a blank."""
    return path if _PLAIN.match(path) else f'"{path}"'


def _forget(remote: Remote) -> str:
    # A host on the usual port stands in known_hosts without it.
    usual = remote.port in (None, SSH_PORT)
    name = remote.host if usual else f"[{remote.host}]:{remote.port}"
    known_hosts = ["-f", remote.known_hosts] if remote.known_hosts else []
    return shlex.join(["ssh-keygen", "-R", name, *known_hosts])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def remote_error(remote: Remote, message: str, hint: str = "") -> RemoteError:
    return RemoteError(f"remote {remote.name!r}: {message}", hint)
