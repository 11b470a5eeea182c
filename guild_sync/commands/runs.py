"""List runs, here or on a remote.

Usage:
  guild runs [list] [options] [RUN]...

Each line has the run's index and the beginning of its id, its operation, when it
started, its status, and its label. RUN is an index (1 is the latest), a range 1:5,
a run id or the beginning of one. 'guild runs info' shows all of one run.

Options:
  -n, --limit N      Show at most N runs (20 if neither this nor -a is given).
  -a, --all          Show all runs.
  -r, --remote NAME  Show the runs of this remote.
  --json             Print JSON.
  --help             Show this help and exit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from guild_sync import arguments, display
from guild_sync.errors import Exit
from guild_sync.hosts import host

DEFAULT_LIMIT = 20
USAGE = (__doc__ or "") + arguments.FILTER_OPTIONS


def main(argv: Sequence[str]) -> int:
    if argv[1:2] == ["info"]:
        from guild_sync.commands import info

        return info.main(argv)
    args = arguments.parse(USAGE, argv)
    limit = None if args["--all"] else arguments.whole_number(args, "--limit")
    if limit is None and not args["--all"]:
        limit = DEFAULT_LIMIT
    found = host(args["--remote"]).call(
        "list", specs=args["RUN"], limit=limit, filters=arguments.filters(args)
    )
    if args["--json"]:
        print(json.dumps(found["runs"]))
    else:
        _print(found["runs"], found["total"])
    return Exit.OK


def _print(runs: list[dict[str, Any]], total: int) -> None:
    rows = [display.run_row(index, run) for index, run in enumerate(runs, 1)]
    print("".join(f"{line}\n" for line in display.table(rows)), end="")
    if len(runs) == DEFAULT_LIMIT < total:
        print(f"Showing the first {len(runs)} runs ({total} in all) - use -a to show all")
