"""What is said of a run whose output is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundirs import A, make

from guild_sync.agent.store import locks, rundir
from guild_sync.hosts.local import LocalHost
from guild_sync.runs.watch import state_of


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({}, "running"),
        ({"STAGED": ""}, "staged, or running"),
        ({"PENDING": "", "LOCK.waits": "2 GPUs"}, "pending, or running"),
    ],
)
def test_a_run_that_waits_is_not_said_to_be_running(
    tmp_path: Path, marks: dict[str, str], said: str
) -> None:
    guild = rundir.guild_dir(str(make(tmp_path, A, marks, initialized=1)))
    held = locks.hold(guild)
    assert held is not None
    (run,) = LocalHost(str(tmp_path)).list_runs([A])["runs"]
    assert state_of(run) == said
    locks.release(guild, held)
