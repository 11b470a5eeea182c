"""The limit of `guild runs -n1`: no more than what any program must read for it.

`python bare_loop.py RUNS` reads when each run started, then all that a listing shows of
the latest. It imports nothing of guild, and nothing that Python has not imported anyway.
"""

import os
import sys

_SHOWN = [
    *["exit_status", "initialized", "started", "stopped", "label"],
    *["flags", "tags", "marked", "comments", "cmd"],
]
# Attributes are smaller. A large buffer would cost more than the rest of the loop: the
# allocator maps and unmaps its memory for each file.
_BUFFER = 4096


def read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.read(fd, _BUFFER)
    finally:
        os.close(fd)


def main(runs: str) -> None:
    latest = max(
        (int(read(entry.path + "/.guild/attrs/started")), entry.path) for entry in os.scandir(runs)
    )
    guild = latest[1] + "/.guild/"
    marks = [read(guild + name) for name in ("LOCK.remote", "PENDING", "STAGED", "opref")]
    print(marks, [read(guild + "attrs/" + name) for name in _SHOWN])


if __name__ == "__main__":
    main(sys.argv[1])
