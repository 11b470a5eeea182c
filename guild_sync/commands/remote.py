"""Start, stop or look at a sandbox, see whether a remote answers, or make one ready.

Usage:
  guild remote start NAME
  guild remote stop [-y] NAME
  guild remote status NAME
  guild remote reinit [-y] NAME
  guild remote --help

A sandbox is a remote on this machine: an ssh server of your own on a free port, with
its own keys, home and runs. The one called 'sandbox' is always there; others are
remotes of type 'sandbox' in the config file.

'reinit' runs the remote's 'init', a shell script of the config file, on the remote. It
is run by sh in the login's home, where nothing can be typed; GUILD_HOME names the guild
home, which is made if it is not there. What it prints is shown as it comes. It has an
hour, and ends with Ctrl-C and with the connection.

Options:
  -y, --yes  Do not ask.
  --help     Show this help and exit.

Exit status of 'reinit': 0 if 'init' ended with 0, or if there is none; 1 if it failed,
and a line tells its own status; 3 if the remote is unreachable.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli.arguments import parse
from guild_sync.config import remotes
from guild_sync.config.remotes import Remote
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts import sandbox
from guild_sync.hosts.choose import remote_host
from guild_sync.output.console import confirm, say, to_stdout
from guild_sync.output.terminal import clean


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    remote = remotes.remote(args.word("NAME"))
    if args.is_set("status"):
        return _status(remote)
    if args.is_set("reinit"):
        return _reinit(remote, args.is_set("--yes"))
    if remote.type != remotes.SANDBOX:
        raise GuildError(
            f"remote {remote.name!r} is of type {remote.type}, which guild cannot start or stop",
            "It can do that for sandboxes.",
        )
    return _start(remote.name) if args.is_set("start") else _stop(remote.name, args.is_set("--yes"))


def _start(name: str) -> int:
    state, started = sandbox.start(name)
    said = "listens" if started else "listens already"
    say(f"{name} {said} on 127.0.0.1, port {state.port} (pid {state.pid})")
    return Exit.OK


def _stop(name: str, yes: bool) -> int:
    if not yes:
        say(f"You are about to stop {name}. Runs on it go on.")
        if not confirm():
            return Exit.OK
    say(f"{name} has stopped" if sandbox.stop(name) else f"{name} is not running")
    return Exit.OK


def _status(remote: Remote) -> int:
    host = remote_host(remote)
    python = host.python()
    say(f"{remote.name} answers: Python {python['version']}, guild home {host.home}")
    return Exit.OK


def _reinit(remote: Remote, yes: bool) -> int:
    from guild_sync.hosts.initialize import initialize

    if not (remote.init or "").strip():
        say(f"Nothing to run: remote {remote.name!r} has no 'init'.")
        return Exit.OK
    if not yes:
        say(f"You are about to run this on {remote.name}:")
        for line in (remote.init or "").splitlines():
            say(f"  {clean(line)}")
        if not confirm():
            return Exit.OK
    host = remote_host(remote)
    initialize(host, to_stdout)
    say(f"{remote.name} is ready: 'init' has ended well, guild home {clean(host.home)}")
    return Exit.OK
