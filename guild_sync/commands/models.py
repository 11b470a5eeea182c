"""List the models of the project in this folder: groups of operations in guild.yml.

Operations without a model are those of the model without a name, which is not listed.

Usage:
  guild models [options] [FILTER]...

With FILTERs only those whose name has all of these in it. One whose name begins with '_' is
private, and listed with --all.

Options:
  -a, --all      List private ones, too.
  -v, --verbose  Show the operations of each, and all of its description.
  --json         Print JSON, of private ones too.
  --help         Show this help and exit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from guild_sync.cli.arguments import parse
from guild_sync.config.faults import refusal
from guild_sync.errors import Exit
from guild_sync.guildfile import reader
from guild_sync.output import console, records, tables, terminal


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    project = reader.load(Path.cwd())
    if project.faults:
        console.warn(refusal(project.guildfile, project.faults))
    wanted = args.texts("FILTER")
    is_whole = args.is_set("--all") or args.is_set("--json")
    found = {
        name: description
        for name, description in project.models.items()
        if name and all(text in name for text in wanted) and (is_whole or name[0] != "_")
    }
    of_each = {name: [o.name for o in project.operations if o.model == name] for name in found}
    if args.is_set("--json"):
        data: list[records.ModelRecord] = [
            {"name": name, "description": found[name], "operations": of_each[name]}
            for name in found
        ]
        print(json.dumps(data))
        return Exit.OK
    first = {name: text.splitlines()[:1] for name, text in found.items()}
    rows = [(terminal.clean(name), terminal.clean("".join(first[name]))) for name in found]
    for name, line in zip(found, tables.table(rows), strict=True):
        print(line)
        if args.is_set("--verbose"):
            for text in found[name].splitlines()[1:]:
                print(terminal.clean(f"  {text}"))
            print(terminal.clean(f"  operations: {', '.join(of_each[name]) or 'none'}"))
    return Exit.OK
