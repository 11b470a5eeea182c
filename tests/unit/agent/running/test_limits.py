"""An attempt that takes too long, or does nothing for too long, is ended, and it is said why."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rundirs import A, make

from guild_sync.agent.catalog import describe
from guild_sync.agent.errors import AgentError, Exhausted
from guild_sync.agent.facts.telling import Untold
from guild_sync.agent.machine import processes
from guild_sync.agent.protocol import Info, Job
from guild_sync.agent.running import limits, runner
from guild_sync.agent.staging import restage
from guild_sync.agent.store import locks
from guild_sync.agent.store.job import write_job

WORKERS = """
import os, subprocess, sys, time
BUSY = [sys.executable, __file__, "busy"]
def busy():
    end = time.monotonic() + 0.9
    while time.monotonic() < end: pass
if sys.argv[1] == "busy":
    busy()
elif sys.argv[1] == "a child":
    subprocess.run(BUSY)
elif sys.argv[1] == "one in a session of its own":
    subprocess.run(BUSY, start_new_session=True)
elif sys.argv[1] == "one that has left":
    end, other = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: busy()
        os._exit(0)
    os.close(other)
    os.wait()
    os.read(end, 1)
elif sys.argv[1] == "many short ones":
    for _ in range(40): subprocess.run(["sleep", "0.02"])
elif sys.argv[1] == "output alone":
    for _ in range(30):
        print(flush=True)
        time.sleep(0.03)
"""
WHO = ("busy", "a child", "one in a session of its own", "one that has left", "many short ones")


def staged(home: Path, script: str, **keys: Any) -> Path:
    run = make(home, marks={"STAGED": ""}, id=A)
    job: Job = {"op": "op", "argv": ["sh", "-c", script], **keys}  # type: ignore[typeddict-item]
    write_job(str(run), job)
    return run


def info(home: Path) -> Info:
    return describe.info(str(home), A)


def output(run: Path) -> str:
    return (run / ".guild/output").read_text()


def test_a_time_limit_ends_an_attempt_as_a_stop_does(tmp_path: Path) -> None:
    run = staged(tmp_path, "echo up; sleep 600", time_limit=0.2)
    assert runner.run(str(run)) == -signal.SIGTERM
    found = info(tmp_path)
    assert (found["status"], found["ended_by"]) == ("terminated", "time limit 0.2s")
    assert output(run) == "up\nguild: time limit 0.2s: told to end\n"


def test_what_ends_in_time_has_reached_no_limit(tmp_path: Path) -> None:
    run = staged(tmp_path, "echo up", time_limit=60, stall=60)
    assert runner.run(str(run)) == 0
    assert info(tmp_path)["ended_by"] is None


def test_a_limit_may_be_a_year(tmp_path: Path) -> None:
    """A wait in the kernel may not."""
    run = staged(tmp_path, "sleep 0.2", time_limit=365 * 86400.0, stall=365 * 86400.0)
    assert runner.run(str(run)) == 0


def test_one_that_ends_politely_when_it_is_told_to_is_terminated_all_the_same(
    tmp_path: Path,
) -> None:
    script = "trap 'echo bye; exit 0' TERM; sleep 600 & wait"
    run = staged(tmp_path, script, time_limit=0.2)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert "bye" in output(run)


def test_one_that_is_deaf_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_PATIENCE", 0.2)
    run = staged(tmp_path, "trap '' TERM; while :; do sleep 600; done", time_limit=0.2)
    assert runner.run(str(run)) == -signal.SIGKILL
    assert output(run).splitlines() == [
        "guild: time limit 0.2s: told to end",
        "guild: time limit 0.2s: killed, as it goes on",
    ]
    assert info(tmp_path)["ended_by"] == "time limit 0.2s"


def test_what_an_operation_left_behind_is_ended_by_its_limit_too(tmp_path: Path) -> None:
    run = staged(tmp_path, "sleep 600 & exit 0", time_limit=0.3)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert info(tmp_path)["ended_by"] == "time limit 0.3s"


def test_each_attempt_has_the_whole_time(tmp_path: Path) -> None:
    """The wait between two of them is of none."""
    retry = {"count": 2, "delay": 0.3, "pattern": ""}
    script = "echo x >> n; test $(wc -l < n) = 3 || exit 4"
    run = staged(tmp_path, script, time_limit=0.5, retry=retry)
    assert runner.run(str(run)) == 0
    assert info(tmp_path)["attempt"] == 3


RETRY = {"count": 1, "delay": 0.0, "pattern": ""}


def test_one_whose_time_is_over_is_tried_again_only_if_a_pattern_says_so(tmp_path: Path) -> None:
    run = staged(tmp_path / "a", "sleep 600", time_limit=0.2, retry=RETRY)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert info(tmp_path / "a")["attempt"] == 1
    named = {**RETRY, "pattern": "time limit"}
    run = staged(tmp_path / "b", "sleep 600", time_limit=0.2, retry=named)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert info(tmp_path / "b")["attempt"] == 2


def test_a_stoppable_operation_has_completed_when_its_time_is_over(tmp_path: Path) -> None:
    run = staged(tmp_path, "sleep 600", time_limit=0.2, stoppable=True)
    assert runner.run(str(run)) == 0
    found = info(tmp_path)
    assert (found["status"], found["ended_by"]) == ("completed", "time limit 0.2s")


# Stalls.


def test_no_output_and_no_cpu_is_a_stall_and_it_is_tried_again(tmp_path: Path) -> None:
    script = "test -e x && exit 0; touch x; echo up; sleep 600"
    run = staged(tmp_path, script, stall=0.3, retry=RETRY)
    assert runner.run(str(run)) == 0
    (first,) = info(tmp_path)["attempts"]
    assert (first["status"], first["ended_by"]) == ("terminated", "stalled for 0.3s")
    assert info(tmp_path)["ended_by"] is None
    text = (run / ".guild/attempts/1/output").read_text()
    assert text.splitlines() == [
        "up",
        "guild: stalled for 0.3s: told to end",
        "guild: stalled for 0.3s: tried again now (1 of 1)",
    ]


@pytest.mark.parametrize(
    ("pattern", "attempts"), [("CUDA error", 1), ("CUDA error|stalled for", 2)]
)
def test_one_that_has_stalled_is_tried_again_where_a_pattern_fits_it(
    tmp_path: Path, pattern: str, attempts: int
) -> None:
    run = staged(tmp_path, "sleep 600", stall=0.3, retry={**RETRY, "pattern": pattern})
    assert runner.run(str(run)) == -signal.SIGTERM
    assert info(tmp_path)["attempt"] == attempts


def test_children_and_a_parent_that_only_wait_stall(tmp_path: Path) -> None:
    run = staged(tmp_path, "sh -c 'sleep 600 & wait' & wait", stall=0.3)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert info(tmp_path)["ended_by"] == "stalled for 0.3s"


def test_a_stoppable_operation_that_stalls_has_not_completed(tmp_path: Path) -> None:
    run = staged(tmp_path, "sleep 600", stall=0.3, stoppable=True)
    assert runner.run(str(run)) == -signal.SIGTERM


@pytest.mark.parametrize("who", [*WHO, "output alone"])
def test_who_works_or_prints_does_not_stall(tmp_path: Path, who: str) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    argv = [sys.executable, str(tmp_path / "workers.py"), who]
    run = staged(tmp_path, "", argv=argv, stall=0.4)
    assert runner.run(str(run)) == 0, output(run)
    assert info(tmp_path)["ended_by"] is None


class Clock:
    """A time that passes as a test says, and processes that use what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.usage = processes.Usage(0.0, False)
        self.refused: AgentError | None = None
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(processes, "usage", lambda *_: self._usage())

    def _usage(self) -> processes.Usage:
        if self.refused:
            raise self.refused
        return self.usage

    def pass_by(self, of: limits.Limits, seconds: float, used: float = 0.0) -> bool:
        """Let time pass, with looks where they are due; whether a limit was reached."""
        end = self.now + seconds
        while True:
            wait = of.seconds(None)
            if wait is None or self.now + wait > end:
                self.usage = self.usage._replace(
                    seconds=self.usage.seconds + used * (end - self.now)
                )
                self.now = end
                return False
            self.usage = self.usage._replace(seconds=self.usage.seconds + used * wait)
            self.now += wait
            if of.reached():
                return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def begun(**keys: float) -> limits.Limits:
    made = limits.Limits("/run", **keys)
    made.begin(1)
    return made


