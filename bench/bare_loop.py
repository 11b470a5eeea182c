"""The limit of listings: no more than what any program must look at for one.

`python bare_loop.py RUNS WHAT` reads when each run started and WHAT else is asked of each: its
`exit_status`, its `opref`, its `scalars`, `all` that a listing shows; then all that is shown of the
latest. Of `marks` it looks alone which there are. It imports nothing of guild, and nothing that
Python has not imported anyway.
"""

import os
import sys

_SHOWN = [
    *["exit_status", "initialized", "started", "stopped", "label"],
    *["flags", "tags", "marked", "comments", "cmd"],
]
_PLACES = {"opref": "opref", "scalars": "SCALARS"}
# Attributes are smaller, as are ten scalars. A large buffer would cost more than the rest of the
# loop: the allocator maps and unmaps its memory for each file.
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


def main(runs: str, what: str) -> None:
    if what == "marks":
        names = ("LOCK.remote", "PENDING", "STAGED", "LOCK.confirmed")
        print(sum(is_there(e.path + "/.guild/" + n) for e in os.scandir(runs) for n in names))
        return
    latest = (0, "")
    for entry in os.scandir(runs):
        guild = entry.path + "/.guild/"
        if what == "all":
            shown(guild)
        elif what != "started":
            read(guild + _PLACES.get(what, "attrs/" + what))
        latest = max(latest, (int(read(guild + "attrs/started")), guild))
    print(shown(latest[1]))


def is_there(path: str) -> bool:
    return os.access(path, os.F_OK)


def shown(guild: str) -> list[bytes]:
    marks = [read(guild + name) for name in ("LOCK.remote", "PENDING", "STAGED", "opref")]
    return marks + [read(guild + "attrs/" + name) for name in _SHOWN]


if __name__ == "__main__":
    main(*sys.argv[1:])
