"""What ssh's failures mean, and what to do about each."""

from __future__ import annotations

import re
import shlex

from guild_sync.config.remotes import Remote
from guild_sync.errors import LoginRefused, NotReached, PersonNeeded, RemoteError, Unreachable
from guild_sync.transport import process
from guild_sync.transport.ssh_config import PLAIN, config_file

CONNECTION_FAILED = 255  # ssh(1), EXIT STATUS; a remote command may end with it too
SSH_PORT = 22


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
# How ssh begins to say what has become of a connection that no other ssh shared.
_WAS_OPEN = re.compile(r"^(Read from remote host|client_loop:)", re.M)
_DENIED = r"Permission denied(?: \((?P<ways>[^)]*)\))?"
_EXPIRED = "(?i)password has expired|password change required|required to change your password"


def failure(remote: Remote, stderr: str) -> Unreachable:
    """What ssh's own words mean for the user, and what to do."""
    for meaning in (_at_a_proxy, _of_the_host_key, _of_the_login, _of_the_network):
        if error := meaning(remote, stderr):
            return error
    hint = f"Try '{by_hand(remote)}'."
    if any(option.lower().startswith("loglevel") for option in remote.ssh_options):
        hint += "\n'ssh-options' of the remote has a LogLevel, which may keep ssh from saying why."
    reason = last_line(stderr) or "the connection was lost"
    return Unreachable(f"cannot reach {_where(remote)}: {reason}", hint)


def _where(remote: Remote) -> str:
    return f"remote {remote.name!r}"


def _address(remote: Remote) -> str:
    return f"{remote.host}:{remote.port}" if remote.port else remote.host


def by_hand(remote: Remote) -> str:
    """The command that logs in there in the way that guild does."""
    return f"ssh {_destination(remote)}"


def key_installed(remote: Remote) -> str:
    """The command that has a person's key let in there, the same way as guild goes."""
    return f"ssh-copy-id {_destination(remote)}"


def _login(remote: Remote) -> str:
    """The command with which a person opens the connection that guild uses."""
    return shlex.join(["guild", "remote", "login", remote.name])


def _at_a_proxy(remote: Remote, stderr: str) -> NotReached | None:
    if BEHIND_A_PROXY not in stderr:
        return None
    # Where the connection is to be kept, ssh drops what the proxy says; not with -v.
    reason = last_line(_AFTER_A_PROXY.sub("", stderr))
    see = "" if reason else f"\n'guild check -r {remote.name}' shows what it says."
    return NotReached(
        f"cannot reach {_where(remote)}: the proxy on the way failed" + (reason and f": {reason}"),
        "'proxy-jump' or 'proxy' of the remote names it, or your ssh configuration."
        f"{see}\nTry by hand:\n  {by_hand(remote)}\n"
        f"Where it wants to be told a password or a code:\n  {_login(remote)}",
    )


def _of_the_host_key(remote: Remote, stderr: str) -> NotReached | None:
    whose = f"the host key of {_where(remote)} ({_address(remote)})"
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in stderr:
        return NotReached(
            f"{whose} has changed",
            "Either the machine was set up anew, or somebody is between you and it. Once its "
            f"administrator confirms the new key, remove the old one:\n  {_forget(remote)}",
        )
    if "Host key verification failed" in stderr:
        return NotReached(
            f"{whose} is not known",
            f"Connect once by hand to check and accept it:\n  {by_hand(remote)}",
        )
    return None


