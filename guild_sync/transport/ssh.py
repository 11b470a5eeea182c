"""ssh: one configuration for ssh and for rsync, one connection a remote.

All that guild asks of ssh for a remote stands in one generated configuration file,
`ssh -F FILE`, because ssh_config(5) takes the first value that it obtains for each
option. So the order of the file is the order of precedence: what the remote's entry in
guild's config says, then the user's own ssh configuration, then guild's defaults.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError
from guild_sync.transport import connection, question
from guild_sync.transport.process import Completed
from guild_sync.transport.ssh_config import PLAIN, config_file, paths
from guild_sync.transport.ssh_failures import CONNECTION_FAILED, check, last_line

CALL_TIMEOUT = 60.0  # seconds for one short request


def argv(remote: Remote, *command: str) -> tuple[str, ...]:
    """The argv that runs `command`, given in words safe for any shell, on `remote`."""
    return ("ssh", "-F", str(config_file(remote)), "--", remote.host, *command)


def terminal_argv(remote: Remote, command: str) -> tuple[str, ...]:
    """As `argv`, for a person's work: on a terminal there, where stdin and stdout are one here."""
    terminal = "-t" if os.isatty(0) and os.isatty(1) else "-T"
    quiet = ("-o", "LogLevel=ERROR")  # no word of the end of a connection that others use too
    program, *words = argv(remote, command)
    return (program, terminal, *quiet, *words)


def port_argv(remote: Remote, port: int) -> tuple[str, ...]:
    """The argv that joins its stdin and stdout to a port of the remote's machine.

    `-W`, since it asks for no other forwarding, whatever the user's own configuration says, and
    nothing of it is left in the connection that all share.
    """
    _, *words = argv(remote)
    return ("ssh", "-o", "ControlMaster=no", "-W", f"localhost:{port}", *words)


def quote(text: str) -> str:
    """`text` as one word that no login shell changes: `printf %b` gives it back.

    Every byte that any shell could take for syntax becomes an octal escape, in single
    quotes, in which a backslash before a digit stands for itself in sh, csh and fish.
    """
    if PLAIN.match(text):
        return f"'{text}'"
    escaped = "".join(
        chr(byte) if PLAIN.match(chr(byte)) else f"\\0{byte:03o}" for byte in os.fsencode(text)
    )
    return f"'{escaped}'"


def run(
    remote: Remote,
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = CALL_TIMEOUT,
) -> Completed:
    """Run `command` (words safe for any shell) on `remote`; a dead connection is replaced.

    `command` may be run twice, so it must be one that can be.
    Raises Unreachable, with what to do, where ssh itself fails.
    """
    was_shared = is_shared(remote)
    words = argv(remote, *command)
    done = question.run(words, stdin=stdin, timeout=timeout)
    if was_shared and may_go_well(remote, done):
        done = question.run(words, stdin=stdin, timeout=timeout)
    check(remote, done)
    return done


def is_shared(remote: Remote) -> bool:
    """Whether what is started next will use a connection of ours that is there, or seems so."""
    return paths(remote)[1].exists()


def may_go_well(remote: Remote, done: Completed) -> bool:
    """Whether what has failed over a connection that was there may go well another time.

    One that is dead is closed, so the next program makes another; but not one that a person has
    opened, for guild can make no other. One that lives stays: others may be at work in it.
    """
    has_failed = done.code == CONNECTION_FAILED or done.timed_out
    if not has_failed or connection.login_of(remote) is not None:
        return False
    if not connection.lives(remote):
        disconnect(remote)
    return True


def is_connected(remote: Remote) -> bool:
    """Whether a connection to `remote` is open, for the next command to use.

    It is ours, or one that the user's own configuration keeps.
    """
    return connection.master_of(remote) is not None


def probe_argv(remote: Remote, *command: str) -> tuple[str, ...]:
    """As `argv`, over a connection of its own, with ssh telling all that it does on stderr."""
    own = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
    return ("ssh", "-v", *own, "-F", str(config_file(remote)), "--", remote.host, *command)


def settings(remote: Remote) -> dict[str, str]:
    """What ssh makes of all its configuration for `remote`, by lower-case option.

    Nothing is connected to. Raises GuildError where ssh refuses the configuration.
    """
    done = question.run(("ssh", "-G", "-F", str(config_file(remote)), "--", remote.host))
    if done.code != 0:
        raise GuildError(
            f"ssh does not take the settings of remote {remote.name!r}: {last_line(done.stderr)}",
            "Correct 'ssh-options' and the other keys of the remote, or your ssh configuration.",
        )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(" ") for line in lines)
    return {name: value for name, _, value in pairs}


def disconnect(remote: Remote) -> bool:
    """Close our own connection to `remote`, without asking the remote; whether it was open."""
    _, socket = paths(remote)
    return socket.exists() and connection.close(config_file(remote), remote.host)
