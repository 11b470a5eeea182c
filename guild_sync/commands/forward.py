"""Open a port of a run's machine here, for as long as the run runs.

Usage:
  guild forward [options] RUN PORT

RUN is an index (1 is the latest), a run id or the beginning of one. It is running on a
remote; of a copy here the run itself is meant. What listens on PORT there, such as a
TensorBoard or a notebook, is then at http://127.0.0.1:PORT here; if that port is taken, or
the remote is on this machine, as a sandbox is, at one that is free. Nobody reaches it from
another machine.

It ends with the run, once what was sent through the port has come, or with Ctrl-C, which
leaves the run running; and with exit status 3 where the connection is lost and cannot be
made anew, which no run minds either.

Options:
  --local PORT       Open this port here, and no other.
  -r, --remote NAME  The run is one of this remote.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

from guild_sync.agent.protocol import Run, said_of
from guild_sync.agent.store import identity
from guild_sync.cli import arguments
from guild_sync.cli.choosing import being_pushed, only
from guild_sync.config import remotes
from guild_sync.errors import Exit, GuildError, Unreachable, UsageError
from guild_sync.hosts.base import Host, on
from guild_sync.hosts.choose import host, remote_host
from guild_sync.output.console import say, warn
from guild_sync.output.terminal import clean
from guild_sync.runs.stop import CALL_SECONDS
from guild_sync.transport import ports


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    port = _port("PORT", args.word("PORT"))
    wanted = args.text("--local")
    local = None if wanted is None else _port("--local", wanted)
    target = host(args.text("--remote"))
    run = only(target, args.word("RUN"), arguments.filters_for(args, target, changes=False))
    if pushed := being_pushed(run):
        raise pushed
    name = target.name or run["remote"]
    if name is None:
        raise _of_this_machine(run, port)
    there = remote_host(remotes.remote(name))
    if target.name is None:  # what is here is a copy: the run is there
        run = only(there, run["id"], {})
    if run["status"] != "running" or run["remote"] or run["machine"]:
        raise _not_running(run, on(there))
    # A port that is the same here and there would be joined to itself, and the run could not
    # listen there any more.
    is_one = there.network() == identity.network() != ""
    with _listener(port, local, _taken(port, name) if is_one else None) as listening:
        at = listening.getsockname()[1]
        say(f"http://127.0.0.1:{at} is port {port} of {name}, until run {run['id']} ends")
        try:
            forwarding = ports.Forwarding(listening, there.remote, port, warn)
            status = _end(there, run["id"])
        except KeyboardInterrupt:
            say(f"\nClosed port {at}: run {run['id']} is still running{on(there)}")
            return Exit.INTERRUPTED
        except Unreachable as e:
            closed = f"Port {at} is closed here. Run {run['id']} needs no connection, and goes on."
            e.hint = "\n".join(filter(None, (e.hint, closed)))
            raise
        forwarding.finish()
    say(f"Run {run['id']} stopped with a status of '{clean(status)}'")
    return Exit.OK


def _listener(port: int, local: int | None, taken: GuildError | None) -> socket.socket:
    """What listens at `local`, or at `port`, unless that is `taken`; else at a free one."""
    try:
        if taken and local in (None, port):
            raise taken
        return ports.listener(port if local is None else local)
    except GuildError as e:
        if local is not None:
            raise
        say(f"{e.message[0].upper()}{e.message[1:]}")
        return ports.listener(0)


def _taken(port: int, remote: str) -> GuildError:
    what = f"port {port} of {remote} is this machine's own"
    return GuildError(what, f"What listens there is at http://127.0.0.1:{port} already.")


def _end(host: Host, run_id: str) -> str:
    """Wait until the run has ended; how it did."""
    while True:
        answer = host.wait_runs(ids=[run_id], seconds=CALL_SECONDS)
        if run_id not in answer["running"]:
            return answer["status"].get(run_id) or "deleted"


def _port(what: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 1 << 16:
        raise UsageError(f"{what} is a port, a number from 1 to 65535, not {text!r}")
    return int(text)


def _of_this_machine(run: Run, port: int) -> GuildError:
    if run["status"] != "running" or run["machine"]:
        return _not_running(run, "")
    return GuildError(
        f"run {run['id']} runs on this machine: there is nothing to forward",
        f"Its port {port} is http://127.0.0.1:{port} already.",
    )


def _not_running(run: Run, where: str) -> GuildError:
    elsewhere = run["remote"] or run["machine"]
    if run["status"] == "running" and elsewhere:
        return GuildError(
            f"run {run['id']}{where} is running on {clean(elsewhere)}",
            "A port is forwarded from the machine that -r names alone.",
        )
    return GuildError(f"run {run['id']}{where} is not running: {said_of(run['status'])}")
