"""One connection to a remote, looked at while it is made: who answers there, and with which key.

It is a new one, whatever connection is open already: only that shows whether the next can
be had, and ssh's own account of it (`ssh -v`) tells what the server calls itself, which key
it showed, which cipher the two took, and what the login shell prints where no person is watching.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from guild_sync.config.remotes import Remote
from guild_sync.errors import Unreachable
from guild_sync.transport import question, ssh, ssh_failures
from guild_sync.transport.process import Completed

# States of a host key.
KNOWN = "known"
UNKNOWN = "unknown"
CHANGED = "changed"
ACCEPTED = "accepted"  # it was unknown, and the user's ssh configuration took it

# ssh's own words, OpenSSH 7 to 10. A jump host's come before those of the remote.
_SERVER = re.compile(r"remote software version (.*)")
_CIPHER = re.compile(r"kex: server->client cipher: (\S+)")
_KEY = re.compile(r"Server host key: (\S+ \S+)")
_STATES = (
    (CHANGED, re.compile("REMOTE HOST IDENTIFICATION HAS CHANGED")),
    (ACCEPTED, re.compile("Warning: Permanently added")),
    (UNKNOWN, re.compile("Host key verification failed")),
    (KNOWN, re.compile("is known and matches the")),
)
_ACCOUNT = re.compile(r"debug\d: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: ")


class Probe(NamedTuple):
    """What one connection showed; empty what it did not get to."""

    server: str = ""
    cipher: str = ""
    key: str = ""
    key_state: str = ""
    printed: str = ""
    failure: Unreachable | None = None


def probe(remote: Remote) -> Probe:
    """Connect to `remote` anew, and run nothing there."""
    # Every login shell has it, and it prints nothing.
    done = question.run(ssh.probe_argv(remote, "exit 0"), timeout=ssh.CALL_TIMEOUT)
    return read(remote, done)


def read(remote: Remote, done: Completed) -> Probe:
    """What ssh's account of a connection says."""
    account = done.stderr.replace("\r", "")
    said = "\n".join(line for line in account.splitlines() if not _ACCOUNT.match(line))
    failure = None
    try:
        ssh_failures.check(remote, done._replace(stderr=said))
    except Unreachable as e:
        failure = e
    if ssh_failures.BEHIND_A_PROXY in said:  # what it tells is of the proxy
        return Probe(failure=failure)
    return Probe(
        server=_last(_SERVER, account),
        cipher=_last(_CIPHER, account),
        key=_last(_KEY, account),
        key_state=next((name for name, words in _STATES if words.search(account)), ""),
        printed=done.stdout.decode("utf-8", "replace").strip(),
        failure=failure,
    )


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return found[-1].strip() if found else ""


def keys_on_file(settings: dict[str, str]) -> list[str]:
    """The types of the host keys that are on file for what `ssh.settings` tells.

    Raises GuildError where ssh-keygen is missing.
    """
    host = settings.get("hostkeyalias") or settings.get("hostname", "")
    port = settings.get("port", str(ssh_failures.SSH_PORT))
    name = (
        host
        if port == str(ssh_failures.SSH_PORT) or "hostkeyalias" in settings
        else f"[{host}]:{port}"
    )
    options = ("userknownhostsfile", "globalknownhostsfile")
    files = [word for option in options for word in settings.get(option, "").split()]
    found: list[str] = []
    for file in files:
        path = Path(file).expanduser()
        if path.is_file():
            done = question.run(("ssh-keygen", "-F", name, "-f", str(path)))
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            found += [_key_type(line) for line in lines if not line.startswith("#")]
    return sorted(set(filter(None, found)))


def _key_type(line: str) -> str:
    """`ssh-ed25519` of a line of known_hosts, which a mark such as @revoked may begin."""
    words = line.split()
    if words and words[0].startswith("@"):
        words = words[1:]
    return words[1] if len(words) > 1 else ""
