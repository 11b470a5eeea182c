"""Copy runs from this machine to a remote.

Usage:
  guild push [options] REMOTE [RUN]...

RUN is an index of 'guild runs' (1 is the latest), a range 1:5, a run id or the beginning
of one. Without RUN, all runs are copied, or with filters all that they leave. A pushed run
is the same run there. Until it is there whole, it is shown there as running, and a push
that was cut off is repaired by the next one.

A run that has not ended, here or there, is not copied; the others are. Labels, tags,
comments and marks that were changed there since are kept; where a label was changed on
both sides, the one there stays, and a line says so.

Options:
  -d, --delete  Remove files of these runs that are there alone. No run is removed.
  -y, --yes     Do not ask.
  --help        Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if the remote could
not be reached, 4 if a run was not copied whole.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.agent.protocol import Run
from guild_sync.cli import arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.selection import EVERYTHING
from guild_sync.errors import Exit
from guild_sync.hosts import locking
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console, tables
from guild_sync.output.console import say
from guild_sync.output.runs import row_without_index
from guild_sync.transfer import copying, push, survey
from guild_sync.transport import watched


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    remote = remotes.remote(args.word("REMOTE"))
    here = LocalHost(str(guild_home()))
    filters = arguments.filters_for(args, here, changes=True)
    with locking.remote_lock(remote.name, wait=True, on_wait=say):
        runs = here.list_runs(specs=args.texts("RUN"), filters=filters, whole=True)["runs"]
        if not runs:
            say("Nothing to copy.")
            return Exit.OK
        host = remote_host(remote)
        if not args.is_set("--yes") and not _confirmed(runs, host, args.is_set("--delete")):
            return Exit.OK
        ids = [run["id"] for run in runs]
        watched.prepare()  # while the remote is asked
        with host.staying():
            survey.survey(host, here, ids, EVERYTHING, stamps=False)  # is it another guild home?
            # The answer took its time: the status must be from just before the copy.
            states = here.states(ids=ids)
            faults = push.push(host, here, states, say, console.warn, args.is_set("--delete"))
    copying.warn_of(faults, host, console.warn, way="to")
    return Exit.INCOMPLETE if faults else Exit.OK


def _confirmed(runs: Sequence[Run], host: RemoteHost, delete: bool) -> bool:
    say(f"You are about to copy the following runs to {host.name}:")
    for line in tables.table([("", *row_without_index(run)) for run in runs]):
        say(line)
    if delete:
        say(f"Files of these runs that are not here will be deleted on {host.name}.")
    return console.confirm()
