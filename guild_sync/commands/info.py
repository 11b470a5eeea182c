"""Show all that is known of a run.

Usage:
  guild runs info [options] [RUN]
  guild info [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.

Options:
  -m, --manifest     Show the files that the run was given.
  -e, --env          Show the environment variables that guild set for it.
  -r, --remote NAME  Show a run of this remote.
  --json             Print JSON.
  --help             Show this help and exit.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from guild_sync import display, operations
from guild_sync.arguments import parse
from guild_sync.errors import Exit
from guild_sync.hosts import host


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    run = host(args["--remote"]).call("info", spec=args["RUN"] or "1")
    if args["--json"]:
        print(json.dumps(run))
        return Exit.OK
    for line in _lines(run):
        print(line)
    if args["--env"]:
        _print_mapping("environment", run["attrs"].get("env"))
    if args["--manifest"]:
        print("manifest:")
        for entry in run["manifest"]:
            print(f"  {display.clean(entry)}")
    return Exit.OK


def _lines(run: Mapping[str, Any]) -> list[str]:
    attrs, opref = run["attrs"], run["opref"]
    source = (
        f"{opref['package']}=={opref['version']}"
        if opref["type"] == "package"
        else opref["package"]
    )
    tags = run["tags"] if isinstance(run["tags"], list) else []
    fields = {
        "id": run["id"],
        "operation": display.operation(run),
        "from": source,
        "status": display.status(run),
        "started": display.date(run["started"]),
        "stopped": display.date(run["stopped"]),
        "marked": "yes" if run["marked"] else "no",
        "label": run["label"] if run["label"] is not None else "",
        "tags": ", ".join(map(str, tags)),
        "sourcecode_digest": attrs.get("sourcecode_digest") or "",
        "run_dir": run["run_dir"],
        "command": shlex.join(map(str, run["cmd"])) if isinstance(run["cmd"], list) else "",
        "exit_status": "" if run["exit_status"] is None else run["exit_status"],
        "pid": run["pid"] or "",
        "host": attrs.get("host") or "",
    }
    lines = [f"{name}: {display.clean(value)}".rstrip() for name, value in fields.items()]
    flags = run["flags"] if isinstance(run["flags"], dict) else {}
    shown = [f"  {name}: {operations.shown(value)}" for name, value in sorted(flags.items())]
    return [*lines, "flags:", *(display.clean(line) for line in shown)]


def _print_mapping(title: str, values: object) -> None:
    print(f"{title}:")
    if isinstance(values, dict):
        for name, value in sorted(values.items()):
            print(display.clean(f"  {name}: {value}"))
