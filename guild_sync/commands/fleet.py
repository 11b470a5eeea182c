"""Show all remotes and their runs at one glance, again and again.

Usage:
  guild fleet [options]

On a terminal it is shown until you leave it: at once what the last syncs know, and then what
each remote answers, every few seconds. All are asked side by side, over a connection that stays
open; one that is down or hangs costs the others nothing, is shown with since when, and is tried
less and less often. In a pipe, and with --once and --json, all are asked once.

Of each remote: whether it answers, how many of its runs run, wait or have failed lately, what is
free of its GPUs, cores, memory and disk, its load, and when it was last heard. Of each run that
is not over, or has ended lately: its status and age, how far it is, its last scalars, the last
line of its output. How far a run is says its last line ('37%', 'epoch 3/10', a bar of tqdm), or a
step of its scalars beside its flag 'epochs', 'steps' or the like; else nothing does.

With the extra [report] there are keys: the arrows choose a run, Enter or f follows its output (q
goes back), s stops it, p pulls it, r asks all remotes now, / filters, q leaves. 'guild status -w'
is the same.

Options:
  -r, --remote NAMES
                   Show this remote alone, or several: gpu1,gpu2, or a group of the config
                   file. Else all that it names.
  -n, --interval TIME
                   Ask again so long after an answer: 10s, 1m. Else 5s. A cluster's scheduler
                   is asked every 30s at most.
  --ended TIME     Show runs that have ended no longer ago than that, such as 12h. Else 1h.
  --once           Ask each once, show the table and end.
  --within TIME    With --once, --json and in a pipe: how long all may take. Else 20s.
  --plain          On a terminal without keys, as it is without the extra.
  --json           Ask each once, and print JSON. Times are seconds since 1970.
  --help           Show this help and exit.

Exit status of one that is shown once: 0 if all answer, 1 if guild cannot work on one of them, 3
if one cannot be reached, or has not answered in time.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.board.showing import INTERVAL, LATELY, WITHIN, Shown, show
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.config.durations import A_TIME, seconds_of
from guild_sync.errors import UsageError
from guild_sync.fleet import naming


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    how = Shown(
        once=args.is_set("--once"),
        as_json=args.is_set("--json"),
        plain=args.is_set("--plain"),
        interval=_seconds(args, "--interval", INTERVAL, 1.0),
        within=_seconds(args, "--within", WITHIN, 0.1),
        lately=_seconds(args, "--ended", LATELY, 0.0),
    )
    return show(naming.names(args.text("--remote") or "all"), how)


def _seconds(args: Arguments, option: str, usual: float, least: float) -> float:
    """The seconds that an option says. Raises UsageError where it says none, or too few."""
    text = args.text(option)
    if text is None:
        return usual
    seconds = seconds_of(text)
    if seconds is None or seconds < least:
        atleast = f", at least {least:g}s" if least else ""
        raise UsageError(f"{option} takes {A_TIME}{atleast}, not {text!r}")
    return seconds
