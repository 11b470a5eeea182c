"""Show how two runs differ.

Usage:
  guild diff [-p PATH]... [options] [RUN [RUN]]
  guild runs diff [-p PATH]... [options] [RUN [RUN]]

RUN is an index (1 is the latest), a run id or the beginning of one. Without RUNs the
latest two are compared. Without options that say what, all files of the runs are.
The files are put in a folder for each run, and 'diff -ru' or PROGRAM is given both.

Options:
  -O, --output       Compare what the runs printed.
  -s, --sourcecode   Compare source code.
  -e, --env          Compare environment variables.
  -f, --flags        Compare flags.
  -a, --attrs        Compare all attributes.
  -D, --deps         Compare what the operations required.
  -p, --path PATH    Compare files at this path in the runs; can be given several times.
  -c, --cmd PROGRAM  Compare with this program, which may have options of its own.
  -r, --remote NAME  Compare runs of this remote.
  --help             Show this help and exit.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from guild_sync import arguments, process, unpacking
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts import FileMissing, Host, host

USAGE = (__doc__ or "") + arguments.FILTER_OPTIONS
ATTRIBUTES = ("flags", "env", "deps")
NO_READER = -13  # SIGPIPE: `guild diff | head`


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(USAGE, argv)
    program = _program(args["--cmd"])
    there = host(args["--remote"])
    ids = _two_runs(there, args)
    with tempfile.TemporaryDirectory(prefix="guild-diff-") as top:
        for number, part in enumerate(_parts(args)):
            _compare(there, ids, part, Path(top, str(number)), program)
    return Exit.OK


def _program(text: str | None) -> list[str]:
    if text is None:
        return ["diff", "-ru"]
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise UsageError(f"--cmd is not a command line: {e}") from None
    if not words:
        raise UsageError("--cmd takes a program's name")
    return words


def _two_runs(there: Host, args: Mapping[str, Any]) -> list[str]:
    specs = args["RUN"]
    if len(specs) == 1:
        raise UsageError("give two runs, or none for the latest two", "Try 'guild diff --help'.")
    found = there.call("choose", specs=specs, filters=arguments.filters(dict(args)), limit=3)
    ids = [run["id"] for run in found[: None if specs else 2]]
    if len(ids) != 2:
        raise RunNotFound(f"there must be two runs to compare, not {len(ids) or 'none'}")
    return ids if specs else ids[::-1]  # what changed is read from the older to the newer


def _parts(args: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What is compared, as `archive` in agent/listing.py takes it."""
    chosen = []
    if args["--attrs"]:
        chosen.append({"pattern": ".guild/attrs"})
    else:
        named = [name for name in ATTRIBUTES if args[f"--{name}"]]
        chosen += [{"pattern": f".guild/attrs/{name}"} for name in named]
    if args["--output"]:
        chosen.append({"pattern": ".guild/output"})
    if args["--sourcecode"]:
        chosen.append({"kind": "sourcecode"})
    chosen += [{"pattern": path} for path in args["--path"]]
    yield from chosen or [{}]


def _compare(
    there: Host, ids: Sequence[str], part: Mapping[str, str], top: Path, program: Sequence[str]
) -> None:
    length = 8 if ids[0][:8] != ids[1][:8] else 32
    names = [run_id[:length] for run_id in ids]
    for run_id, name in zip(ids, names, strict=True):
        with unpacking.into(top / name) as on_bytes:
            there.stream("archive", on_bytes, run=run_id, **part)
    if path := part.get("pattern"):
        places = [f"{name}/{path.rstrip('/')}" for name in names]
        if not any((top / place).exists() for place in places):
            if not any(any((top / name).iterdir()) for name in names):
                if path.startswith(".guild/"):  # neither has what not every run has
                    return
                raise FileMissing(f"neither run has a file {path!r}")
        elif all((top / place).exists() for place in places):
            names = places
    code = process.foreground([*program, *names], cwd=str(top))
    if code not in (0, 1, NO_READER):
        raise GuildError(f"{program[0]} failed (exit status {code})")
