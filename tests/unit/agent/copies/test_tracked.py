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


def test_a_copy_tells_of_which_remote_and_what_it_was_made_without(home: Path) -> None:
    left_out = '[["a.ckpt", 7], ["odd"], 3]'
    make(
        home,
        A,
        started=1,
        marks={"LOCK.confirmed": "5 gpu\n", "LOCK.left-out": left_out, "LOCK.inputs": '[["x", 5]]'},
    )
    make(home, B, started=2, marks={"LOCK.remote": "other"})
    make(home, C, started=3)
    assert tracked.copies(str(home), [A, B, C]) == {
        A: {"remote": "gpu", "left_out": [("a.ckpt", 7)], "inputs": [("x", 5)], "cleaned": False},
        B: {"remote": "other", "left_out": [], "inputs": [], "cleaned": False},
    }
