"""Runs that are ended: those whose runner answers to nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

from support import wait_until_gone

from guild_sync.agent.machine import processes
from guild_sync.agent.running import stop
from guild_sync.agent.store import identity

PARENT = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
child.wait()
"""


def test_nothing_is_killed_below_a_stranger_who_has_the_number_of_a_runner_by_now() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        child = int(stranger.stdout.readline())
        now = identity.of(stranger.pid)
        assert now.start is not None
        assert processes.descendants(stranger.pid) == [child]
        stop._kill_all(now._replace(start=now.start - 100))
        assert identity.lives(identity.of(child)) and stranger.poll() is None
        stop._kill_all(now)
        wait_until_gone(child)
        assert stranger.wait() == -signal.SIGKILL
