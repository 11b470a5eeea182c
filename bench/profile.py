"""Where the time of one command goes: what it imports, and which programs it starts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.measure import Case, Command

_WATCHED = ("ssh", "rsync")
_SHOWN_IMPORTS = 12
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)")

# First on PATH under the name of a program: runs it, and notes when it began and ended.
_SHIM = """\
#!/bin/sh
began=$(date +%s.%N)
{program} "$@"
code=$?
printf '%s %s {name} %s\\n' "$began" "$(date +%s.%N)" \
  "$(printf '%s ' "$@" | tr '\\n' ' ')" >>{log}
exit $code
"""


class Process(NamedTuple):
    """A program that was started: when, counted from the command's start, and for how long."""

    start: float
    seconds: float
    words: str


class Import(NamedTuple):
    """A module's own seconds, and those with all that it imports in turn."""

    own: float
    total: float
    depth: int
    name: str


def show(case: Case, folder: Path) -> None:
    """Print where the time of the case's guild command goes; nothing where there is none."""
    command = case.work.commands()[0] if case.work.what.startswith("guild") else None
    if command is None:
        return
    case.work.seconds()  # what a first time makes is there afterwards
    case.work.prepare()
    alone = command.seconds()
    print(f"{case.work.what}: {alone:.3f} s")
    case.work.prepare()
    found = list(_processes(command, folder / "shims"))
    case.work.prepare()
    imported = list(_imports(command, folder / "imports.txt"))
    print(f"  imports: {sum(i.own for i in imported):.3f} s, the largest with what they import")
    for module in sorted(imported, key=lambda i: -i.total)[:_SHOWN_IMPORTS]:
        print(f"    {module.total:.3f}  {module.name}")
    outer = sum(p.seconds for p in found if not _is_within(p, found))
    print(f"  {len(found)} ssh and rsync processes: {outer:.3f} s (at, for, what)")
    for process in sorted(found):
        indent = "  " if _is_within(process, found) else ""
        print(f"    {process.start:6.3f} {process.seconds:6.3f}  {indent}{process.words}")
    print()


def _is_within(process: Process, others: list[Process]) -> bool:
    """Whether it was started by another: rsync's own ssh."""
    return any(
        other.start < process.start
        and process.start + process.seconds < other.start + other.seconds
        for other in others
    )


def _processes(command: Command, folder: Path) -> Iterator[Process]:
    log = folder / "log"
    folder.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    log.touch()
    for name in _WATCHED:
        program = shlex.quote(shutil.which(name) or name)
        shim = folder / name
        shim.write_text(_SHIM.format(program=program, name=name, log=shlex.quote(str(log))))
        shim.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    began = time.time()
    replace(command, env={**command.env, "PATH": path}).seconds()
    for line in log.read_text().splitlines():
        start, end, words = line.split(" ", 2)
        shown = re.sub(r"-F \S+|sh -c '.*?' guild|-- ", "", words)
        yield Process(float(start) - began, float(end) - float(start), " ".join(shown.split())[:90])


def _imports(command: Command, file: Path) -> Iterator[Import]:
    argv = shlex.join([sys.executable, "-X", "importtime", *command.argv])
    script = f"{argv} 2>{shlex.quote(str(file))}"
    replace(command, argv=("sh", "-c", script)).seconds()
    for match in _IMPORT.finditer(file.read_text()):
        yield Import(int(match[1]) / 1e6, int(match[2]) / 1e6, len(match[3]) // 2, match[4])
