"""Show a file of a run, or its output.

Usage:
  guild cat [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
'guild logs' is 'guild cat --output'.
Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the latest of all is
meant, or RUN: an id that one of them has, or gpu1:3.

Options:
  -p, --path PATH    The file, relative to the run's directory.
  -s, --sourcecode   Of the source code: PATH is relative to the source code's folder.
  -O, --output       The run's output.
  -r, --remote NAMES
                     Show a file of a run of this remote, or of one of several.
  -A, --archive FILE
                     Show a file of a run of this archive, such as 'guild export' makes.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import UsageError


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    path = ".guild/output" if args.is_set("--output") else args.text("--path")
    if args.is_set("--output") and (args.text("--path") or args.is_set("--sourcecode")):
        raise UsageError("give either --path or --output", "Try 'guild cat --help'.")
    if path is None:
        raise UsageError("which file of the run?", _which(args))
    found = several.one_run(args, args.text("RUN"))
    found.host.cat(
        _show,
        run=found.spec,
        path=path,
        filters=found.filters,
        sourcecode=args.is_set("--sourcecode"),
    )
    sys.stdout.buffer.flush()
    return found.exit


def _which(args: Arguments) -> str:
    """How the files are listed, and how the one that is meant most often is shown."""
    words = [shlex.quote(args.text("RUN") or "1")]
    if remote := args.text("--remote"):
        words += ["-r", shlex.quote(remote)]
    if archive := args.text("--archive"):
        words += ["-A", shlex.quote(archive)]
    run = " ".join(words)
    source = " --sourcecode" if args.is_set("--sourcecode") else ""
    return (
        f"One of those that 'guild ls {run}{source}' lists: --path FILE\n"
        f"What the run has printed: guild cat {run} --output"
    )


def _show(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
