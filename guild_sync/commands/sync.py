"""Bring the runs that are not over on remotes up to date.

Usage:
  guild sync [options] [RUN]...

Each run here that is running, pending or staged on a remote is copied anew if it has
changed there, and gets the status that the remote tells. RUN is an index of 'guild
runs', a range 1:5, a run id or the beginning of one; without RUN, all such runs are
meant, or with filters those of them that they leave. Where there are none, nothing is
said. A remote that cannot be reached, or that hangs, keeps no other waiting.

A run that its remote says it has no more becomes 'lost' when it says so again, at a sync
a minute later or more. Nothing of it is removed here.

'guild-sync' is the same command for cron: 'guild sync --cron'.

Options:
  --jobs N       Work on N remotes at a time [default: 8].
  --restore      Have the lost RUNs be runs of their remotes again; the next sync asks.
  --cron         Be silent unless something has changed or failed, and leave a remote that
                 failed alone for a while: a minute, and up to an hour if it goes on so.
  -v, --verbose  With --cron, say too which remotes were passed over, and why.
  --help         Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if a remote could
not be reached, 4 if a run was not copied whole. The highest of them counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync import arguments, display, sync
from guild_sync.errors import Exit, UsageError
from guild_sync.home import guild_home
from guild_sync.hosts import LocalHost
from guild_sync.outcomes import BUSY, LEFT_ALONE, Change, Outcome

USAGE = (__doc__ or "") + arguments.FILTER_OPTIONS


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(USAGE, argv)
    here = LocalHost(str(guild_home()))
    if args["--restore"]:
        return _restore(here, args["RUN"])
    jobs = arguments.whole_number(args, "--jobs", least=1)
    assert jobs is not None  # the usage has a default
    filters = arguments.filters(args)
    if not args["--cron"]:
        visit = sync.Visit(here, display.say, display.warn)
        outcomes = sync.sync(visit, args["RUN"], filters, jobs)
    else:
        visit = sync.Visit(here, lambda text: None, display.warn, patient=True)
        outcomes = sync.sync(visit, args["RUN"], filters, jobs)
        for outcome in outcomes:
            _report(outcome, args["--verbose"])
    return max((outcome.exit for outcome in outcomes), default=Exit.OK)


def _restore(here: LocalHost, specs: Sequence[str]) -> int:
    if not specs:
        raise UsageError("--restore takes the lost runs to restore", "See 'guild runs --lost'.")
    for spec in specs:
        found = here.call("find_again", run=spec)
        display.say(f"Restored {found['id']}: the next sync asks {display.clean(found['remote'])}")
    return Exit.OK


def _report(outcome: Outcome, verbose: bool) -> None:
    """Say what has changed, a line a run; with `verbose` also of a remote that was passed over."""
    for change in outcome.changes:
        display.say(_line(change))
    if verbose and outcome.state == BUSY and outcome.error:
        display.say(outcome.error.message)
    if verbose and outcome.state == LEFT_ALONE:
        display.say(f"{outcome.remote} is left alone: it failed lately (see 'guild status')")


def _line(change: Change) -> str:
    before = f"{change.before} -> " if change.before else ""
    return display.clean(f"{change.run} on {change.remote}: {before}{change.after}")
