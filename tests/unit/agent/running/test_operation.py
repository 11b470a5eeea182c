"""An operation, followed to its end, and that end, written down where it cannot be at once."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from rundirs import make

from guild_sync.agent.errors import refuse_exhaustion
from guild_sync.agent.facts import by_proc
from guild_sync.agent.running import operation, runner
from guild_sync.agent.store import inside, rundir

LEAVES_A_CHILD = "sleep 1 >/dev/null 2>&1 & echo done; exit 3"


class Exhausted:
    """Nothing can be opened for the next calls of a function."""

    def __init__(self, function: Any, calls: int) -> None:
        self._function = function
        self.left = calls

    def __call__(self, *args: Any, **named: Any) -> Any:
        if self.left:
            self.left -= 1
            refuse_exhaustion(OSError(errno.ENFILE, os.strerror(errno.ENFILE)))
        return self._function(*args, **named)


def test_an_operation_is_followed_to_its_end_though_nothing_can_be_opened_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path)
    looks = Exhausted(by_proc.stat_of, 5)

    def begin() -> None:
        monkeypatch.setattr(by_proc, "stat_of", looks)

    with (run / ".guild/output").open("wb") as output:
        pass_on = operation.Output(output, None)
        argv = ["sh", "-c", LEAVES_A_CHILD]
        assert operation.operate(str(run), argv, dict(os.environ), pass_on, begin).code == 3
    assert looks.left == 0
    assert (run / ".guild/output").read_text() == "done\n"


def test_a_signal_that_comes_while_an_operation_is_started_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path)
    start = subprocess.Popen

    def told_meanwhile(*args: Any, **named: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return start(*args, **named)

    with (run / ".guild/output").open("wb") as output:
        pass_on = operation.Output(output, None)
        argv = ["sh", "-c", "sleep 3; echo it went on"]
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", told_meanwhile)
            ended = operation.operate(str(run), argv, dict(os.environ), pass_on, lambda: None)
    assert ended == operation.Ended(-signal.SIGTERM, is_told=True)
    assert (run / ".guild/output").read_text() == ""


@pytest.mark.parametrize("is_of_system", [True, False])
def test_a_runs_end_is_written_once_something_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_of_system: bool
) -> None:
    run = make(tmp_path)
    monkeypatch.setattr(runner, "_PAUSE", 0.01)
    if is_of_system:
        real, left = os.replace, [1, 1]

        def replace(*args: Any, **named: Any) -> None:
            if left:
                raise OSError(left.pop() and errno.ENFILE, "too many")
            real(*args, **named)

        monkeypatch.setattr(os, "replace", replace)
    else:
        monkeypatch.setattr(inside, "opened", Exhausted(inside.opened, 3))
    runner._write_end(str(run), operation.Ended(7), 1)
    assert rundir.read_attr(str(run), "exit_status") == 7


def test_a_runs_end_is_written_once_its_guild_home_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    run = make(home)
    home.rename(away)
    monkeypatch.setattr(time, "sleep", lambda _: away.rename(home))
    runner._write_end(str(run), operation.Ended(7), 1)
    assert rundir.read_attr(str(run), "exit_status") == 7


def test_a_runs_end_is_not_waited_for_where_the_run_was_removed(tmp_path: Path) -> None:
    run = make(tmp_path)
    shutil.rmtree(run)
    with pytest.raises(FileNotFoundError):
        runner._write_end(str(run), operation.Ended(7), 1)
