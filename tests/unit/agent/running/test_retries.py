"""An operation that fails is tried again by its runner, in the run, and every attempt is kept."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import rng
from rundirs import A, make
from support import wait_until, wait_until_gone

from guild_sync.agent.catalog import describe
from guild_sync.agent.machine import operation_process
from guild_sync.agent.protocol import Info, Job
from guild_sync.agent.running import retries, runner, stop
from guild_sync.agent.staging import restage, spawn
from guild_sync.agent.store import inside, locks, rundir
from guild_sync.agent.store.job import read_job, write_job

KILLS = int(os.environ.get("FAULT_KILLS", "8"))
# It goes on from what it wrote, and fails twice.
RESUMES = "echo step >> ckpt; n=$(wc -l < ckpt); echo from $n; test $n -ge 3 || exit 7"


def staged(home: Path, script: str, *, count: int = 3, delay: float = 0, pattern: str = "") -> Path:
    run = make(home, marks={"STAGED": ""}, id=A)
    job: Job = {"op": "op", "argv": ["sh", "-c", script]}
    job["retry"] = {"count": count, "delay": delay, "pattern": pattern}
    write_job(str(run), job)
    return run


def info(home: Path) -> Info:
    return describe.info(str(home), A)


def ends(home: Path) -> list[Any]:
    return [each["exit_status"] for each in info(home)["attempts"]]


def output(run: Path) -> str:
    return (run / ".guild/output").read_text()


def test_a_run_that_fails_twice_goes_on_from_what_it_wrote(tmp_path: Path) -> None:
    run = staged(tmp_path, RESUMES)
    assert runner.run(str(run)) == 0
    found = info(tmp_path)
    assert (found["status"], found["attempt"], ends(tmp_path)) == ("completed", 3, [7, 7])
    assert [each["retried"] for each in found["attempts"]] == [True, True]
    outputs = [(run / f".guild/attempts/{n}/output").read_text() for n in (1, 2)]
    assert outputs == [
        "from 1\nguild: exit status 7: tried again now (1 of 3)\n",
        "from 2\nguild: exit status 7: tried again now (2 of 3)\n",
    ]
    assert output(run) == "from 3\n"
    times: list[Any] = [(each["started"], each["stopped"]) for each in found["attempts"]]
    flat: list[Any] = [
        *(time for pair in times for time in pair),
        found["started"],
        found["stopped"],
    ]
    assert flat == sorted(flat) and None not in flat


def test_the_status_is_that_of_the_last_attempt(tmp_path: Path) -> None:
    run = staged(tmp_path, "echo x >> n; exit $(wc -l < n)", count=2)
    assert runner.run(str(run)) == 3
    assert (info(tmp_path)["status"], ends(tmp_path)) == ("error", [1, 2])
    assert output(run) == "guild: exit status 3: not tried again, after 2 retries\n"


def test_what_completes_is_not_tried_again(tmp_path: Path) -> None:
    run = staged(tmp_path, "exit 0")
    assert runner.run(str(run)) == 0
    assert not (run / ".guild/attempts").exists()


def test_one_that_was_killed_by_another_is_tried_again(tmp_path: Path) -> None:
    run = staged(tmp_path, "test -e x && exit 0; touch x; kill -9 $$")
    assert runner.run(str(run)) == 0
    assert ends(tmp_path) == [-9]


def test_a_pattern_says_what_is_tried_again(tmp_path: Path) -> None:
    script = "echo x >> n; n=$(wc -l < n); echo error $n of CUDA; exit $n"
    run = staged(tmp_path, script, pattern="^error [12] .*CUDA$")
    assert runner.run(str(run)) == 3
    assert ends(tmp_path) == [1, 2]
    assert output(run).splitlines()[1] == (
        "guild: exit status 3: not tried again, as no line of the output has '^error [12] .*CUDA$'"
    )


def test_a_pattern_that_this_python_does_not_know_is_said(tmp_path: Path) -> None:
    run = staged(tmp_path, "exit 1", pattern="x(")
    assert runner.run(str(run)) == 1
    assert "not tried again: 'x(' is no regular expression to Python" in output(run)


def test_a_pattern_that_takes_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_MOST_TIME", 0.1)
    run = staged(tmp_path, "echo %s!; exit 1" % ("a" * 60), pattern="(a+)+$")
    assert runner.run(str(run)) == 1
    assert "not tried again: '(a+)+$' takes too long on a line of the output" in output(run)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_stop_while_the_output_is_looked_through_ends_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_guild: str) -> Iterator[str]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield from itertools.repeat("no")

    monkeypatch.setattr(retries, "_lines", endless)
    run = staged(tmp_path, "exit 1", pattern="yes")
    assert runner.run(str(run)) == 1
    assert output(run) == "guild: exit status 1: not tried again: told to end\n"


def test_output_without_lines_and_bytes_that_are_no_text_are_looked_through(
    tmp_path: Path,
) -> None:
    script = r"printf '\377\000%070000d needle\n' 1; test -e x && exit 0; touch x; exit 1"
    assert runner.run(str(staged(tmp_path, script, pattern="needle"))) == 0


def test_requirements_are_made_ready_once_and_the_seed_stays(tmp_path: Path) -> None:
    run = staged(tmp_path, "echo $RANDOM_SEED >> seeds; test $(wc -l < seeds) = 2")
    job = read_job(str(run))
    write_job(str(run), {**job, "env": {"RANDOM_SEED": "5"}})
    assert runner.run(str(run)) == 0
    assert (run / "seeds").read_text() == "5\n5\n"


def test_what_an_attempt_has_written_is_on_the_disk_before_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    real = inside.flush_disk

    def flush(handle: int, path: str) -> None:
        run = tmp_path / "runs" / A
        seen.append(sorted(p.name for p in run.glob(".guild/attempts/*/*")))
        real(handle, path)

    run = staged(tmp_path, "test -e x && exit 0; touch x; exit 1")
    monkeypatch.setattr(inside, "flush_disk", flush)
    assert runner.run(str(run)) == 0
    assert [] in seen[1:] and seen[-1][-2:] == ["attempt.json", "output"]


class Waiting:
    """A run whose runner, a process of its own, waits between two attempts."""

    def __init__(self, home: Path, script: str = "echo out; exit 5") -> None:
        self.home = home
        self.run = staged(home, script, delay=365 * 86400)
        self.runner = spawn.start_runner(str(self.run))
        path = self.run / ".guild/attempts/1/attempt.json"
        wait_until(path.exists, "the end of the first attempt")

    @property
    def status(self) -> str:
        return rundir.status(str(self.run)).text


@pytest.fixture
def waiting(tmp_path: Path) -> Any:
    made = Waiting(tmp_path)
    yield made
    made.runner.kill()
    made.runner.wait()


def test_between_two_attempts_it_is_running_and_its_output_is_the_last_ones(
    waiting: Waiting,
) -> None:
    assert waiting.status == "running"
    assert locks.holder(str(waiting.run / ".guild")) == waiting.runner.pid
    assert output(waiting.run) == "out\nguild: exit status 5: tried again in 365d (1 of 3)\n"
    found = info(waiting.home)
    assert (found["exit_status"], found["attempt"]) == (None, 1)
    assert ends(waiting.home) == [5], "the one that has ended is told of"


@pytest.mark.parametrize(("how", "code"), [("term", -signal.SIGTERM), ("kill", -signal.SIGKILL)])
def test_a_stop_ends_the_retrying_between_two_attempts(
    waiting: Waiting, how: str, code: int
) -> None:
    assert stop.signal_runs(str(waiting.home), [A], how)["refused"] == {}
    waiting.runner.wait()
    found = info(waiting.home)
    assert (found["status"], found["exit_status"]) == ("terminated", code)
    assert output(waiting.run).splitlines()[-1] == "guild: told to end: not tried again"
    assert ends(waiting.home) == [5]
    again(waiting, "exit 0")
    assert ends(waiting.home) == [5]


def test_a_stop_during_an_attempt_ends_the_retrying(tmp_path: Path) -> None:
    run = staged(tmp_path, "kill -TERM $PPID; sleep 600")
    assert runner.run(str(run)) == -signal.SIGTERM
    assert not (run / ".guild/attempts").exists()


def test_a_runner_that_is_killed_between_two_attempts_leaves_an_error_and_its_attempts(
    waiting: Waiting,
) -> None:
    """So does a reboot; a restart goes on from there."""
    waiting.runner.kill()
    waiting.runner.wait()
    assert waiting.status == "error"
    again(waiting, "echo better")
    found = info(waiting.home)
    assert (found["status"], found["attempt"], ends(waiting.home)) == ("completed", 2, [5])
    assert not found["attempts"][0]["retried"]
    assert (waiting.run / ".guild/attempts/1/output").read_text().startswith("out\n")


def test_a_runner_that_is_killed_during_a_retry_leaves_both_attempts(tmp_path: Path) -> None:
    run = staged(tmp_path, "test -e x && { echo second; sleep 600; }; touch x; exit 5")
    process = spawn.start_runner(str(run))
    wait_until(lambda: "second" in output(run) if (run / ".guild/output").exists() else False)
    process.kill()
    process.wait()
    wait_until_gone(process.pid)
    assert rundir.status(str(run)).text == "error"
    restage.restage(str(tmp_path), A, {}, {"op": "op", "argv": ["true"]})
    assert runner.run(str(run)) == 0
    assert (info(tmp_path)["attempt"], ends(tmp_path)) == (3, [5, None])
    assert (run / ".guild/attempts/2/output").read_text() == "second\n"


def test_runners_that_are_killed_whenever_lose_no_attempt_and_make_none_up(tmp_path: Path) -> None:
    """Each attempt that began is there, once, with its own output, in its order."""
    run = staged(tmp_path, "echo x >> n; wc -l < n; exit 1", count=100_000)
    begun, random = 0, rng("retry")
    for _ in range(KILLS):
        more = random.randrange(4)
        process = spawn.start_runner(str(run))
        wait_until(lambda wanted=begun + more: lines(run / "n") >= wanted)  # type: ignore[misc]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, 0.05))
        process.kill()
        process.wait()
        wait_until(lambda: not living(run), "the operation's end")
        begun = lines(run / "n")
        restage.restage(str(tmp_path), A, {}, read_job(str(run)))
        found = [path.read_text().splitlines()[:1] for path in outputs(run)]
        printed = [int(first[0]) for first in found if first]
        assert printed == sorted(set(printed))
        assert len(found) >= begun  # one may have been killed before it began
        assert len(found) - begun <= KILLS


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def outputs(run: Path) -> list[Path]:
    found = run.glob(".guild/attempts/*/output")
    return sorted(found, key=lambda path: int(path.parent.name))


def living(run: Path) -> bool:
    known = operation_process.of_run(str(run / ".guild"))
    return bool(known and operation_process.living(known))


def again(waiting: Waiting, script: str) -> None:
    """Start the run again in its place."""
    job: Job = {"op": "op", "argv": ["sh", "-c", script]}
    restage.restage(str(waiting.home), A, {}, job)
    runner.run(str(waiting.run))


def test_a_restart_keeps_the_attempt_before_it(tmp_path: Path) -> None:
    run = make(tmp_path, marks={"STAGED": ""}, id=A)
    write_job(str(run), {"op": "op", "argv": ["sh", "-c", "echo one; exit 4"]})
    runner.run(str(run))
    for _ in range(2):  # asked again, as after a lost answer
        restage.restage(str(tmp_path), A, {}, {"op": "op", "argv": ["echo", "two"]})
    assert not (run / ".guild/output").exists()
    runner.run(str(run))
    assert (info(tmp_path)["attempt"], ends(tmp_path)) == (2, [4])
    assert not info(tmp_path)["attempts"][0]["retried"]
    assert (run / ".guild/attempts/1/output").read_text() == "one\n"
    assert output(run) == "two\n"


def test_a_disk_on_which_no_attempt_can_be_kept_ends_the_retrying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "attempt.json")

    monkeypatch.setattr(rundir, "note_attempt", full)
    run = staged(tmp_path, "exit 5")
    assert runner.run(str(run)) == 5
    assert "guild: not tried again: [Errno 28] No space left" in output(run)


def test_a_signal_before_the_operation_begins_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create: Callable[..., int] = inside.create

    def told(*args: Any) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return create(*args)

    run = staged(tmp_path, "touch began")
    monkeypatch.setattr(inside, "create", told)
    assert runner.run(str(run)) == -signal.SIGTERM
    assert not (run / "began").exists()
