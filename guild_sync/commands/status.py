"""Show how remotes and their runs stand, as the last syncs have found them.

Usage:
  guild status [options]

Nothing is asked of a remote. Of each it is shown whether the last sync reached it, or
since when none did; how many of its runs are here with which status; when a sync last
succeeded; and when 'guild-sync', as cron calls it, tries again. A remote that cannot be
reached changes the status of no run: it is shown with when that was last confirmed. What
was started from here, and no sync has brought yet, is counted as 'not here yet'.

Options:
  -r, --remote NAMES
                  Show this remote alone, or several: gpu1,gpu2, or a group of the config file.
  --stale AGE     End with 2 if a run that is not over has not been confirmed for longer
                  than AGE, such as 2h, 30m or 1d. The first line is for Nagios then.
  -w, --watch     Ask the remotes, too, and show them and their runs again and again:
                  'guild fleet', which see.
  --metrics FILE  Write it to FILE for Prometheus' node_exporter, and show nothing.
  --json          Show it as JSON. Times are seconds since 1970.
  --help          Show this help and exit.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.config import remotes as configured
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit, UsageError
from guild_sync.fleet import naming
from guild_sync.hooks.events import UNREACHABLE
from guild_sync.hosts.local import LocalHost
from guild_sync.monitoring import metrics, standings
from guild_sync.monitoring.standings import NEVER, Standing
from guild_sync.output import formats, records, tables, terminal
from guild_sync.sync import ledger
from guild_sync.sync.outcomes import FAILED

CRITICAL = 2  # as Nagios has it
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STYLES = {standings.REACHABLE: "green", UNREACHABLE: "red", FAILED: "red", NEVER: ""}
_HEADINGS = ("REMOTE", "STATE", "RUNS", "LAST SUCCESS", "NEXT TRY")


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    limit = _age(args.text("--stale"))
    if args.is_set("--watch"):
        return _watched(args)
    now = time.time()
    names = configured.usable()[0]
    own = [name for name in names if name != configured.SANDBOX]
    found = standings.standings(LocalHost(str(guild_home())), own)
    # What was a remote once, and has no runs here, is nobody's any more.
    found = [standing for standing in found if standing.remote in names or standing.runs]
    if meant := args.text("--remote"):
        found = _of(found, meant)
    stale = [(s, run) for s in found for run in (s.stale(now, limit) if limit else [])]
    if path := args.text("--metrics"):
        metrics.write(Path(path), found, now)
    elif args.is_set("--json"):
        print(json.dumps([_as_json(s, now, limit) for s in found], indent=2))
    else:
        if limit:
            print(_verdict(args.word("--stale"), stale, sum(len(s.open) for s in found)))
        for line in _page(found):
            print(line)
    return CRITICAL if stale else Exit.OK


def _watched(args: Arguments) -> int:
    """Show the remotes again and again; the exit status."""
    if args.is_set("--json") or args.text("--stale") or args.text("--metrics"):
        raise UsageError("--watch excludes --json, --stale and --metrics")
    from guild_sync.board.showing import Shown, show  # what is shown once needs none of it

    return show(naming.names(args.text("--remote") or "all"), Shown())


def _of(found: Sequence[Standing], meant: str) -> list[Standing]:
    """How the remotes stand that are meant: of these alone, or that runs here came from."""
    known = {standing.remote: standing for standing in found}
    names = (meant,) if meant in known else naming.names(meant)
    return [known.get(name) or Standing(ledger.Entry(name), {}, ()) for name in names]


def _age(text: str | None) -> float | None:
    """The seconds that `2h` or `90s` stand for. Raises UsageError where it is no age."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if not match or not int(match[1]):
        raise UsageError(f"--stale takes an age such as 2h, 30m or 1d, not {text!r}")
    return int(match[1]) * _SECONDS[match[2]]


def _verdict(age: str, stale: Sequence[tuple[Standing, standings.Open]], total: int) -> str:
    """The line that Nagios shows: it is the first, and has no `|`, which begins figures there."""
    if not stale:
        return f"GUILD OK - {formats.counted(total)} not over, confirmed within {age}"
    remotes = sorted({s.remote for s, _ in stale})
    where = terminal.clean(", ".join(remotes)).replace("|", "?")
    oldest = formats.date(int(min(run.confirmed for _, run in stale) * 1e6))
    what = f"{formats.counted(len(stale))} not confirmed for {age}, since {oldest}"
    return f"GUILD CRITICAL - {what}: {where}"


def _page(found: Sequence[Standing]) -> Iterator[str]:
    if not found:
        yield "No remote is configured, and no run here came from one."
        return
    yield from tables.table([_HEADINGS, *map(_row, found)])
    for standing in found:
        if standing.entry.failures:
            yield ""
            yield terminal.clean(f"{standing.remote}: {standing.entry.reason}")
        for run in standing.open if standing.entry.failures else ():
            status = terminal.clean(f"{run.status} ({standing.remote})")
            yield f"  {run.run}  {status}  last confirmed {_date(run.confirmed)}"
        if cramped := standing.cramped:
            yield ""
            yield terminal.clean(
                f"{standing.remote}: no room here for {formats.size(sum(cramped.values()))} of "
                f"{formats.counted(len(cramped))} (keep-free in the config file)"
            )
            yield from (f"  {run}  {formats.size(size)}" for run, size in cramped.items())


def _row(standing: Standing) -> tuple[str, ...]:
    state = standing.state
    since = f" since {_date(standing.entry.down_since)}" if standing.entry.failures else ""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(standing.runs.items()))
    return (
        terminal.clean(standing.remote),
        terminal.Styled.of(f"{state}{since}", _STYLES[state]),
        counts or "none",
        _date(standing.entry.succeeded) or "never",
        _date(standing.entry.next_try),
    )


def _date(seconds: float | None) -> str:
    return "" if seconds is None else formats.date(int(seconds * 1_000_000))


def _as_json(standing: Standing, now: float, limit: float | None) -> records.StandingRecord:
    entry = standing.entry
    return {
        "remote": standing.remote,
        "state": standing.state,
        "since": entry.down_since,
        "reason": entry.reason,
        "failures": entry.failures,
        "last_try": entry.tried,
        "last_success": entry.succeeded,
        "next_try": entry.next_try,
        "runs": dict(standing.runs),
        "open": [
            {"run": run.run, "status": run.status, "confirmed": run.confirmed}
            for run in standing.open
        ],
        "missing": dict(entry.missing),
        "no_room": standing.cramped,
        "lag": standing.lag(now),
        "stale": [run.run for run in standing.stale(now, limit)] if limit else [],
    }