def test_a_stall_is_seen_soon_after_the_last_work(clock: Clock) -> None:
    stall = begun(stall=1800)
    assert not clock.pass_by(stall, 3600, used=0.5)
    assert not clock.pass_by(stall, 1799)
    assert clock.pass_by(stall, 31)


def test_threads_that_only_wait_are_no_work(clock: Clock) -> None:
    """They wake now and then: heartbeats, progress bars, loaders of data."""
    assert clock.pass_by(begun(stall=1800), 1900, used=0.0005)
    assert not clock.pass_by(begun(stall=1800), 10 * 1800, used=0.002)


def test_what_is_suspended_has_not_stalled(clock: Clock) -> None:
    stall = begun(stall=60)
    clock.usage = processes.Usage(0.0, True)
    assert not clock.pass_by(stall, 600)
    clock.usage = processes.Usage(0.0, False)
    assert clock.pass_by(stall, 70)


def test_processes_that_end_are_work(clock: Clock) -> None:
    stall = begun(stall=60)
    assert not clock.pass_by(stall, 30, used=1)
    clock.usage = processes.Usage(5.0, False)
    assert not clock.pass_by(stall, 50)


@pytest.mark.parametrize("refused", [Exhausted("too many open files"), Untold("ps takes long")])
def test_where_processes_cannot_be_looked_at_nothing_is_known_of_a_stall(
    clock: Clock, refused: AgentError
) -> None:
    stall = begun(stall=60)
    clock.refused = refused
    assert not clock.pass_by(stall, 600)
    clock.refused = None
    assert clock.pass_by(stall, 10)


def test_the_first_limit_that_is_reached_counts(clock: Clock) -> None:
    both = begun(time_limit=50, stall=60)
    assert clock.pass_by(both, 60)
    assert both.ended_by == "time limit 50s"
    assert clock.pass_by(both, 31)  # killed
    assert not clock.pass_by(both, 10_000)


def test_a_restart_forgets_what_has_ended_the_run(tmp_path: Path) -> None:
    run = staged(tmp_path, "sleep 600", time_limit=0.2)
    runner.run(str(run))
    restage.restage(str(tmp_path), A, {}, {"op": "op", "argv": ["true"]})
    assert runner.run(str(run)) == 0
    found = info(tmp_path)
    assert (found["ended_by"], found["attempts"][0]["ended_by"]) == (None, "time limit 0.2s")
    assert locks.holder(str(run / ".guild")) is None
