"""Add a remote, log in, see whether it answers, make it ready; start or stop a sandbox.

Usage:
  guild remote add [-y] [--no-check] NAME [HOST]
  guild remote start NAME
  guild remote stop [-y] NAME
  guild remote status NAME
  guild remote login [--force] NAME...
  guild remote logout [NAME]...
  guild remote reinit [-y] NAME
  guild remote --help

'add' writes a remote of type ssh to the config file, whose comments and order stay, and
checks it as 'guild check -r NAME' does: what is missing there is told, and how to get it. HOST
is [USER@]HOST[:PORT], or what your ssh configuration calls it; without it NAME is, or you
choose on the terminal among the hosts of ~/.ssh/config. A host key that is not known here is
shown by ssh, which asks on the terminal; nothing is written where you refuse it, nor where
the host cannot be reached. What else a remote may have: 'guild help --man guild-config'.

A sandbox is a remote on this machine: an ssh server of your own on a free port, with
its own keys, home and runs. The one called 'sandbox' is always there; others are
remotes of type 'sandbox' in the config file.

'login' opens the connection that guild uses, on the terminal, where ssh can ask for a
password, a code or a passphrase, and show a host key. From then on no other command
needs you, cron's neither, until nothing has used it for the time that the remote's
'keep-open' says ('10h'; without it for 10 minutes, or as your ssh configuration says).
'logout' closes it; without NAME, those of all remotes.

'reinit' runs the remote's 'init', a shell script of the config file, on the remote. It
is run by sh in the login's home, where nothing can be typed; GUILD_HOME names the guild
home, which is made if it is not there. What it prints is shown as it comes. It has an
hour, and ends with Ctrl-C and with the connection. Where it has not been run there by guild,
or has changed since, 'status', 'guild check -r' and, on a terminal, 'guild run -r' say so.

Options:
  --no-check
             Only write it, and connect to nothing.
  --force    Log in anew, also where a connection is open. What uses that goes on.
  -y, --yes  Do not ask. With 'add' a host key that is not known is shown and taken.
  --help     Show this help and exit.

Exit status of 'reinit': 0 if 'init' ended with 0, or if there is none; 1 if it failed,
and a line tells its own status; 3 if the remote is unreachable. That of 'login': 3 if
a remote did not let you in, or is unreachable.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from guild_sync.cli.arguments import parse
from guild_sync.config import remotes
from guild_sync.config.remotes import Remote
from guild_sync.errors import Busy, ConfigError, Exit, GuildError, Unreachable
from guild_sync.hosts import initialize, sandbox
from guild_sync.hosts.choose import remote_host
from guild_sync.output.console import confirm, say, to_stdout, warn
from guild_sync.output.formats import open_since
from guild_sync.output.terminal import clean
from guild_sync.transport import connection, ssh
from guild_sync.transport.connection import Login
from guild_sync.transport.login import log_in, need_somebody


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    names = list(dict.fromkeys(args.texts("NAME")))
    if args.is_set("add"):
        from guild_sync.beginning import adding  # it is done once a remote

        yes, no_check = args.is_set("--yes"), args.is_set("--no-check")
        return adding.add(names[0], args.text("HOST"), yes, no_check)
    if args.is_set("login"):
        return _login([remotes.remote(name) for name in names], args.is_set("--force"))
    if args.is_set("logout"):
        return _logout(names)
    remote = remotes.remote(names[0])
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
    if login := connection.login_of(host.remote):
        say(_logged_in(remote.name, login))
    if why := initialize.not_run(host):
        say(f"{why}: guild remote reinit {remote.name}")
    return Exit.OK


def _login(wanted: Sequence[Remote], anew: bool) -> int:
    """Log in to each remote; one that lets nobody in keeps nobody from the next."""
    reached = [_over_ssh(remote.name) for remote in wanted]
    if anew or not all(remote and ssh.is_connected(remote) for remote in reached):
        need_somebody()
    worst = Exit.OK
    for remote in wanted:
        try:
            _log_in(remote.name, remote_host(remote).remote, anew)
        except GuildError as e:
            warn(e)
            worst = max(worst, e.exit)
    return worst


def _log_in(name: str, remote: Remote, anew: bool) -> None:
    if not anew and ssh.is_connected(remote):
        login = connection.login_of(remote)
        what = _logged_in(name, login) if login else f"{name}: a connection is open already"
        say(f"{what} (--force logs in anew)")
        return
    from guild_sync.sync import ledger

    say(_logged_in(name, log_in(remote)))
    with suppress(Busy):  # who works with it sees by itself that it answers
        ledger.try_soon(name)


def _logged_in(name: str, login: Login) -> str:
    return f"{name}: logged in {open_since(login.since, login.idle)}"


def _logout(names: Sequence[str]) -> int:
    noted = connection.logins()
    for name in names:
        if name not in noted:  # one that the config file has no more can be logged out of
            remotes.remote(name)
    closed = False
    for name in names or sorted({*noted, *remotes.usable()[0]}):
        remote = _over_ssh(name)
        was_open = connection.close_logins(name)
        if (remote and ssh.disconnect(remote)) or was_open:
            say(f"{name}: the connection is closed")
            closed = True
        elif names and remote and ssh.is_connected(remote):
            say(f"{name}: the connection that is open is one of your own ssh, and stays")
        elif names:
            say(f"{name}: no connection is open")
    if not closed and not names:
        say("No connection is open.")
    return Exit.OK


def _over_ssh(name: str) -> Remote | None:
    """The remote as ssh reaches it; None where it does not, or is in the config file no more."""
    try:
        return remote_host(remotes.remote(name)).remote
    except (ConfigError, Unreachable):
        return None


def _reinit(remote: Remote, yes: bool) -> int:
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
    initialize.initialize(host, to_stdout)
    say(f"{remote.name} is ready: 'init' has ended well, guild home {clean(host.home)}")
    return Exit.OK
