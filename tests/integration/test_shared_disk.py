"""One guild home and several machines, or containers: whose run it is, and who may end it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import Done, Guild, Place, project

from guild_sync.agent.store import identity, locks, rundir

UP = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


def run_of_login1(place: Place) -> str:
    """A run that another machine on this disk runs, where flock is each machine's own."""
    project(place.guild.folder, "op: {main: done}", done="print('done')")
    run_id = place.started()
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    run = place.run_dir(run_id)
    rundir.remove_attrs(str(run), rundir.END)
    who = identity.of(os.getpid())._replace(host="login1", boot="another")
    (run / ".guild/LOCK").write_text(f"{who.pid}\n")
    (run / ".guild/LOCK").chmod(0o600)
    (run / ".guild/LOCK.owner").write_text(json.dumps({**who._asdict(), "flock": True}))
    return run_id


@pytest.fixture
def elsewhere(place: Place) -> str:
    return run_of_login1(place)


def assert_refused(done: Done) -> None:
    """It was refused by one line, and a hint that says how it can be done all the same."""
    assert done.code == 1
    first, *hint = done.err.splitlines()
    assert first.startswith("guild: run ")
    assert first.endswith("on login1")
    assert "gone" in hint[0]
    assert "--force" in hint[-1]


def test_a_run_of_another_machine_runs_until_that_says_otherwise(
    place: Place, elsewhere: str
) -> None:
    assert place.status(elsewhere) == "running (on login1)"
    (run,) = json.loads(place.ok("runs", elsewhere, "--json").out)
    assert (run["status"], run["machine"]) == ("running", "login1")
    assert "pid:" in place.ok("info", elsewhere).lines, "its number means nothing here"
    rundir.write_attr(str(place.run_dir(elsewhere)), "exit_status", 0)  # as its runner does there
    assert place.status(elsewhere) == "completed"


def test_a_sync_that_lands_on_another_machine_settles_nothing(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = run_of_login1(Place(guild, there, remote))
    guild.ok("pull", remote, run_id, "-y")
    assert guild.status(run_id) == f"running ({remote})"
    guild.ok("sync")
    assert guild.status(run_id) == f"running ({remote})"


@pytest.mark.parametrize("command", ["stop", "rm", "run --restart", "run --start"])
def test_nothing_is_done_to_it_from_elsewhere(place: Place, elsewhere: str, command: str) -> None:
    assert_refused(place(*command.split(), elsewhere, "-y"))
    assert place.status(elsewhere) == "running (on login1)"


def test_a_person_can_have_its_end_written_down(place: Place, elsewhere: str) -> None:
    done = place.ok("stop", elsewhere, "-y", "--force")
    assert done.lines == [f"Run {elsewhere} stopped with a status of 'terminated'"]
    assert place.status(elsewhere) == "terminated"
    assert place.attr(elsewhere, "exit_status") == -9
    assert isinstance(place.attr(elsewhere, "stopped"), int)
    assert not list(place.run_dir(elsewhere).glob(".guild/LOCK*"))


def test_a_person_can_start_it_again(place: Place, elsewhere: str) -> None:
    place.ok("run", "--restart", elsewhere, "--force", "--background", "-y")
    place.wait_for_end(elsewhere)
    assert place.status(elsewhere) == "completed"


def test_a_person_can_delete_it(place: Place, elsewhere: str) -> None:
    assert place.ok("rm", elsewhere, "--force", "-y").lines[0].startswith("Deleted 1 run")
    assert not place.run_dir(elsewhere).exists()


@pytest.mark.parametrize(
    "command", ["rm RUN --force -y", "run --restart RUN --force -y", "run --restart RUN -y"]
)
def test_force_takes_no_run_that_lives_here(place: Place, command: str) -> None:
    project(place.guild.folder, "op: {main: up}", up=UP)
    run_id = place.started()
    done = place(*command.replace("RUN", run_id).split())
    assert done.code == 1
    assert "is running" in done.err
    assert place.status(run_id) == "running"


def test_force_belongs_to_a_run_that_is_there(guild: Guild) -> None:
    done = guild("run", "op", "--force", "-y")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        "guild: --force belongs to --start or --restart",
    )


def test_a_runner_whose_run_was_taken_leaves_it_alone(guild: Guild) -> None:
    """The machine that was thought to be gone goes on: it is another start's run by now."""
    place = Place(guild, guild.home)
    gate = guild.home.parent / "gate"
    os.mkfifo(gate)
    project(guild.folder, f"op: {{exec: cat {gate}}}")
    run_id = place.started()
    lock = place.run_dir(run_id) / ".guild/LOCK"
    runner = int(lock.read_text())
    taken = {**identity.of(os.getpid())._asdict(), "flock": True}
    (lock.parent / "LOCK.owner").write_text(json.dumps(taken))
    gate.write_text("")
    subprocess.run(["tail", "--pid", str(runner), "-f", "/dev/null"], timeout=30, check=True)
    assert place.attr(run_id, "exit_status") is None
    assert (lock.parent / "LOCK.owner").exists()


# What only a real namespace can show.


def _can_unshare(*words: str) -> bool:
    program = shutil.which("unshare")
    return program is not None and subprocess.run([program, *words, "true"]).returncode == 0


_CONTAINER = ("--pid", "--fork", "--mount-proc", "--kill-child")


def inside(guild: Guild, kind: tuple[str, ...], script: str) -> subprocess.CompletedProcess[str]:
    if not _can_unshare(*kind):
        pytest.skip("no namespaces without root")
    argv = ["unshare", *kind, "bash", "-c", script]
    return subprocess.run(
        argv, env=guild.env, cwd=guild.folder, capture_output=True, text=True, timeout=100
    )


def test_a_container_signals_nobody_for_a_run_outside_of_it(guild: Guild) -> None:
    """What has the runner's number there is a stranger: LOCK.owner tells."""
    project(guild.folder, "op: {main: up}", up=UP)
    run_id = guild.started()
    pid = locks.holder(str(guild.home / "runs" / run_id / ".guild"))
    done = inside(
        guild,
        _CONTAINER,
        f"echo $(({pid} - 1)) > /proc/sys/kernel/ns_last_pid; sleep 1000 & echo $!;"
        f" guild stop {run_id} -y --timeout 1; echo ended with $?; jobs -r; kill $!",
    )
    number, ended, job = done.stdout.splitlines()
    assert int(number) == pid, "a stranger has the runner's number"
    assert ended == "ended with 1"
    assert "Running" in job
    assert "in another container" in done.stderr
    assert guild.status(run_id) == "running"


def test_a_machine_that_was_renamed_stops_its_own_runs(guild: Guild) -> None:
    project(guild.folder, "op: {main: up}", up=UP)
    run_id = guild.started()
    done = inside(guild, ("--uts",), f"hostname renamed; guild stop {run_id} -y")
    assert (done.returncode, done.stderr) == (0, "")
    assert guild.status(run_id) == "terminated"


def test_a_stranger_cannot_open_a_lock(guild: Guild) -> None:
    project(guild.folder, "op: {main: up}", up=UP)
    lock = guild.home / "runs" / guild.started() / ".guild/LOCK"
    assert lock.stat().st_mode & 0o777 == 0o600
