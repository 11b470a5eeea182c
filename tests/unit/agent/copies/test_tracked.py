"""The runs here that their remotes are asked for."""

from __future__ import annotations

from pathlib import Path

from rundirs import A, B, C, make

from guild_sync.agent.copies import tracked


def test_runs_that_run_on_a_remote_are_told_with_its_name_the_latest_first(home: Path) -> None:
    make(home, A, started=1, marks={"LOCK.remote": "gpu\n"})
    make(home, B, started=2)
    make(home, C, started=3, marks={"LOCK.remote": "other"})
    assert tracked.tracked(str(home)) == [(C, "other"), (A, "gpu")]
