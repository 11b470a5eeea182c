"""List the files of a run.

Usage:
  guild ls [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the latest of all is
meant, or RUN: an id that one of them has, or gpu1:3.
PATTERN is a path in the run, in which * ? and [a-z] stand for parts of a name and **
for any folders; all that is below a folder that it matches is listed, too. What a copy was
made without is listed behind the others, as not copied; 'guild pull --all-files' brings it,
and 'guild pull --inputs' what the run was given.

Options:
  -p, --path PATTERN    List what matches PATTERN.
  -a, --all             List the files in .guild, too.
  -s, --sourcecode      List source code files.
  -d, --dependencies    List what the operation required.
  -g, --generated       List what the operation wrote.
  -f, --full-path       Show each file's full path.
  -L, --follow-links    List what is below links to folders.
  -n, --no-format       Show the names and nothing else.
  -h, --human-readable  Show sizes, in units for people.
  -r, --remote NAMES    List the files of a run of this remote, or of one of several.
  -A, --archive FILE    List the files of a run of this archive ('guild export').
  --help                Show this help and exit.

[filters]
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from guild_sync.agent.protocol import Files
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import UsageError
from guild_sync.output import formats, terminal

KINDS = ("sourcecode", "dependencies", "generated")


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    kinds = [kind for kind in KINDS if args.is_set(f"--{kind}")]
    if len(kinds) > 1:
        raise UsageError(f"--{kinds[0]} and --{kinds[1]} exclude each other")
    meant = several.one_run(args, args.text("RUN"))
    found = meant.host.list_files(
        run=meant.spec,
        filters=meant.filters,
        pattern=args.text("--path"),
        kind=kinds[0] if kinds else None,
        everything=args.is_set("--all"),
        follow=args.is_set("--follow-links"),
    )
    bare = args.is_set("--no-format") or args.is_set("--full-path")
    if not bare:
        print(terminal.clean(f"{found['run_dir']}:"))
    for line in _lines(found, args):
        print(line if bare else f"  {line}")
    for file in [] if bare else found["left_out"]:
        print(f"  {terminal.clean(file['path'])} (not copied, {formats.size(file['size'])})")
    for file in [] if bare else found["inputs"]:
        what = "given to the run, not copied"
        print(f"  {terminal.clean(file['path'])} ({what}, {formats.size(file['size'])})")
    for link in [] if bare else found["links"]:
        print(terminal.clean(f"  {link['path']} -> {link['target']} (leads out, not copied)"))
    for path in [] if bare else found["unreadable"]:
        print(terminal.clean(f"  {path} (not readable there, not copied)"))
    return meant.exit


def _lines(found: Files, args: Arguments) -> list[str]:
    paths = [file["path"] for file in found["files"]]
    if args.is_set("--full-path"):
        paths = [os.path.join(found["run_dir"], path) for path in paths]
    if not args.is_set("--human-readable"):
        return [terminal.clean(path) for path in paths]
    sizes = [
        "" if file["path"].endswith("/") else formats.size(file["size"]) for file in found["files"]
    ]
    width = max(map(len, sizes), default=0)
    return [
        f"{size:>{width}}  {terminal.clean(path)}" for size, path in zip(sizes, paths, strict=True)
    ]
