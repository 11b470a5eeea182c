"""Delete runs: move them to the trash, or remove them for good.

Usage:
  guild rm [options] [RUN]...
  guild runs (rm|delete) [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, all runs are meant, or with filters all that they leave; with -r your own there, as
--mine has them, and how many others there are is said. 'guild runs restore' brings deleted
runs back, 'guild runs purge' removes them for good.

A run that is running is not deleted: stop it first. Of a run that is running on a remote
and was pulled, the copy here is deleted, and the run goes on.

A run that you have moved to another disk, with a link in its place, is removed for good where
it lies. Where the link leads to anything else, only the link is removed, and a line says so.

A run that was started on a remote and is not here yet is named by its id: it is expected no
more, and stays there as it is. So is one of a remote that you have no more.

Where several machines share the guild home, a run that another one runs is shown as
'running (on MACHINE)', and is not deleted either. Only you can know that it is over.

Options:
  -f, --force        Delete runs of other machines on this disk, though they have not said
                     that they ended.
  -p, --permanent    Remove the runs for good, not to the trash.
  -r, --remote NAME  Delete runs of this remote.
  --all-users        With -r and no RUN: delete the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from guild_sync.agent.protocol import RUNNING, Changed, Expected, Run
from guild_sync.cli import arguments, choosing
from guild_sync.cli.choosing import Action, Chosen
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit, RunNotFound
from guild_sync.hosts import locking
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, tables, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.runs import tracking
from guild_sync.transfer.survey import is_id_of


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    target = host(args.text("--remote"))
    with target.staying():
        return _delete(args, target)


def _delete(args: arguments.Arguments, target: Host) -> Exit:
    try:
        chosen = choosing.choose_on(target, args, changes=True, all_runs=True)
    except RunNotFound:
        if not (awaited := _awaited(args)):
            raise
        return _forget(awaited, ask=not args.is_set("--yes"))
    force = args.is_set("--force")
    change = _change(args.is_set("--permanent"), chosen, force)
    running = [run for run in chosen.runs if _is_running(run, force)]
    for run in running:
        where = f" on {run['machine']}" if run["machine"] else ""
        choosing.refuse(change, chosen, run["id"], RUNNING + where)
    rest = replace(chosen, runs=[run for run in chosen.runs if run not in running])
    if running and not rest.runs:
        return Exit.ERROR
    done = choosing.carry_out(change, rest, not args.is_set("--yes"), during=_nobody_copies(rest))
    return Exit.ERROR if running else done


def _awaited(args: arguments.Arguments) -> list[Expected]:
    """The runs that are named, where each of them is expected and not here; else none."""
    if args.text("--remote"):
        return []
    absent = tracking.not_here_yet(LocalHost(str(guild_home())))
    named = [[run for run in absent if is_id_of(spec, run["run"])] for spec in args.texts("RUN")]
    return [run for (run,) in named] if all(len(runs) == 1 for runs in named) else []


def _forget(awaited: Sequence[Expected], ask: bool) -> Exit:
    if ask:
        say("You are about to expect these runs here no more, which stay on their remotes:")
        for line in tables.table([("", run["run"], f"({run['remote']})") for run in awaited]):
            say(terminal.clean(line))
        if not console.confirm():
            return Exit.OK
    tracking.forget([run["run"] for run in awaited])
    say(f"Expecting {counted(len(awaited))} no more")
    return Exit.OK


def _is_running(run: Run, force: bool) -> bool:
    """Whether it runs in this guild home; with `force` another machine is not believed."""
    believed = not (run["machine"] and force)
    return run["status"] == "running" and not run["remote"] and believed


def _change(permanent: bool, chosen: Chosen, force: bool) -> Action:
    how = "permanently delete" if permanent else "delete"
    copies = [run["id"] for run in chosen.runs if run["remote"]]

    def delete(host: Host, ids: Sequence[str]) -> Changed:
        changed = host.delete_runs(ids, permanent, copies, force)
        tracking.forget_deleted(changed["done"], host)
        return changed

    return Action(
        delete,
        verb="delete",
        intent=how,
        done="Permanently deleted" if permanent else "Deleted",
        refused="deleted",
        question=lambda count: f"{how.capitalize()} {counted(count)}?",
        default=not permanent,
        on_copy="Of a run that is running on {remote}, only the copy here is deleted.",
    )


@contextmanager
def _nobody_copies(chosen: Chosen) -> Iterator[None]:
    """Have no pull or sync write into copies that are deleted here meanwhile."""
    remotes = {run["remote"] for run in chosen.runs if run["remote"] and not chosen.host.name}
    with ExitStack() as locks:
        for remote in sorted(remotes):
            locks.enter_context(locking.remote_lock(remote, wait=True, on_wait=say))
        yield
