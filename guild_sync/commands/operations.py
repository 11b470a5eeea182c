"""List the operations of the project in this folder.

Usage:
  guild operations [options]

Options:
  -v, --verbose  Show the flags of each, with their defaults.
  --json         Print JSON.
  --help         Show this help and exit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from guild_sync.cli.arguments import parse
from guild_sync.errors import Exit
from guild_sync.guildfile import reader
from guild_sync.output import records, tables, terminal
from guild_sync.project import values


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    found = reader.load(Path.cwd()).operations
    if args.is_set("--json"):
        data: list[records.OperationRecord] = [
            {"name": o.full_name, "description": o.description,
             "flags": {name: flag.default for name, flag in o.flags.items()}}
            for o in found
        ]  # fmt: skip
        print(json.dumps(data, default=str))
        return Exit.OK
    rows = [(terminal.clean(o.full_name), terminal.clean(o.description)) for o in found]
    for operation, line in zip(found, tables.table(rows), strict=True):
        print(line)
        if args.is_set("--verbose"):
            for flag in operation.flags.values():
                about = f"  ({flag.description})" if flag.description else ""
                print(terminal.clean(f"  {flag.name}: {values.shown(flag.default)}{about}"))
    return Exit.OK