def _of_the_login(remote: Remote, stderr: str) -> NotReached | None:
    refused = f"{_where(remote)} refused the login"
    if "account has expired" in stderr:
        return NotReached(
            f"{refused}: the account there has expired", "Its administrator can renew it."
        )
    if "Too many authentication failures" in stderr:
        return NotReached(
            f"{refused}: ssh offered it too many keys",
            "Your ssh agent and ssh configuration have more keys than the server hears out. Name "
            "the right one with\n'private-key' of the remote: then no other is offered.",
        )
    if not (denied := re.search(_DENIED, stderr)):
        return None
    if "Session open refused by peer" in stderr:  # and ssh has tried to connect anew
        return NotReached(
            f"{_where(remote)} takes no more sessions at once on the connection that is open",
            "Try again when another guild is done there. 'MaxSessions' of its ssh server says how "
            "many it takes.",
        )
    ways = (denied["ways"] or "publickey").split(",")
    if "publickey" not in ways and {"keyboard-interactive", "password"} & set(ways):
        return PersonNeeded(
            f"{_where(remote)} asks for a second factor, or a password, which only you can type: "
            f"{last_line(stderr)}",
            f"Log in, and guild uses that connection from then on:\n  {_login(remote)}",
        )
    return LoginRefused(
        f"{refused}: {last_line(stderr)}",
        "Check 'user' and 'private-key' of the remote, or install your key there:\n"
        f"  {key_installed(remote)}\n"
        "Where a key's passphrase, or a password, is to be typed:\n"
        f"  {_login(remote)}",
    )


def _of_the_network(remote: Remote, stderr: str) -> NotReached | None:
    cannot = f"cannot reach {_where(remote)}"
    if _WAS_OPEN.search(stderr):
        return None
    if "Could not resolve hostname" in stderr:
        return NotReached(
            f"{cannot}: the host name {remote.host!r} does not resolve",
            "Check the name after 'ssh:', or that your ssh configuration has it."
            if remote.name.startswith("ssh:")
            else "Check how 'host' of the remote is spelled, or your ssh configuration.",
        )
    if "Connection refused" in stderr:
        return NotReached(
            f"{cannot}: {_address(remote)} refused the connection",
            "Check that its ssh server runs, and 'host' and 'port' of the remote.",
        )
    if re.search(r"timed out|No route to host|Network is unreachable", stderr):
        return NotReached(
            f"{cannot}: {_address(remote)} does not answer",
            "Check that the machine is up and that the network lets you through.",
        )
    return None


def expired(remote: Remote, stderr: str) -> RemoteError | None:
    """What to do where the server let us in and wants a new password first; None elsewhere."""
    if not re.search(_EXPIRED, stderr):
        return None
    return RemoteError(
        f"the password on {_where(remote)} has expired",
        f"Log in by hand, where you are asked for a new one:\n  {by_hand(remote)}",
    )


def _destination(remote: Remote) -> str:
    """What to type behind `ssh` to get there by hand, the same way as guild does.

    A proxy's command line may have a password in it, and this goes to mails and logs: it is
    then the file with guild's settings that is named.
    """
    if remote.proxy:
        return _with_our_configuration(remote)
    port = ["-p", str(remote.port)] if remote.port else []
    key = ["-i", remote.private_key] if remote.private_key else []
    options = {
        "ProxyJump": remote.proxy_jump,
        "UserKnownHostsFile": remote.known_hosts and _quoted(remote.known_hosts),
    }
    given = [f"-o{name}={value}" for name, value in options.items() if value]
    user = f"{remote.user}@" if remote.user else ""
    return shlex.join([*port, *key, *given, f"{user}{remote.host}"])


def _with_our_configuration(remote: Remote) -> str:
    return shlex.join(["-oBatchMode=no", "-F", str(config_file(remote)), remote.host])


def _quoted(path: str) -> str:
    """A path as ssh_config(5) takes it, whose words end at a blank."""
    return path if PLAIN.match(path) else f'"{path}"'


def _forget(remote: Remote) -> str:
    # A host on the usual port stands in known_hosts without it.
    usual = remote.port in (None, SSH_PORT)
    name = remote.host if usual else f"[{remote.host}]:{remote.port}"
    known_hosts = ["-f", remote.known_hosts] if remote.known_hosts else []
    return shlex.join(["ssh-keygen", "-R", name, *known_hosts])


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
