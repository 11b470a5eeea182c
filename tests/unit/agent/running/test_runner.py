"""A run's end: what it has written is on the disk first, and nothing keeps it from being told."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from rundirs import make

from guild_sync.agent.protocol import Job
from guild_sync.agent.running import runner
from guild_sync.agent.store import inside, rundir
from guild_sync.agent.store.job import write_job


def run_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, at_flush: Callable[[int], None]
) -> tuple[int, Path]:
    """A run's exit status and directory; `at_flush` stands in for the last flush of its disk."""
    run = make(home, marks={"PENDING": ""})
    job: Job = {"op": "op", "argv": ["sh", "-c", "echo line"]}
    write_job(str(run), job)

    def flush(handle: int, _: str) -> None:
        if (run / ".guild/output").exists():
            at_flush(handle)

    monkeypatch.setattr(inside, "flush_disk", flush)
    return runner.run(str(run)), run


def test_what_a_run_has_written_is_on_the_disk_before_its_end_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(handle: int) -> None:
        run = tmp_path / "runs" / ("a" * 32)
        seen.append((rundir.status(str(run)).text, (run / ".guild/output").read_text()))
        assert os.path.samestat(os.fstat(handle), os.stat(run / ".guild/output"))

    code, run = run_once(tmp_path, monkeypatch, look)
    assert (code, seen) == (0, [("running", "line\n")])
    assert rundir.status(str(run)).text == "completed"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_comes_when_the_operation_has_ended_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    before = signal.getsignal(signum)
    code, run = run_once(tmp_path, monkeypatch, lambda _: os.kill(os.getpid(), signum))
    assert code == 0
    assert rundir.status(str(run)).text == "completed"
    assert signal.getsignal(signum) == before


def test_a_disk_that_cannot_write_all_is_told_in_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    code, run = run_once(tmp_path, monkeypatch, fail)
    assert (code, rundir.status(str(run)).text) == (0, "completed")
    assert (run / ".guild/output").read_text() == (
        "line\nguild: the disk may not have all that this run has written: Input/output error\n"
    )


@pytest.mark.parametrize("words", [(), ("", "", "waits")])
def test_a_run_goes_on_whose_starter_was_killed(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nobody reads that it has started."""
    run = make(tmp_path, marks={"PENDING": ""})
    job: Job = {"op": "op", "argv": ["sh", "-c", "echo line"]}
    write_job(str(run), job)
    read_end, write_end = os.pipe()
    os.close(read_end)
    assert runner.main(str(run), write_end, *words) == 0
    assert rundir.status(str(run)).text == "completed"
    assert (run / ".guild/output").read_text() == "line\n"
