"""What both ends must agree on: words, numbers and forms that travel between them."""

from __future__ import annotations

import re
import struct
import time

# What a login shell prints comes before this line and is skipped.
FRAME = "GUILD-ANSWER"

RUN_ID = re.compile(r"[0-9a-f]{32}\Z")

# A run whose status is one of these changes no more by itself.
FINAL = ("completed", "terminated", "error")
# What LOCK.remote holds while another machine pushes the run here, before its name. No
# remote can be meant: a run with it is of no concern to sync.
PUSH = "push from "
RUNNING = "it is running"  # why a run was not changed

# How a run is told to end.
TERM = "term"
KILL = "kill"
KILL_RUNNER = "kill-runner"

# Where a run keeps the files of its project that its operation may require: the wheel
# brings them there, and runs that are made from this one take them from there.
FILES = "gpkg_files"

MOST = 50_000  # paths that are left out of all runs of one copy

CHUNK = 1 << 16
ENDED = -1  # the size of a frame that says that its run has ended

OUTPUT = b"o"  # bytes that the script printed, on stdout or stderr
END = b"e"  # JSON: its exit status (negative: the signal); null where its time was over
HEADER = struct.Struct(">cI")


def now() -> int:
    """Microseconds since 1970, the unit of all times in a run."""
    return time.time_ns() // 1000
