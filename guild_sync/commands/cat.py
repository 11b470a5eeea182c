"""Show a file of a run, or its output.

Usage:
  guild cat [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.

Options:
  -p, --path PATH    The file, relative to the run's directory.
  -s, --sourcecode   Of the source code: PATH is relative to the source code's folder.
  -O, --output       The run's output.
  -r, --remote NAME  Show a file of a run of this remote.
  -A, --archive FILE
                     Show a file of a run of this archive, such as 'guild export' makes.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts.choose import host


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    path = ".guild/output" if args.is_set("--output") else args.text("--path")
    if path is None or (
        args.is_set("--output") and (args.text("--path") or args.is_set("--sourcecode"))
    ):
        raise UsageError("give either --path or --output", "Try 'guild cat --help'.")
    target = host(args.text("--remote"), args.text("--archive"))
    target.cat(
        _show,
        run=args.text("RUN") or "1",
        path=path,
        filters=arguments.filters_for(args, target, changes=False),
        sourcecode=args.is_set("--sourcecode"),
    )
    sys.stdout.buffer.flush()
    return Exit.OK


def _show(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
