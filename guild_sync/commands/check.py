"""Show whether all is there that guild needs, here and on a remote, and what to do if not.

Usage:
  guild check [options]

Without -r: this machine, its config file, and the names of its remotes, which are not
asked. With -r: this machine, and the remote. For that guild connects to it anew, which
shows its host key, its server and the cipher, and then uses the connection that is kept open,
whose round trip and speed it measures with some MB each way. 'lanes' is how many rsyncs
copy large files side by side, 'compression' what is compressed on its way, as far as it is known
now. Where 'guild remote login' has opened a connection, that alone is used.

Options:
  -r, --remote NAMES
                     Check this remote too, or several (gpu1,gpu2, all, or a group of the config
                     file), all of them at once.
  --offline          Connect to nothing: of a remote, only what is known here.
  --env              Only the environment: it is activated, and its Python, pip and uv are
                     asked for their versions.
  --space            Only the room that is left for runs.
  --job              Have a cluster run a small job, which asks for what 'job' of the remote
                     says, but for 5 minutes, and looks for Python and the guild home on its
                     node. It is waited for a minute, and then cancelled.
  --json             Print JSON.
  --help             Show this help and exit.

Each line says 'ok', or 'to do' and what to do. Exit status: 0 if all lines say 'ok', 1 if
one does not, 3 if the remote is unreachable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial

from guild_sync.cli.arguments import parse
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.remotes import Remote
from guild_sync.errors import ConfigError, Exit, GuildError, RemoteNotFound, UsageError
from guild_sync.fleet import naming
from guild_sync.fleet.asking import replies
from guild_sync.hosts.local import LocalHost
from guild_sync.monitoring import check, line
from guild_sync.monitoring.line import Line
from guild_sync.output import records
from guild_sync.output.console import say, warn

_PARTS = {"--env": check.ENVIRONMENT, "--space": check.SPACE}


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    parts = frozenset(part for option, part in _PARTS.items() if args.is_set(option))
    named = args.text("--remote")
    if named and args.is_set("--offline") and parts:
        raise UsageError("--env and --space of a remote need a connection, without --offline")
    meant, faulty = _remotes(named) if named else ([], [])
    if args.is_set("--job"):
        _refuse_no_job(meant, bool(parts) or args.is_set("--offline"))
    parts = (parts or check.ALL_PARTS) | ({check.PROBE} if args.is_set("--job") else set())
    worst = Exit.OK
    for fault in faulty if check.BASICS not in parts else ():  # of these, the page tells it
        warn(fault)
        worst = Exit.ERROR
    told = []
    for name, lines in _sections(meant, parts, args.is_set("--offline")):
        worst = max(worst, *(line.exit for line in lines))
        told.append((name, lines))
        if not args.is_set("--json"):
            for shown in line.told(name or "here", lines):
                say(shown)
    if args.is_set("--json"):
        print(json.dumps([_as_json(name, lines) for name, lines in told]))
    return worst


def _refuse_no_job(meant: Sequence[Remote], is_partial: bool) -> None:
    if is_partial:
        raise UsageError("--job goes with none of --offline, --env and --space")
    if not any(remote.scheduler for remote in meant):
        raise UsageError("--job is for a remote of type slurm or pbs, which -r names")


def _remotes(text: str) -> tuple[list[Remote], list[ConfigError]]:
    """The remotes, but for those whose part of the config file has faults; and these."""
    found, faulty = [], []
    for name in naming.names(text) if naming.means_several(text) else (text,):
        try:
            found.append(remotes.remote(name))
        except RemoteNotFound:
            raise
        except ConfigError as e:
            faulty.append(e)
    return found, faulty


def _sections(
    meant: Sequence[Remote], parts: check.Parts, offline: bool
) -> Iterator[tuple[str | None, list[Line]]]:
    """What is found here, then on each remote, as soon as it is known; all are asked at once."""

    def there(remote: Remote) -> list[Line]:
        return [*check.there(remote, parts, offline)]

    yield None, [*check.here(LocalHost(str(guild_home())), parts)]
    questions = {remote.name: partial(there, remote) for remote in meant}
    for name, lines in replies(questions):
        if isinstance(lines, GuildError):
            raise lines
        yield name, lines


def _as_json(name: str | None, lines: Sequence[Line]) -> records.Checks:
    checks: list[records.Check] = [
        {
            "name": line.name,
            "ok": line.ok,
            "text": line.text,
            "hint": line.hint or None,
            "figures": line.figures,
        }
        for line in lines
    ]
    return {"host": name, "checks": checks}
