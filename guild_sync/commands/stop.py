"""Stop runs: ask their operations to end, and kill those that do not.

Usage:
  guild stop [options] [RUN]...
  guild runs stop [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, all runs are meant that are running on this machine, or with filters those of them that
they leave; with -r your own there, as --mine has them, and how many others there are is said.
Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) RUN is gpu1:3, gpu1:1:5
or an id that one of them has. They are stopped at once; one that is down keeps no other waiting.

A batch over several remotes is stopped by its id, BATCH, or the beginning of it in place of RUN:
what is not dealt yet goes to the trash, what runs is stopped.

An operation gets SIGTERM, and so does everything in its process group. What has not ended
after SECONDS is killed. A queue is not killed: it ends when the run that it started has.

On a cluster a run whose job waits is cancelled, and has ended then. What runs gets SIGTERM; after
SECONDS its whole job is cancelled.

Where several machines share the guild home, a run that another one runs is shown as
'running (on MACHINE)', and is stopped there. If that machine is gone, --force writes down
that the run was killed.

Options:
  -n, --no-wait      Do not wait for the runs to end; nothing is killed then.
  -f, --force        Kill at once. Of a run of another machine on this disk: write down
                     that it has ended.
  --timeout SECONDS  How long to wait before runs are killed [default: 30].
  -r, --remote NAMES
                     Stop runs of this remote, or of several.
  --all-users        With -r and no RUN: stop the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from guild_sync.agent.protocol import Filters, Run, said_of
from guild_sync.cli import arguments, choosing, several
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import Chosen
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.hosts.base import Host, option
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.runs import stop

if TYPE_CHECKING:
    from guild_sync.dealing.batches import Batch


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.is_set("--no-wait") and args.is_set("--force"):
        raise UsageError("--no-wait and --force exclude each other")
    seconds = arguments.whole_number(args, "--timeout") or 0
    patience = None if args.is_set("--no-wait") else 0 if args.is_set("--force") else seconds
    if remotes := several.names(args):
        return _stop_several(args, remotes, patience)
    target = host(args.text("--remote"))
    if target.name is None and (batch := _batch_of(args.texts("RUN"))):
        return _stop_batch(batch, args, patience)
    with target.staying():
        return _stop_on(target, args, patience)


def _stop_on(target: Host, args: Arguments, patience: float | None) -> int:
    """Stop runs of this machine or of one remote; the exit status."""
    filters = arguments.filters_for(args, target, changes=True)
    chosen = _chosen(args, target, args.texts("RUN"), filters)
    running, others = _told_apart(chosen, args.is_set("--force"))
    if not running.runs:
        if not others:
            say("Nothing to stop.")
        return Exit.ERROR if others else Exit.OK
    if not args.is_set("--yes") and not _confirmed(running):
        return Exit.OK
    done = stop.stop(running.host, running.runs, patience, args.is_set("--force"))
    return Exit.ERROR if others else done


def _batch_of(specs: Sequence[str]) -> Batch | None:
    """The batch over several remotes that is named, if one is."""
    if len(specs) != 1:
        return None
    from guild_sync.dealing import ending  # there is seldom one

    return ending.meant(specs[0])


def _stop_batch(batch: Batch, args: Arguments, patience: float | None) -> Exit:
    from guild_sync.dealing import ending

    say(f"Batch {batch.id}: {len(batch.trials)} trials of {terminal.clean(batch.name)}")
    if not args.is_set("--yes") and not console.confirm("Stop all of it?", default=False):
        return Exit.OK
    here = LocalHost(str(guild_home()))
    return ending.stop(batch, here, patience, bool(args.is_set("--force")))


def _stop_several(args: Arguments, remotes: Sequence[str], patience: float | None) -> Exit:
    """Stop runs of several remotes, all at once, after one question; the exit status."""
    from guild_sync.fleet.asking import asked

    force = args.is_set("--force")
    replies = several.ask(
        *(args, remotes, args.texts("RUN")),
        lambda there, words, filters: _chosen(args, there, words, filters),
        changes=True,
    )
    told = {name: _told_apart(chosen, force) for name, chosen in replies.answers.items()}
    running = {name: chosen for name, (chosen, _) in told.items() if chosen.runs}
    worst = max([replies.exit, *(Exit.ERROR for _, others in told.values() if others)])
    if not running:
        if not any(others for _, others in told.values()) and told:
            say(f"Nothing to stop on {', '.join(told)}.")
        return worst
    if not args.is_set("--yes") and not _confirmed(*running.values()):
        return worst
    done = asked(
        [*running], lambda there: stop.stop(there, running[there.name].runs, patience, force)
    )
    return max(worst, done.exit, *done.answers.values())


def _told_apart(chosen: Chosen, force: bool) -> tuple[Chosen, Sequence[Run]]:
    """The runs that can be stopped, and the others, of which each is told why it cannot."""
    others = [run for run in chosen.runs if not _can_be_stopped(run, force)]
    for run in others:
        console.warn(_why_not(run, chosen))
    return replace(chosen, runs=[run for run in chosen.runs if run not in others]), others


def _chosen(args: Arguments, target: Host, specs: Sequence[str], filters: Filters) -> Chosen:
    """The runs that are named; without a name those that run on the host itself.

    Where only copies of a remote's runs are left, these: they are told of.
    """
    wanted = filters
    if not specs:
        wanted = {"status": ["running", "pending"], **wanted}
    own = choosing.of_own(args, target, wanted)
    listing = target.list_runs(specs, filters=own, with_others=own is not wanted)
    found = listing["runs"]
    if not specs:  # a run that is just being made is nothing to stop
        found = [run for run in found if run["status"] != "pending" or _runs_there(run)]
    there = [run for run in found if _runs_there(run)]
    if listing["others"]:  # of which some may be copies there, of runs that run elsewhere
        every = target.list_runs(filters=wanted)["runs"]
        choosing.tell_of_others(target, len(list(filter(_runs_there, every))) - len(there))
    return Chosen(target, found if specs or not there else there)


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


def _confirmed(*chosen: Chosen) -> bool:
    for of_host in chosen:
        choosing.show("stop", of_host)
    count = sum(len(of_host.runs) for of_host in chosen)
    return console.confirm(f"Stop {counted(count)}?", default=False)
