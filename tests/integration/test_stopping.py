"""Runs that are stopped: politely, after a while by force, here and on a remote."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import Guild, Place, project, wait_until_gone

from guild_sync.agent.machine import processes
from guild_sync.agent.protocol import KILL_RUNNER
from guild_sync.agent.running import stop
from guild_sync.agent.store import locks

POLITE = """
import signal, sys
def bye(*_):
    print("bye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
print("up", flush=True)
signal.pause()
"""
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""
# Ends at SIGTERM, as do its children but for the last.
PARENT = """
import subprocess, sys
deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
first = subprocess.Popen(["sleep", "600"])
second = subprocess.Popen([sys.executable, "-c", "import signal, time; " + deaf])
print("children", first.pid, second.pid, flush=True)
first.wait()
"""
# Its child has left its session, and has an output of its own.
APART = """
from subprocess import DEVNULL, Popen
apart = Popen(["sleep", "600"], start_new_session=True, stdout=DEVNULL, stderr=DEVNULL)
print("up", flush=True)
apart.wait()
"""
GUILDFILE = (
    "polite: {main: polite}\ndeaf: {main: deaf}\nparent: {main: parent}\napart: {main: apart}\n"
    "wrong: {exec: 'false'}"
)


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, polite=POLITE, deaf=DEAF, parent=PARENT, apart=APART)


def up(place: Place, op: str, text: str = "up\n") -> str:
    """A run of the operation, which is ready to be stopped."""
    run_id = place.started(op=op)
    place.wait_for_output(run_id, text)
    return run_id


def test_a_polite_operation_ends_and_is_terminated(place: Place) -> None:
    run_id = up(place, "polite")
    stopped = place.ok("stop", run_id, "-y")
    assert stopped.lines == [
        f"Stopping {run_id}{place.on}",
        f"Run {run_id} stopped with a status of 'terminated'",
    ]
    assert place.output(run_id) == "up\nbye\n"
    assert place.attr(run_id, "exit_status") == -signal.SIGTERM


def test_one_that_does_not_listen_is_killed_after_a_while(place: Place) -> None:
    run_id = up(place, "deaf")
    stopped = place.ok("stop", run_id, "-y", "--timeout", "1")
    assert stopped.lines == [
        f"Stopping {run_id}{place.on}",
        f"{run_id} has not ended in 1 s: killing it",
        f"Run {run_id} stopped with a status of 'terminated'",
    ]
    assert place.attr(run_id, "exit_status") == -signal.SIGKILL


def test_force_kills_at_once(place: Place) -> None:
    run_id = up(place, "polite")
    place.ok("stop", run_id, "-y", "--force")
    assert place.output(run_id) == "up\n"
    assert place.attr(run_id, "exit_status") == -signal.SIGKILL
    assert place.status(run_id) == "terminated"


def test_the_whole_process_group_ends(place: Place) -> None:
    run_id = up(place, "parent", "deaf\n")
    place.wait_for_output(run_id, "children")
    (line,) = [x for x in place.output(run_id).splitlines() if x.startswith("children")]
    children = [int(word) for word in line.split()[1:]]
    stopped = place.ok("stop", run_id, "-y", "--timeout", "1")
    assert f"{run_id} has not ended in 1 s: killing it" in stopped.lines
    assert place.status(run_id) == "terminated"
    assert place.attr(run_id, "exit_status") == -signal.SIGTERM
    for child in children:
        wait_until_gone(child)


def test_no_wait_leaves_it_to_end(place: Place) -> None:
    run_id = up(place, "polite")
    assert place.ok("stop", run_id, "-y", "-n").lines == [f"Stopping {run_id}{place.on}"]
    place.wait_for_end(run_id)
    assert place.status(run_id) == "terminated"


def test_all_running_runs_are_stopped_where_none_is_named(place: Place) -> None:
    staged = place.staged(op="polite")
    ids = [up(place, "polite"), up(place, "polite")]
    asked = place.ok("stop", stdin="y\n")
    assert asked.lines[0] == f"You are about to stop the following runs{place.on}:"
    assert f"[{ids[1][:8]}]" in asked.lines[1]
    assert f"[{ids[0][:8]}]" in asked.lines[2]
    assert asked.lines[3].startswith("Stop 2 runs? (y/N) Stopping ")
    assert [place.status(run_id) for run_id in ids] == ["terminated", "terminated"]
    assert place.status(staged) == "staged"
    assert place.ok("stop", "-y").out == "Nothing to stop.\n"


def test_the_question_is_answered_no_by_default(place: Place) -> None:
    run_id = up(place, "polite")
    place.ok("stop", run_id, stdin="\n")
    assert place.status(run_id) == "running"


def test_filters_choose_among_the_running(place: Place) -> None:
    polite, deaf = up(place, "polite"), up(place, "deaf")
    place.ok("stop", "-Fo", "polite", "-y")
    assert place.status(polite) == "terminated"
    assert place.status(deaf) == "running"


def test_what_does_not_run_is_not_stopped(place: Place) -> None:
    staged = place.staged(op="polite")
    refused = place("stop", staged, "-y")
    assert refused.code == 1
    assert refused.err == f"guild: run {staged}{place.on} is not running: it is staged\n"
    assert place.status(staged) == "staged"
    wrong = place("run", "wrong", "-y")
    assert wrong.code == 1
    refused = place("stop", "1", "-y")
    assert refused.err.endswith(f"{place.on} is not running: it has ended with an error\n")


def test_one_that_does_not_run_stops_not_the_others(place: Place) -> None:
    staged, run_id = place.staged(op="polite"), up(place, "polite")
    done = place("stop", staged, run_id, "-y")
    assert done.code == 1
    assert place.status(run_id) == "terminated"


@pytest.mark.parametrize("words", [("nosuch",), ("--timeout", "x"), ("-n", "-f"), ("--nosuch",)])
def test_a_wrong_argument_is_one_line(place: Place, words: tuple[str, ...]) -> None:
    refused = place("stop", *words, "-y")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("guild: ")


def test_the_copy_of_a_remotes_run_tells_how_to_stop_it(
    guild: Guild, remote: str, there: Path
) -> None:
    place = Place(guild, there, remote)
    run_id = up(place, "polite")
    guild.ok("pull", remote, "-y")
    for words in ([run_id], []):
        refused = guild("stop", *words, "-y")
        assert refused.code == 1
        assert refused.err.splitlines() == [
            f"guild: run {run_id} is running on {remote}",
            f"To stop it, use 'guild stop {run_id} -r {remote}'.",
        ]
    place.ok("stop", run_id, "-y")
    guild.ok("sync")
    assert guild.status(run_id) == "terminated"


def test_a_runner_that_hangs_is_killed_with_its_operation(guild: Guild) -> None:
    """It cannot say how the operation ended: that is an error, and nothing is left running."""
    place = Place(guild, guild.home)
    run_id = up(place, "parent", "deaf\n")
    runner = locks.holder(str(place.run_dir(run_id) / ".guild"))
    assert runner
    below = processes.descendants(runner)
    assert len(below) == 3
    os.kill(runner, signal.SIGSTOP)
    done = guild("stop", run_id, "-y", "--force")
    assert done.lines[-1] == f"Run {run_id} stopped with a status of 'error'"
    for pid in below:
        wait_until_gone(pid)


def test_a_runner_that_hangs_is_killed_with_what_has_left_its_operation(guild: Guild) -> None:
    place = Place(guild, guild.home)
    run_id = up(place, "apart")
    runner = locks.holder(str(place.run_dir(run_id) / ".guild"))
    assert runner
    below = processes.descendants(runner)
    assert len(below) == 2
    os.kill(runner, signal.SIGSTOP)
    assert stop.signal_runs(str(guild.home), [run_id], KILL_RUNNER)["done"] == [run_id]
    for pid in (runner, *below):
        wait_until_gone(pid)


def test_ctrl_backslash_kills_an_operation_that_runs_here(guild: Guild) -> None:
    running = guild.popen("run", "deaf", "-y")
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    running.send_signal(signal.SIGQUIT)
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGKILL
    assert "terminated" in guild.ok("runs", "-n1").out


def test_a_run_that_runs_in_the_foreground_is_stopped_from_elsewhere(guild: Guild) -> None:
    running = guild.popen("run", "polite", "-y")
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    guild.ok("stop", "-y")
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGTERM


def test_a_reused_pid_is_not_signalled(guild: Guild) -> None:
    """The lock of Guild AI has a pid alone: a younger process that has it now is another."""
    place = Place(guild, guild.home)
    run_id = up(place, "polite")
    place.ok("stop", run_id, "-y")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        lock = place.run_dir(run_id) / ".guild/LOCK"
        lock.write_text(str(bystander.pid))
        os.utime(lock, (1, 1))
        (place.run_dir(run_id) / ".guild/attrs/exit_status").unlink()
        assert guild("stop", run_id, "-y").code == 1
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    shutil.rmtree(place.run_dir(run_id))
