"""A short question to another program."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import wait_until

from guild_sync.agent.store.identity import start_time
from guild_sync.transport import process, question
from guild_sync.transport.process import Completed


def ask(script: str, timeout: float | None = None, most: int | None = None) -> Completed:
    return question.run(("sh", "-c", script), timeout=timeout, most=most)


def test_a_program_that_says_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 100_000)
    done = ask("yes")
    assert done.said_too_much
    assert len(done.stdout) <= 100_000


def test_of_one_of_which_so_much_is_wanted_the_beginning_is_kept() -> None:
    done = ask("echo begin; head -c 1000000 /dev/zero; exit 3", most=8)
    assert done == (3, b"begin\n\0\0", "")


def test_what_it_started_is_killed_with_it_when_its_time_is_over(tmp_path: Path) -> None:
    done = ask(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout=0.5)
    assert done.timed_out
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "the child's end")


def test_the_nearer_of_a_deadline_and_its_own_time_counts() -> None:
    import time

    with process.deadline(time.monotonic() + 600):
        assert ask("sleep 600", timeout=0.2).timed_out
