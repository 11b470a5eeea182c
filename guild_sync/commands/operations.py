"""List the operations of the project in this folder.

One that cannot run is listed with its faults, a pipeline with those of its steps; the others
run. 'guild help --man guild.yml' tells what the project's guild.yml may say.

Usage:
  guild operations [options] [FILTER]...

With FILTERs only those whose name, MODEL:NAME, has all of these in it. One whose name begins
with '_' is private: it runs as any other, and is listed with --all.

Options:
  -a, --all      List private ones, too.
  -v, --verbose  Show the flags of each, with their defaults and choices.
  --json         Print JSON, of private ones too.
  --schema       Print the JSON schema of guild.yml, with which editors check and complete
                 its keys.
  --help         Show this help and exit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from guild_sync.cli.arguments import parse
from guild_sync.config.faults import refusal
from guild_sync.errors import Exit
from guild_sync.guildfile import reader, schema
from guild_sync.output import console, records, tables, terminal
from guild_sync.project import batches, flags, values
from guild_sync.project.operations import with_faults_of_steps


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    if args.is_set("--schema"):
        print(json.dumps(schema.schema(), indent=2))
        return Exit.OK
    project = reader.load(Path.cwd())
    wanted = args.texts("FILTER")
    found = [
        o for o in with_faults_of_steps(project)
        if all(text in o.full_name for text in wanted)
        and (args.is_set("--all") or args.is_set("--json") or not o.name.startswith("_"))
    ]  # fmt: skip
    if project.faults:
        console.warn(refusal(project.guildfile, project.faults))
    if args.is_set("--json"):
        data: list[records.OperationRecord] = [
            {"name": o.full_name, "description": o.description,
             "flags": {name: batches.plain(flag.default) for name, flag in o.flags.items()},
             "faults": list(o.faults)}
            for o in found
        ]  # fmt: skip
        print(json.dumps(data, default=str))
        return Exit.OK
    rows = [(terminal.clean(o.full_name), terminal.clean(o.description)) for o in found]
    for operation, line in zip(found, tables.table(rows), strict=True):
        print(line)
        for fault in operation.faults:
            print(terminal.clean(f"  cannot run: {fault}"))
        if args.is_set("--verbose"):
            for flag in operation.flags.values():
                about = f"  ({said})" if (said := flags.about(flag)) else ""
                print(terminal.clean(f"  {flag.name}: {values.shown(flag.default)}{about}"))
    return Exit.OK
