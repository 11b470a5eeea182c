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
from typing import IO, Any

ESCAPES = "\x1b[2J\x1b]0;owned\x07\n"
JUNK: list[Any] = [
    *(None, True, 3, -1, 1e308, float("nan"), 10**30, 10**400),
    *("", "text", "../../x", "/etc/passwd", "-rf", ESCAPES, "a" * 32, "\udcff"),
    *([], [[]], ["x"], [None], {}, {"x": {}}, {"../x": "y"}),
]
FRAME = b"GUILD-ANSWER "
STREAMS = ("archive", "cat", "follow", "initialize", "provide", "watch")
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
            if key not in ("attrs", "flags", "scalars", "runs_of"):
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
    plan = json.loads((folder / "plan").read_text())
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin and agent.stdout
        while line := sys.stdin.buffer.readline():
            agent.stdin.write(line)
            agent.stdin.flush()
            asked = json.loads(line)
            for request in asked if isinstance(asked, list) else [asked]:
                function = request["function"]
                answer = passed_on(agent.stdout, function, plan, folder / "altered")
                if answer is None or function in STREAMS:
                    agent.stdin.close()
                    sys.stdout.buffer.write(agent.stdout.read() if function in STREAMS else b"")
                    return agent.wait()
                ok = answer.get("ok")
                if "ok" not in answer or (isinstance(ok, dict) and ok.get("missing")):
                    break  # with what it has asked for, it does no more
        agent.stdin.close()
        return agent.wait()


def passed_on(said: IO[bytes], function: str, plan: list[Any], told: Path) -> dict[str, Any] | None:
    """The answer to a request, which is passed on; None where none came, or it was altered."""
    line = b""
    while not line.startswith(FRAME):
        if not (line := said.readline()):
            return None
        if not line.startswith(FRAME):
            sys.stdout.buffer.write(line)
    answer: dict[str, Any] = json.loads(line.removeprefix(FRAME))
    if is_meant := function == plan[0]:
        done = add_keys(answer["ok"]) if plan[1] == EXTRA else alter(answer, plan[1])
        with open(told, "a") as file:
            file.write(f"{function}: {done}\n")
        line = FRAME + json.dumps(answer).encode() + b"\n"
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return None if is_meant else answer


if __name__ == "__main__":
    sys.exit(main())
