"""Copy runs from a remote to this machine.

Usage:
  guild pull [options] REMOTE [RUN]...

RUN is an index of 'guild runs -r REMOTE' (1 is the latest), a range 1:5, a run id or the
beginning of one. Without RUN, all of the remote's runs are copied, or with filters all
that they leave. A run here that was made here, or came from another remote, is replaced
only where RUN is its id or the beginning of that. A run that is running there is shown as
such here, until 'guild sync' learns that it has ended. Labels, tags, comments and marks
that were changed here since are kept; where a label was changed on both sides, the one
here stays, and a line says so. With a batch or a pipeline come the runs that it consists
of, but for those that were deleted here.

'guild-pull' is the same command by itself.

Options:
  -d, --delete  Remove files of these runs that are here alone. No run is removed.
  --copy-links  Copy what links lead to that lead out of the runs, in place of them. Without
                it they are not copied, and 'guild ls' tells where they lead.
  -y, --yes     Do not ask.
  --help        Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if the remote could
not be reached, 4 if a run was not copied whole.

[files]

[filters]
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from guild_sync.agent.protocol import Run, State
from guild_sync.cli import arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.selection import Selection
from guild_sync.errors import Exit, GuildError, Incomplete
from guild_sync.hooks import delivery, journal
from guild_sync.hosts import locking
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console, tables
from guild_sync.output.console import say
from guild_sync.output.runs import run_row
from guild_sync.sync import ledger
from guild_sync.transfer import copying, pull, survey

_SHOWN = 5  # ids in a message


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    arguments.filters(args)  # faults are said before anybody is asked
    selected = arguments.selection(args)
    remote = remotes.remote(args.word("REMOTE"))
    here = LocalHost(str(guild_home()))
    with locking.remote_lock(remote.name, wait=True, on_wait=say):
        started = time.monotonic()
        host = remote_host(remote)
        say(f"Getting run info on {host.name}")
        filters = arguments.filters_for(args, host, changes=True)
        selection, specs = selected(remote.pull), args.texts("RUN")
        runs, found = survey.offer(host, here, specs, filters, selection)
        found, children = survey.and_children(host, here, found, selection, stamps=False)
        if not runs:
            say("Nothing to copy.")
            _reached(here, remote.name, 0, time.monotonic() - started)
            return max(Exit.OK, delivery.deliver(here, console.warn))
        if not args.is_set("--yes"):
            if not _confirmed(runs, len(children), host, args.is_set("--delete")):
                return Exit.OK
            # The status must be from just before the copy.
            found = survey.survey(host, here, list(found.states), selection, stamps=False)
        delete, links = args.is_set("--delete"), args.is_set("--copy-links")
        begun = time.monotonic()
        pulled, gone = _pull(host, here, found.states, selection, delete, links, specs)
        _reached(here, remote.name, pulled.bytes, time.monotonic() - begun)
    is_whole = not (pulled.faults or pulled.unreadable or pulled.foreign or gone)
    status = Exit.OK if is_whole else Exit.INCOMPLETE
    return max(status, delivery.deliver(here, console.warn))


def _confirmed(runs: Sequence[Run], children: int, host: RemoteHost, delete: bool) -> bool:
    say(f"You are about to copy the following runs from {host.name}:")
    rows = [("", *run_row(index, run)) for index, run in enumerate(runs, 1)]
    for line in tables.table(rows):
        say(line)
    if children:
        say(f"With {'1 run' if children == 1 else f'{children} runs'} that these consist of.")
    if delete:
        say(f"Files of these runs that are not on {host.name} will be deleted here.")
    return console.confirm()


def _pull(
    host: RemoteHost,
    here: LocalHost,
    found: Mapping[str, State | None],
    selection: Selection,
    delete: bool,
    copy_links: bool,
    specs: Sequence[str],
) -> tuple[pull.Pulled, list[str]]:
    """What became of the copy, and the runs that were not there any more."""
    gone = [run_id for run_id, state in found.items() if state is None]
    states = {run_id: state for run_id, state in found.items() if state}
    for run_id in gone:
        console.warn(GuildError(f"run {run_id} is not on {host.name} any more"))
    named = [run_id for run_id in states if any(survey.is_id_of(spec, run_id) for spec in specs)]
    pulled = pull.pull(
        *(host, here, states, say, delete, journal.Journal(here), copy_links),
        delete_copied=selection.delete,
        named=named,
    )
    copying.warn_of(pulled.faults, host, console.warn)
    copying.warn_of_lost(pulled.changes, host.name, console.warn)
    copying.warn_of_conflicts(pulled.conflicts, host, console.warn)
    copying.warn_of_unreadable(pulled.unreadable, host, console.warn)
    if pulled.foreign:
        console.warn(_not_its_own(host.name, pulled.foreign))
    return pulled, gone


def _not_its_own(remote: str, foreign: Mapping[str, str]) -> Incomplete:
    one = next(iter(foreign)) if len(foreign) == 1 else ""
    what = f"run {one} is" if one else f"{len(foreign)} runs are"
    whose = sorted({f"from {origin}" if origin else "made here" for origin in foreign.values()})
    ids = ", ".join(list(foreign)[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
    return Incomplete(
        f"{what} not from {remote}, which has {'it' if one else 'them'} too, and stay"
        f"{'s' if one else ''} as here ({', '.join(whose)})",
        f"To replace one by the remote's, name it: guild pull {remote} RUN\nRUN: {ids}",
    )


def _reached(here: LocalHost, name: str, received: int, seconds: float) -> None:
    """Write down that the remote answered, as a sync does."""
    entry = ledger.read(name)
    ledger.tell_up(entry, journal.Journal(here))
    entry.was_reached(time.time(), received, seconds)
    ledger.write(entry)
