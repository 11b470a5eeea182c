"""Stop runs: ask their operations to end, and kill those that do not.

Usage:
  guild stop [options] [RUN]...
  guild runs stop [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, all runs are meant that are running on this machine, or with filters those of them that
they leave; with -r your own there, as --mine has them, and how many others there are is said.

An operation gets SIGTERM, and so does everything in its process group. What has not ended
after SECONDS is killed. A queue is not killed: it ends when the run that it started has.

Where several machines share the guild home, a run that another one runs is shown as
'running (on MACHINE)', and is stopped there. If that machine is gone, --force writes down
that the run was killed.

Options:
  -n, --no-wait      Do not wait for the runs to end; nothing is killed then.
  -f, --force        Kill at once. Of a run of another machine on this disk: write down
                     that it has ended.
  --timeout SECONDS  How long to wait before runs are killed [default: 30].
  -r, --remote NAME  Stop runs of this remote.
  --all-users        With -r and no RUN: stop the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.agent.protocol import Run, said_of
from guild_sync.cli import arguments, choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import Chosen
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.hosts.base import option
from guild_sync.hosts.choose import host
from guild_sync.output import console, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.runs import stop


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.is_set("--no-wait") and args.is_set("--force"):
        raise UsageError("--no-wait and --force exclude each other")
    seconds = arguments.whole_number(args, "--timeout") or 0
    chosen = _chosen(args)
    force = args.is_set("--force")
    others = [run for run in chosen.runs if not _can_be_stopped(run, force)]
    for run in others:
        console.warn(_why_not(run, chosen))
    running = Chosen(chosen.host, [run for run in chosen.runs if _can_be_stopped(run, force)])
    if not running.runs:
        if not others:
            say("Nothing to stop.")
        return Exit.ERROR if others else Exit.OK
    if not args.is_set("--yes") and not _confirmed(running):
        return Exit.OK
    patience = None if args.is_set("--no-wait") else 0 if force else seconds
    done = stop.stop(running.host, running.runs, patience, force)
    return Exit.ERROR if others else done


def _chosen(args: Arguments) -> Chosen:
    """The runs that are named; without a name those that run on the host itself.

    Where only copies of a remote's runs are left, these: they are told of.
    """
    target = host(args.text("--remote"))
    wanted = arguments.filters_for(args, target, changes=True)
    if not args.texts("RUN"):
        wanted = {"status": ["running", "pending"], **wanted}
    own = choosing.of_own(args, target, wanted)
    listing = target.list_runs(args.texts("RUN"), filters=own, with_others=own is not wanted)
    found = listing["runs"]
    if not args.texts("RUN"):  # a run that is just being made is nothing to stop
        found = [run for run in found if run["status"] != "pending" or _runs_there(run)]
    there = [run for run in found if _runs_there(run)]
    if listing["others"]:  # of which some may be copies there, of runs that run elsewhere
        every = target.list_runs(filters=wanted)["runs"]
        choosing.tell_of_others(target, len(list(filter(_runs_there, every))) - len(there))
    return Chosen(target, found if args.texts("RUN") or not there else there)


def _runs_there(run: Run) -> bool:
    """Whether it runs there, or waits there for what it needs to run."""
    return (run["status"] == "running" or run["waits"] is not None) and not run["remote"]


def _can_be_stopped(run: Run, force: bool) -> bool:
    """Whether it runs here, or on another machine on this disk whose word is not waited for."""
    return _runs_there(run) and (force or not run["machine"])


def _why_not(run: Run, chosen: Chosen) -> GuildError:
    if run["machine"]:
        here = option(chosen.host.name)
        return GuildError(
            f"run {run['id']}{chosen.where} is running on {terminal.clean(run['machine'])}",
            "Stop it there. If that machine is gone, write down that the run has ended:\n"
            f"guild stop {run['id']}{here} --force",
        )
    if pushed := choosing.being_pushed(run):
        return pushed
    if run["remote"]:
        remote = terminal.clean(run["remote"])
        return GuildError(
            f"run {run['id']} is running on {remote}",
            f"To stop it, use 'guild stop {run['id']}{option(remote)}'.",
        )
    why = said_of(run["status"])
    return GuildError(f"run {run['id']}{chosen.where} is not running: {why}")


def _confirmed(chosen: Chosen) -> bool:
    choosing.show("stop", chosen)
    return console.confirm(f"Stop {counted(len(chosen.runs))}?", default=False)
