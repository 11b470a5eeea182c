"""Measure two versions of guild in turns, so that what else the machine does touches both.

`bench.turns` stands for `python -m bench.turns`, by the Python that one of them is installed for.

Usage:
  bench.turns [options] [--only NAME]... OLD NEW

OLD and NEW are programs, such as `/tmp/old/main.venv/bin/guild`.

Options:
  --turns N    How often each row is measured of each [default: 9].
  --only NAME  Only the rows that have NAME in them, instead of some of sync, pull, run and runs.
  --help       Show this help and exit.

A row is slower where NEW's median is above OLD's by more than OLD's own spread, which is the
distance of its quartiles. The CPU seconds are those of this machine's programs, without what
runs on the remote. Exit status: 0 whether or not a row is slower.
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from docopt import docopt

from bench.cases import all_cases
from bench.lab import Lab
from bench.measure import Work

ROWS = (
    *("guild --version", "guild runs -n1 of 1,000", "guild run --no-wait, cold, loopback"),
    *("guild run --no-wait, open, loopback", "guild pull 10 runs, cold, loopback"),
    *("guild sync 10 runs, cold, loopback", "guild sync 10 runs, open, loopback"),
    "guild sync 10 runs, no news, cold, loopback",
)
HEADINGS = ("what", "n", "old s", "quartiles", "new s", "quartiles", "new - old", "", "CPU", "CPU")
Times = list[tuple[float, float]]  # seconds, and CPU seconds


def main() -> int:
    args = docopt(__doc__ or "")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # `kill` ends what was started
    programs = [Path(args["OLD"]).absolute(), Path(args["NEW"]).absolute()]
    names = args["--only"] or ROWS
    lines: list[tuple[str, ...]] = [HEADINGS]
    with Lab() as lab:
        for case in all_cases(lab, quick=True):
            if any(name in case.work.what for name in names):
                print(f"{case.work.what} ...", file=sys.stderr, flush=True)
                old, new = in_turns(lab, case.work, programs, max(2, int(args["--turns"])))
                lines.append(cells(case.work.what, old, new))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(n) for cell, n in zip(line, widths, strict=True)).rstrip())
    return 0


def in_turns(lab: Lab, work: Work, programs: Sequence[Path], turns: int) -> tuple[Times, Times]:
    """What the work takes with each program. Who begins changes with each turn; a first turn
    warms caches and does not count."""
    found: tuple[Times, Times] = ([], [])
    for turn in range(turns + 1):
        for index in (0, 1) if turn % 2 else (1, 0):
            lab.program = programs[index]
            # What one version keeps of the config file, another reads anew, and keeps in its place.
            session = lab.folder / f"session-{index}"
            session.mkdir(mode=0o700, exist_ok=True)
            os.environ["XDG_RUNTIME_DIR"] = str(session)
            work.prepare()
            before = cpu_seconds()
            seconds = sum(command.seconds() for command in work.commands())
            if turn:
                found[index].append((seconds, cpu_seconds() - before))
    return found


def cpu_seconds() -> float:
    """Of all processes that have been started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cells(what: str, old: Times, new: Times) -> tuple[str, ...]:
    low, middle, high = quartiles(old)
    new_low, new_middle, new_high = quartiles(new)
    return (
        *(what, str(len(old)), f"{middle:.3f}", f"{low:.3f}-{high:.3f}"),
        *(f"{new_middle:.3f}", f"{new_low:.3f}-{new_high:.3f}", f"{new_middle - middle:+.3f}"),
        "SLOWER" if new_middle - middle > high - low else "",
        *(f"{statistics.median(cpu for _, cpu in times):.3f}" for times in (old, new)),
    )


def quartiles(times: Times) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles([seconds for seconds, _ in times], method="inclusive")
    return low, middle, high


if __name__ == "__main__":
    sys.exit(main())
