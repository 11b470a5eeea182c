"""Run directories as guild leaves them, without having run anything."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from guild_sync.agent.protocol import Plain
from guild_sync.agent.store import attrs

_SOURCE = {
    "guild.yml": "op:\n  main: sleep\n  flags-import: all\n",
    "sleep.py": "import time\n\nsleep = 1\n\ntime.sleep(sleep)\n",
}
_OUTPUT = "Sleeping for 3600 second(s)\n"
_ENV = {"FLAG_SLEEP": "3600", "GUILD_FLAGS_DEST": "globals", "GUILD_GLOBALS": '{"sleep": "sleep"}'}
_SECOND = 1_000_000  # a run's times are in microseconds
MANY_FILES = 20_000
_BLOCK = 1 << 20


def write_runs(runs: Path, count: int, *, ended: bool, seed: int = 0) -> list[str]:
    """Write `count` runs into the folder `runs`; their ids, the latest first.

    They began a second apart, the latest a minute ago. Those that have not ended have no
    exit status; whoever wants them to be running holds their LOCK.
    """
    ids = random.Random(seed)
    latest = time.time_ns() // 1000 - 60 * _SECOND
    found = []
    for index in range(count):
        run_id = f"{ids.getrandbits(128):032x}"
        _write_run(runs / run_id, run_id, latest - index * _SECOND, ended)
        found.append(run_id)
    return found


def _write_run(directory: Path, run_id: str, started: int, ended: bool) -> None:
    guild = directory / ".guild"
    (guild / "attrs").mkdir(parents=True)
    for name, content in (*_SOURCE.items(), *_guild_files()):
        _write(f"{directory}/{name}", content)
    for name, value in _attributes(run_id, started, ended):
        _write(f"{guild}/attrs/{name}", attrs.encode(value))


def _guild_files() -> Iterator[tuple[str, str]]:
    job = {"op": "op", "env": _ENV, "module": "sleep", "args": [], "environment": {}}
    lines = (
        f"s {name} {hashlib.sha1(text.encode()).hexdigest()} {name}\n"
        for name, text in _SOURCE.items()
    )
    yield ".guild/opref", "package:gpkg.anonymous-8d5a349c 0.0.0 '' op"
    yield ".guild/job.json", json.dumps(job, indent=1)
    yield ".guild/manifest", "".join(lines)
    yield ".guild/output", _OUTPUT


def _attributes(run_id: str, started: int, ended: bool) -> Iterator[tuple[str, Plain]]:
    yield "id", run_id
    yield "initialized", started - _SECOND // 2
    yield "started", started
    yield "flags", {"sleep": 3600}
    yield "label", "sleep=3600"
    yield "cmd", ["/usr/bin/python3", "-u", "/home/user/.guild/agent/op_main.py", "sleep"]
    yield "env", _ENV
    yield "host", "bench"
    yield "user", "user"
    yield "sourcecode_digest", "9db68f61b98511aab5624976a87f2c18"
    if ended:
        yield "stopped", started + 3600 * _SECOND
        yield "exit_status", 0


def _write(path: str, text: str) -> None:
    # Bare system calls: the largest listing is made of 160,000 of these files.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, text.encode())
    os.close(fd)


def write_files(what: str, directory: Path) -> None:
    """Write into a run what is to be copied: `eight`, `large`, `many` or `lines`."""
    if what == "large":
        _write_random(directory / "model.bin", 1 << 30)
    elif what == "eight":
        for number in range(8):
            _write_random(directory / f"model-{number}.bin", 48_000_000)
    elif what == "many":
        for number in range(MANY_FILES):
            folder = directory / f"part-{number // 100:03}"
            folder.mkdir(exist_ok=True)
            (folder / f"file-{number}").write_text(f"{number}\n")
    else:
        _write_lines(directory / "log.jsonl", 64_000_000)


def _write_random(path: Path, size: int) -> None:
    """A file that nothing compresses."""
    with open(path, "wb") as file:
        for begin in range(0, size, _BLOCK):
            file.write(os.urandom(min(_BLOCK, size - begin)))


def _write_lines(path: Path, size: int) -> None:
    """A log of a training, a JSON object a line, whose numbers differ and are of four digits."""
    numbers = random.Random(6)
    with open(path, "w", encoding="utf-8") as file:
        step = 0
        while file.tell() < size:
            for _ in range(10_000):
                step += 1
                values = {name: round(numbers.random(), 4) for name in ("loss", "accuracy")}
                line = {"time": 1_790_000_000 + step, "level": "INFO", "step": step, **values}
                file.write(json.dumps({**line, "message": "a batch was trained"}) + "\n")
