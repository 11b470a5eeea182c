#!/usr/bin/env python3
"""A Python for a remote whose agent tells the truth but for one place of its answers.

The folder of this file has `plan`: the function whose answers are altered, and a seed. What
was put where is appended to `altered`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ESCAPES = "\x1b[2J\x1b]0;owned\x07\n"
JUNK: list[Any] = [
    *(None, True, 3, -1, 1e308, float("nan"), 10**30),
    *("", "text", "../../x", "/etc/passwd", "-rf", ESCAPES, "a" * 32, "\udcff"),
    *([], [[]], ["x"], [None], {}, {"x": {}}, {"../x": "y"}),
]
FRAME = b"GUILD-ANSWER "
EXTRA = "extra"  # in place of a seed: keys are added, and nothing is altered
UNKNOWN: dict[str, Any] = {
    "left_out": 5,
    "links": "x",
    "stamp": 7,
    "LOCK": "1\n",
    "incoming": "../../x",
    "exclude": ["*\0- /**"],
    ESCAPES: ESCAPES,
    "../x": {"x": "y"},
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in `value`, with each key or index in it."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def alter(answer: dict[str, Any], seed: int) -> str:
    """Put something else at one place of the answer, or take it out. Tells what was done."""
    draw = random.Random(seed)
    container, key = draw.choice([*places(answer)])
    if isinstance(container, dict) and draw.random() < 0.2:
        del container[key]
        return f"without {key!r}"
    container[key] = draw.choice(JUNK)
    return f"{key!r}: {container[key]!r}"


def add_keys(value: Any) -> str:
    """Put keys that nobody asked for into each mapping whose keys are not the remote's own."""
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            if key not in ("attrs", "flags", "runs_of"):
                add_keys(inner)
        if value and not all(len(key) == 32 for key in value):
            for key, extra in UNKNOWN.items():
                value.setdefault(key, extra)
    elif isinstance(value, list):
        for inner in value:
            add_keys(inner)
    return "keys were added"


def main() -> int:
    folder = Path(sys.argv[0]).parent
    argv = [sys.executable, *sys.argv[1:]]
    if sys.argv[1:5] != ["-I", "-S", "-X", "utf8"] or len(sys.argv) != 6:
        os.execv(argv[0], argv)  # as the Python of an operation
    request = sys.stdin.buffer.readline()
    done = subprocess.run(argv, input=request, stdout=subprocess.PIPE)
    said = done.stdout
    function, seed = json.loads((folder / "plan").read_text())
    asked = json.loads(request)
    if asked["function"] == function and FRAME in said:
        before, _, after = said.partition(FRAME)
        line, _, rest = after.partition(b"\n")
        answer = json.loads(line)
        told = add_keys(answer["ok"]) if seed == EXTRA else alter(answer, seed)
        with open(folder / "altered", "a") as file:
            file.write(f"{function}: {told}\n")
        said = before + FRAME + json.dumps(answer).encode() + b"\n" + rest
    sys.stdout.buffer.write(said)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
