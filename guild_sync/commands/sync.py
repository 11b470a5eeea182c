"""Bring the runs that are not over on remotes up to date.

Usage:
  guild sync [options] [RUN]...

Each run here that is running, pending or staged on a remote is copied anew if it has
changed there, and gets the status that the remote tells. RUN is an index of 'guild
runs', a range 1:5, a run id or the beginning of one; without RUN, all such runs are
meant, or with filters those of them that they leave. Where there are none, nothing is
said, unless RUN names some. A remote that cannot be reached, or that hangs, keeps no other
waiting. Labels, tags, comments and marks are merged as 'guild pull' does.

A run that was started from here with 'guild run -r' comes home as if it had been pulled,
and so do trials and steps that start later. Until then it is 'not here yet' in 'guild
status', and its id names it here. 'guild run --no-track' and 'track: no' of a remote leave
it out.

Trials of a batch over several remotes that wait here are dealt to those that have places, unless
RUN or filters say what is meant.

A run that its remote says it has no more becomes 'lost' when it says so again, at a sync
a minute later or more. Nothing of it is removed here.

'guild-sync' is the same command for cron: 'guild sync --cron'. It calls the 'heartbeat' of
the config file, a URL, where it starts and where it has ended, except with --watch or --plan,
and once a day does what 'clean' of a remote says, as 'guild clean -r' does.

Options:
  --jobs N            Work on N remotes at a time [default: 8].
  --deadline SEC      End after SEC seconds whatever is still going on, and leave it to the
                      next sync. With --watch, that is for each time.
  -w, --watch         Sync again and again, and show meanwhile what the runs print, each
                      line behind the beginning of its run's id. Ctrl-C ends it.
  -n, --interval SEC  With --watch, sync every SEC seconds, and at once where a run has
                      ended [default: 60].
  --until-done        With --watch, end when no run is left that is not over.
  --delete            Remove files here that were copied from a remote and that it has no
                      more, such as rotated checkpoints, unless they were changed here. What
                      was made here stays. 'pull: {delete: yes}' in a remote's config, too.
  --verify            Hold copies that are over against their remotes, too, as 'guild verify'
                      does: all of their files are read, and what differs is copied. What a
                      remote has no more is named, and stays.
  --restore           Have the lost RUNs be runs of their remotes again; the next sync asks.
  --plan              Show what would be copied from where, and whether there is room for it
                      here; change nothing. 1 where there is no room.
  --json              With --plan: as JSON.
  --cron              Be silent unless something has changed or failed, and leave a remote
                      that failed alone for a while: a minute, up to an hour if it goes on.
  -v, --verbose       With --cron, say too which remotes were passed over, and why, and that
                      the heartbeat could not be called.
  --log FILE          Write down in FILE what is done, and what became of it; with --cron
                      that is 'log/sync.log' in the guild home. Older ones are kept beside
                      it: FILE.1, up to FILE.5.
  --metrics FILE      Write to FILE, for Prometheus' node_exporter, how remotes stand then.
  --report DIR        Write pages that show the runs and the remotes in a browser into DIR, as
                      'guild report' does: only what has changed. With --watch, each time.
  --syslog            Write it to the system's log, too.
  --crontab           Print the line to put into your crontab, and do nothing else.
  --systemd           Write a service and a timer for your own systemd, which call this guild
                      every five minutes, say how they are begun, and do nothing else.
  --help              Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if a remote could
not be reached, 4 if a run was not copied whole. The highest of them counts. Metrics and a report
that cannot be written are an error, and are no reason not to sync.

[files]

[filters]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guild_sync.agent.protocol import Filters
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.config.home import config_mentions, guild_home
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.hooks import journal
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, terminal
from guild_sync.output.log import Log
from guild_sync.sync import engine, request
from guild_sync.sync.outcomes import LEFT_ALONE
from guild_sync.sync.report import Report

if TYPE_CHECKING:
    from guild_sync.hooks.events import Change
    from guild_sync.sync.outcomes import Outcome

_MOST_SCALARS = 5  # of a run, whose last values are shown


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    here = LocalHost(str(guild_home()))
    if args.is_set("--crontab"):
        from guild_sync.sync import schedules

        print(schedules.line())
        return Exit.OK
    if args.is_set("--systemd"):
        return _write_units()
    if args.is_set("--restore"):
        return _restore(here, args.texts("RUN"))
    for other in ("--plan", "--watch"):
        if args.is_set("--verify") and args.is_set(other):
            raise UsageError(f"--verify and {other} exclude each other", "See 'guild verify'.")
    jobs = arguments.whole_number(args, "--jobs", least=1)
    assert jobs is not None  # the usage has a default
    filters = arguments.filters_for(args, here, changes=True)
    report = Report(
        _log(args), args.is_set("--cron") or args.is_set("--watch"), args.is_set("--verbose")
    )
    selected = arguments.selection(args)
    visit = request.Visit(
        here,
        report.say,
        report.warn,
        patient=args.is_set("--cron"),
        journal=journal.Journal(here),
        selected=(lambda given: selected(given).with_delete())
        if args.is_set("--delete")
        else selected,
        limit=arguments.whole_number(args, "--deadline", least=1),
        verify=bool(args.is_set("--verify")),
    )
    if args.is_set("--plan"):
        return _plan(visit, _runs(args), filters, jobs, args.is_set("--json"))
    if args.is_set("--watch"):
        return _watch(visit, args, filters, jobs, report)
    if not args.is_set("--cron") or not config_mentions(b"heartbeat"):
        return _sync(visit, args, filters, jobs, report)[0]
    from guild_sync.hooks import heartbeat

    with heartbeat.beating(report.mutter) as failed:
        status, outcomes = _sync(visit, args, filters, jobs, report)
        if failure := _failure(status, outcomes):
            failed(failure)
    return status


def _write_units() -> int:
    from guild_sync.sync import schedules

    for path in schedules.write_units():
        console.say(f"Wrote {terminal.clean(str(path))}")
    console.say("To begin:")
    console.say("  systemctl --user daemon-reload")
    console.say("  systemctl --user enable --now guild-sync.timer")
    console.say("  loginctl enable-linger    # to sync while you are not logged in, too")
    return Exit.OK


def _failure(status: int, outcomes: Sequence[Outcome]) -> str:
    """What the heartbeat is told, empty where all is well.

    A remote that is left alone, since it failed lately, is down still: a service that heard of a
    success in between would tell people with every other sync that all is well again.
    """
    bad = [
        f"{outcome.remote} {outcome.state}"
        for outcome in outcomes
        if outcome.exit or outcome.state == LEFT_ALONE
    ]
    if not status and not bad:
        return ""
    return (
        f"exit status {status}: {', '.join(bad) or 'a hook, the metrics, the report, or a clean'}"
    )


def _sync(
    visit: request.Visit,
    args: Arguments,
    filters: Filters,
    jobs: int,
    report: Report,
) -> tuple[int, Sequence[Outcome]]:
    """One sync with all that follows it: its exit status, and what became of each remote."""
    runs = _runs(args)
    outcomes = engine.sync(visit, runs, filters, jobs)
    if runs and not outcomes:
        report.say(_nothing_open(visit.here, runs, filters))
    report.outcomes(outcomes)
    statuses = [_deliver(visit.here, report), *(outcome.exit for outcome in outcomes)]
    if path := args.text("--metrics"):
        statuses.append(_write_metrics(visit.here, Path(path), report))
    if path := args.text("--report"):
        statuses.append(_write_pages(visit.here, Path(path), report))
    if args.is_set("--cron") and config_mentions(b"clean"):
        from guild_sync.monitoring import cleaning

        statuses.append(cleaning.clean_all(visit.here, report.tell, report.warn))
    return max(statuses), outcomes


def _deliver(here: LocalHost, report: Report) -> Exit:
    """Tell hooks and notifications of the events that wait for them, if any do."""
    if not journal.has_events(here):
        return Exit.OK
    from guild_sync.hooks import delivery

    return delivery.deliver(here, report.warn)


def _write_metrics(here: LocalHost, path: Path, report: Report) -> Exit:
    from guild_sync.monitoring import metrics, standings

    try:
        metrics.write(path, standings.standings(here, ()), time.time())
    except OSError as e:
        report.warn(GuildError(f"cannot write the metrics {path}: {e.strerror}"))
        return Exit.ERROR
    return Exit.OK


def _write_pages(here: LocalHost, top: Path, report: Report) -> Exit:
    from guild_sync.reports import writing  # most syncs write none

    try:
        writing.write(here, top, writing.remotes(), on_wait=report.mutter)
    except GuildError as e:
        report.warn(e)
        return Exit.ERROR
    return Exit.OK


def _log(args: Arguments) -> Log:
    named = args.text("--log")
    path = Path(named) if named else None
    if args.is_set("--cron") and path is None:
        path = guild_home() / "log" / "sync.log"
    return Log(path, args.is_set("--syslog"))


def _watch(
    visit: request.Visit,
    args: Arguments,
    filters: Filters,
    jobs: int,
    report: Report,
) -> int:
    from guild_sync.sync import rounds

    seconds = arguments.whole_number(args, "--interval", least=1)
    assert seconds is not None  # the usage has a default
    if runs := _runs(args):
        named = request.named(visit.here, runs, filters)
        if not request.wanted(visit.here, named, filters).has_any:
            report.tell(_nothing_open(visit.here, named, filters))
            return Exit.OK
        runs = named
    console.say(f"Syncing every {seconds} s. Press Ctrl-C to end this; it ends no run.")

    def values(change: Change) -> str:
        return _last_values(visit.here, change.run) if sys.stdout.isatty() else ""

    def on_round(outcomes: list[Outcome]) -> None:
        report.outcomes(outcomes, values)
        if path := args.text("--metrics"):
            _write_metrics(visit.here, Path(path), report)
        if path := args.text("--report"):
            _write_pages(visit.here, Path(path), report)

    outcomes = rounds.watch(
        visit, runs, filters, jobs, seconds, args.is_set("--until-done"), on_round
    )
    return max((outcome.exit for outcome in outcomes), default=Exit.OK)


def _runs(args: Arguments) -> list[str]:
    """The runs that are named. Raises UsageError for a remote in the place of one.

    Its name may be the beginning of a run's id, and that run is not what was meant.
    """
    words = args.texts("RUN")
    for word in words:
        if config_mentions(word.encode("utf-8", "surrogateescape")):
            from guild_sync.config import remotes

            if word in remotes.defined() and not word.isdecimal():
                name = terminal.clean(word)
                raise UsageError(
                    f"sync takes runs, and {name} is a remote",
                    f"'guild pull {name}' copies its runs here. A run: give more of its id.",
                )
    return words


def _nothing_open(here: LocalHost, runs: Sequence[str], filters: Filters) -> str:
    """What is said where none of the runs that were named is one that a remote may have news of."""
    found = here.list_runs(specs=runs, filters=filters, whole=True)["runs"]
    if len(found) != 1:
        return f"Nothing to sync: none of these {len(found)} runs is open on a remote"
    (run,) = found
    whose = "" if here.copies([run["id"]]) else ", and was made here"
    return f"Nothing to sync: run {run['id']} is {terminal.clean(run['status'])}{whose}"


def _last_values(here: LocalHost, run_id: str) -> str:
    """The last values of a run's scalars, as they stand behind how it is: ` (loss 0.25)`."""
    from guild_sync.output.cells import last_ones

    found = last_ones(here.scalars_of([run_id])[run_id], _MOST_SCALARS)
    return f" ({found})" if found else ""


def _restore(here: LocalHost, specs: Sequence[str]) -> int:
    if not specs:
        raise UsageError("--restore takes the lost runs to restore", "See 'guild runs --lost'.")
    for spec in specs:
        found = here.find_again(run=spec)
        console.say(f"Restored {found['id']}: the next sync asks {terminal.clean(found['remote'])}")
    return Exit.OK


def _plan(
    visit: request.Visit,
    runs: Sequence[str],
    filters: Filters,
    jobs: int,
    as_json: bool,
) -> int:
    from guild_sync.sync import plan_report, preview

    return plan_report.show(preview.plans(visit, runs, filters, jobs), visit.here, as_json)
