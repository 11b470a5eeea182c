"""What reading scalars costs: a million lines, with and without, read and not read.

`python -m bench.scalars` runs, in turns, an operation that prints a file of a million lines as fast
as it can be passed on (`cat`): lines without scalars, with many colons, with a scalar among each
hundred, and scalars alone. Each is run with `output-scalars: no`, with what guild reads by default,
and with a pattern. It shows the medians: the wall clock of `guild run`, and the CPU seconds of all
of its processes, `cat` included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

LINES: dict[str, Callable[[int], str]] = {
    "no scalar": lambda i: f"batch {i:07} of 1000000 is done, and all is well\n",
    "no scalar, four colons a line": lambda i: f"12:30:45 INFO main: batch: {i:07} is done\n",
    "one in a hundred": lambda i: (
        f"loss: {1 / (i + 1):.6f}\n" if i % 100 == 0 else LINES["no scalar"](i)
    ),
    "each line": lambda i: f"loss: {1 / (i + 1):.6f}\n",
}
KEYS = {
    "no": "no",
    "default": "null",
    "pattern": r"{loss: 'loss: (\value)'}",
}


class Cost(NamedTuple):
    """Of one run, in seconds; and whether all of its numbers were counted."""

    wall: float
    cpu: float
    is_whole: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.scalars", description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of each output")
    parser.add_argument("--repeat", type=int, default=3, help="turns that count")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guild-bench-") as folder:
        top = Path(folder)
        for row, found in _measured(top, asked.lines, asked.repeat):
            print(row, *(_cell(found[key]) for key in KEYS), sep=" | ", flush=True)
    return 0


def _cell(costs: list[Cost]) -> str:
    wall = statistics.median(cost.wall for cost in costs)
    cpu = statistics.median(cost.cpu for cost in costs)
    return f"{wall:.2f} s, {cpu:.2f} s" + ("" if all(c.is_whole for c in costs) else ", partial")


def _measured(top: Path, count: int, repeat: int) -> Iterator[tuple[str, dict[str, list[Cost]]]]:
    print(f"{count:,} lines of", *(f"{key}: wall, CPU" for key in KEYS), sep=" | ")
    for row, line in LINES.items():
        (top / "lines").write_text("".join(map(line, range(count))))
        operations = (
            f"{key}: {{exec: 'cat {top / 'lines'}', output-scalars: {said}}}\n"
            for key, said in KEYS.items()
        )
        project = top / "project"
        project.mkdir(exist_ok=True)
        (project / "guild.yml").write_text("".join(operations))
        found: dict[str, list[Cost]] = {key: [] for key in KEYS}
        for turn in range(repeat + 1):
            for key in KEYS:
                cost = _run(project, key, top / f"home-{key}")
                if turn:
                    found[key].append(cost)
        yield row, found


def _run(folder: Path, operation: str, home: Path) -> Cost:
    guild = os.path.join(os.path.dirname(sys.executable), "guild")
    env = {**os.environ, "GUILD_HOME": str(home), "GUILD_CONFIG": str(folder / "config.yml")}
    begun = time.monotonic()
    process = subprocess.Popen(
        [guild, "run", operation, "-y"], cwd=folder, env=env, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"guild run {operation} ended with {process.returncode}")
    (run,) = (home / "runs").glob("?" * 32)
    kept = json.loads((run / ".guild" / "SCALARS").read_text())
    is_whole = not any(form.get("partial") for form in kept.values())
    subprocess.run([guild, "runs", "rm", "-p", "-y"], env=env, check=True, capture_output=True)
    return Cost(wall, used.ru_utime + used.ru_stime, is_whole)


if __name__ == "__main__":
    sys.exit(main())
