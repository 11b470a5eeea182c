"""Show the output of a run as it is made, from its beginning, until the run ends.

Usage:
  guild watch [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
Ctrl-C ends the watching and leaves the run running.

Options:
  -r, --remote NAME  Watch a run of this remote.
  --help             Show this help and exit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guild_sync.arguments import parse
from guild_sync.errors import Exit, RunNotFound
from guild_sync.hosts import host
from guild_sync.watching import watch


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    target = host(args["--remote"])
    (run,) = _one(target.call("list", specs=[args["RUN"] or "1"])["runs"], args["RUN"])
    if run["remote"] and target.name is None:
        target = host(run["remote"])  # what is here is a copy: its output is made there
    return Exit.OK if watch(target, run["id"]) else Exit.INTERRUPTED


def _one(runs: list[dict[str, Any]], spec: str) -> list[dict[str, Any]]:
    if len(runs) != 1:
        raise RunNotFound(f"{spec!r} names {len(runs)} runs", "Name one.")
    return runs
