"""Queues: staged runs of one host, started in their order, one at a time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support import Guild, Place, project, wait_until

from guild_sync.agent.store import locks, rundir

# Runs until a file of the run's name is there.
UNTIL = """
import os, pathlib, time
n = 0
print("up", flush=True)
while not pathlib.Path("go-on").exists():
    time.sleep(0.02)
print("done", flush=True)
"""
QUICK = "n = 0\nprint('quick', n)\n"


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    guildfile = "until: {main: until, flags-import: all}\nquick: {main: quick, flags-import: all}"
    project(guild.folder, guildfile, until=UNTIL, quick=QUICK)


def started_queue(place: Place, *flags: str) -> str:
    return place.started("poll-interval=0.1", *flags, op="queue")


def go_on(place: Place, run_id: str) -> None:
    (place.run_dir(run_id) / "go-on").touch()


def test_staged_runs_are_started_in_their_order_one_at_a_time(place: Place) -> None:
    ids = [place.staged(f"n={n}", op="quick") for n in range(3)]
    done = place.ok("run", "queue", "run-once=yes", "-y")
    said = [line for line in done.lines if line.startswith(("Started", "Run ", "The queue"))]
    assert said[:7] == [
        line
        for run_id in ids
        for line in (f"Started {run_id} (quick)", f"Run {run_id} ended: completed")
    ] + ["The queue has ended: it started 3 runs"]
    times = [(place.attr(i, "started"), place.attr(i, "stopped")) for i in ids]
    assert all(times[n][1] <= times[n + 1][0] for n in range(2))
    assert place.ok("runs", "-n9", "--completed").out.count("quick") == 3


def test_a_queue_needs_no_project_and_is_a_run_itself(place: Place) -> None:
    (place.guild.folder / "guild.yml").unlink()
    place.ok("run", "queue", "run-once=yes", "-y")
    (line,) = place.ok("runs").lines
    assert "  queue  " in line
    assert "completed  poll-interval=10 run-once=yes wait-for-running=no" in line
    assert "The queue has ended: it started 0 runs" in place.ok("cat", "-O").out


def test_a_queue_starts_what_is_staged_later(place: Place) -> None:
    queue = started_queue(place)
    place.wait_for_output(queue, "Waiting for staged runs\n")
    run_id = place.staged(op="quick")
    place.wait_for_output(queue, f"Run {run_id} ended: completed\n")
    assert place.status(queue) == "running"
    place.ok("stop", queue, "-y")
    assert place.status(queue) == "terminated"


def test_a_stopped_queue_lets_its_run_finish_first(place: Place) -> None:
    first, second = place.staged(op="until"), place.staged(op="quick")
    queue = started_queue(place)
    place.wait_for_output(first, "up")
    said = place.ok("stop", queue, "-y", "--timeout", "0").lines
    assert said[-1] == f"Queue {queue} ends when the run that it started has ended"
    place.wait_for_output(queue, f"Ending when {first} has ended\n")
    assert place.status(queue) == "running"
    assert place.status(first) == "running"
    go_on(place, first)
    place.wait_for_end(queue)
    assert place.status(queue) == "terminated"
    assert place.status(first) == "completed"
    assert place.status(second) == "staged"


def test_a_killed_queue_leaves_its_run_running(place: Place) -> None:
    run_id = place.staged(op="until")
    queue = started_queue(place)
    place.wait_for_output(run_id, "up")
    place.ok("stop", queue, "-y", "--force")
    assert place.status(queue) == "terminated"
    assert place.status(run_id) == "running"
    go_on(place, run_id)
    place.wait_for_end(run_id)
    assert place.status(run_id) == "completed"


def test_a_queue_may_wait_until_no_other_run_runs(place: Place) -> None:
    running, other_queue = place.started(op="until"), started_queue(place, "gpus=device=6")
    place.wait_for_output(running, "up")
    waits = place.staged("--gpus", "device=75", op="quick")  # not for the other queue
    said = place.ok("run", "queue", "wait-for-running=yes", "run-once=yes", "-y").lines
    assert f"Waiting for runs to end: {running}" in said
    assert "The queue has ended: it started 0 runs" in said
    queue = started_queue(place, "wait-for-running=yes")
    place.wait_for_output(queue, f"Waiting for runs to end: {running}\n")
    assert place.status(waits) == "staged"
    go_on(place, running)
    place.wait_for_output(queue, f"Run {waits} ended: completed\nWaiting for staged runs\n")
    assert place.status(other_queue) == "running"
    place.ok("stop", "-y")


def test_several_queues_never_start_the_same_run(place: Place) -> None:
    ids = [place.staged(f"n={n}", op="quick") for n in range(6)]
    queues = [started_queue(place) for _ in range(4)]
    for run_id in ids:
        place.wait_for_end(run_id)
    for queue in queues:
        place.wait_for_output(queue, "Waiting")
    place.ok("stop", "-y")
    said = "".join(place.output(queue) for queue in queues)
    for run_id in ids:
        assert said.count(f"Started {run_id}") == 1
        assert place.output(run_id).count("quick") == 1
    assert "Cannot start" not in said


def test_only_one_of_many_runners_runs_a_staged_run(guild: Guild) -> None:
    """The lock decides, however close they come: also for one that is done already."""
    from concurrent.futures import ThreadPoolExecutor

    from guild_sync.agent.errors import AgentError
    from guild_sync.agent.staging import spawn

    place = Place(guild, guild.home)
    directory = str(place.run_dir(place.staged(op="quick")))

    def start(_: int) -> str:
        try:
            spawn.start_runner(directory, only="staged").wait()
        except AgentError as e:
            return e.kind
        return "started"

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(start, range(8)))
    assert results == ["busy"] * 7 + ["started"]
    assert rundir.status(directory).text == "completed"


def test_a_run_that_cannot_be_started_is_said_so_and_passed_over(place: Place) -> None:
    bad, good = place.staged(op="quick"), place.staged(op="quick")
    (place.run_dir(bad) / ".guild/job.json").unlink()
    done = place("run", "queue", "run-once=yes", "-y")
    assert done.code == 1
    assert f"Cannot start {bad}: the run has no job: another program made it" in done.out
    assert f"Run {good} ended: completed" in done.out
    assert place.status(bad) == "staged"


def test_the_copy_of_a_staged_run_is_not_started_here(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = Place(guild, there, remote).staged(op="quick")
    guild.ok("pull", remote, run_id, "-y")
    assert guild.status(run_id) == f"staged ({remote})"
    assert "it started 0 runs" in guild.ok("run", "queue", "run-once=yes", "-y").out
    assert guild.status(run_id) == f"staged ({remote})"


def test_runs_of_a_queue_have_the_environment_of_their_own_and_its_gpus(place: Place) -> None:
    project(place.guild.folder, "shows: {exec: 'sh -c env'}")
    run_id = place.staged(op="shows")
    place.ok("run", "queue", "run-once=yes", "--gpus", "device=75", "-y")
    lines = place.output(run_id).splitlines()
    assert "CUDA_VISIBLE_DEVICES=75" in lines
    assert f"RUN_ID={run_id}" in lines
    assert not [line for line in lines if "POLL_INTERVAL" in line or "RUN_ONCE" in line]
    (path,) = [line for line in lines if line.startswith("PYTHONPATH=")]
    assert path.count("job-packages") == 1


def test_a_queue_for_gpus_starts_no_run_that_was_staged_for_others(place: Place) -> None:
    project(place.guild.folder, "shows: {exec: 'printenv CUDA_VISIBLE_DEVICES'}")
    one, two, any_of_them = (
        place.staged(*words, op="shows")
        for words in (("--gpus", "device=71"), ("--gpus", "device=72"), ())
    )
    place.ok("run", "queue", "run-once=yes", "gpus=device=71", "-y")
    assert [place.output(run).strip() for run in (one, any_of_them)] == ["71", "71"]
    assert place.status(two) == "staged"
    place.ok("run", "queue", "run-once=yes", "--gpus", "device=73", "-y")
    assert place.output(two).strip() == "72"


@pytest.mark.parametrize("flag", ["poll-interval=0", "poll-interval=x", "run-once=7", "x=1"])
def test_a_wrong_flag_is_one_line(place: Place, flag: str) -> None:
    refused = place("run", "queue", flag, "-y")
    assert (refused.code, refused.out) == (1, "")
    assert "flag" in refused.err.splitlines()[0]


def test_a_queue_is_not_staged(place: Place) -> None:
    refused = place("run", "queue", "--stage", "-y")
    assert (refused.code, refused.out) == (1, "")


def test_an_operation_of_the_project_goes_before_guilds_own(guild: Guild) -> None:
    project(guild.folder, "queue: {exec: 'echo mine'}")
    assert guild.ok("run", "queue", "-y").out == "mine\n"


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (
            "poll-interval=[1,2]",
            ["guild: queue cannot be a batch", "Give each of its flags one value."],
        ),
        (
            "run-once=null",
            ["guild: flag 'run-once' needs a value", "Give it as run-once=VALUE."],
        ),
    ],
)
def test_a_flag_of_a_queue_has_one_value(place: Place, flag: str, said: list[str]) -> None:
    done = place("run", "queue", flag, "-y")
    assert (done.code, done.err.splitlines()) == (1, said)
    place.ok("run", "queue", "run-once=yes", "-y")
    queue = place.ok("select").out.strip()
    for option in ("--proto", "--restart"):
        done = place("run", option, queue, flag, "-y")
        assert (done.code, done.err.splitlines()) == (1, said)


def test_a_queue_cannot_be_staged_but_an_operation_of_its_name_can(place: Place) -> None:
    place.ok("run", "queue", "run-once=yes", "-y")
    done = place("run", "--proto", "1", "--stage", "-y")
    assert done.err.splitlines() == ["guild: queue cannot be staged: who would start it?"]
    project(place.guild.folder, "queue: {exec: 'echo mine'}")
    place.ok("run", "queue", "-y")
    place.ok("run", "--proto", "1", "--stage", "-y")
    assert place.status("1") == "staged"


def test_ctrl_c_ends_a_queue_that_runs_here(guild: Guild) -> None:
    place = Place(guild, guild.home)
    queue = guild.popen("run", "queue", "-y")
    assert queue.stdout is not None
    assert queue.stdout.readline() == b"Waiting for staged runs\n"
    queue.send_signal(signal.SIGINT)
    said = queue.communicate(timeout=20)[0].decode()
    assert said == "The queue has ended: it started 0 runs\n"
    assert queue.returncode == 128 + signal.SIGINT
    assert "terminated" in place.ok("runs").out


def test_a_queue_whose_runner_is_killed_ends_with_it(guild: Guild) -> None:
    place = Place(guild, guild.home)
    queue = started_queue(place)
    runner = locks.holder(str(place.run_dir(queue) / ".guild"))
    assert runner
    from guild_sync.agent.machine import processes

    (operation,) = processes.descendants(runner)
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: locks.start_time(operation) is None, "the queue's end")
    assert place.status(queue) == "error"
