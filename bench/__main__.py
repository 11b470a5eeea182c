"""Measure how long guild takes, beside the bare limits of what it works with.

`bench` stands for `python -m bench`, by the Python that guild is installed for.

Usage:
  bench [options] [--only NAME]...

Options:
  --repeat N   How often each row is measured; the table has the medians [default: 5].
  --only NAME  Only the rows that have NAME in them, such as 'sync' or '50 runs, cold'.
  --quick      Without the largest listing and the 50 runs, and each row twice.
  --json FILE  Write all that was measured there, too.
  --readme     Put the rows into the table of bench/README.md, in place of those that it has of
               them; its others stay, each with the day on which it was measured.
  --resources  Measure guild's own CPU and memory, too, as is done without --only.
  --profile    Show where the time of each of these guild commands goes instead.
  --help       Show this help and exit.

bench/README.md says what the rows are. Exit status: 0 whether or not aims are met, 1 where a
row could not be measured.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from docopt import docopt

from bench import profile, readme, report, resources
from bench.cases import all_cases
from bench.lab import Lab
from bench.measure import Failed, measured


def main() -> int:
    args = docopt(__doc__ or "")
    # `kill` ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    repeat = 2 if args["--quick"] else max(1, int(args["--repeat"]))
    rows = []
    failed = False
    with Lab() as lab:
        for case in all_cases(lab, args["--quick"]):
            if args["--only"] and not any(name in case.work.what for name in args["--only"]):
                continue
            try:
                if args["--profile"]:
                    profile.show(case, lab.folder)
                    continue
                print(f"{case.work.what} ...", file=sys.stderr, flush=True)
                rows.append(measured(case, repeat))
            except Failed as e:
                failed = True
                print(f"{case.work.what}: {e}", file=sys.stderr)
        for line in (*report.table(rows), "", *report.notes(rows)) if rows else ():
            print(line)
    if args["--resources"] or not (args["--only"] or args["--quick"] or args["--profile"]):
        with Lab() as lab:  # another, without the config of the many remotes
            for line in resources.lines(lab, repeat):
                print(line)
    if args["--readme"]:
        readme.write(map(report.cells_of, rows), report.machine(), order())
    if args["--json"]:
        Path(args["--json"]).write_text(json.dumps(report.as_json(rows), indent=1) + "\n")
    return int(failed)


def order() -> list[readme.Key]:
    """All rows there are, in the table's order."""
    with Lab() as lab:
        return [
            (case.work.what, case.limit.what if case.limit else "")
            for case in all_cases(lab, quick=False)
        ]


if __name__ == "__main__":
    sys.exit(main())
