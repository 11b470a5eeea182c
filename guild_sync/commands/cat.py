"""Show a file of a run, or its output.

Usage:
  guild cat [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.

Options:
  -p, --path PATH    The file, relative to the run's directory.
  -O, --output       The run's output.
  -r, --remote NAME  Show a file of a run of this remote.
  --help             Show this help and exit.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from guild_sync.arguments import parse
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts import host


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    path = ".guild/output" if args["--output"] else args["--path"]
    if path is None or (args["--output"] and args["--path"]):
        raise UsageError("give either --path or --output", "Try 'guild cat --help'.")
    out = sys.stdout.buffer

    def show(chunk: bytes) -> None:
        out.write(chunk)

    host(args["--remote"]).stream("cat", show, run=args["RUN"] or "1", path=path)
    out.flush()
    return Exit.OK
