"""Where there is no /proc, as on macOS and FreeBSD, `ps` and `sysctl` tell what runs.

See without_proc.py: it is Linux, with /proc hidden, and programs that answer as theirs do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import Guild, Place, project, wait_until, wait_until_gone
from without_proc import SYSTEMS, Hidden, HiddenGuild, Unavailable

# Two processes in its session, one of which ignores what tells it to end, and one in its own.
FAMILY = """
import subprocess, sys, time
for words in (["sleep", "600"], ["sh", "-c", "trap '' TERM; exec sleep 600"]):
    print("child", subprocess.Popen(words).pid, flush=True)
print("child", subprocess.Popen(["sleep", "600"], start_new_session=True).pid, flush=True)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture(params=SYSTEMS)
def hidden(request: pytest.FixtureRequest, tmp_path: Path) -> Hidden:
    """/proc is hidden, once for each of these systems."""
    try:
        return Hidden(tmp_path / "hidden", request.param)
    except Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture
def freebsd(tmp_path: Path) -> Hidden:
    try:
        return Hidden(tmp_path / "hidden", "freebsd")
    except Unavailable as e:
        pytest.skip(str(e))


def within(hidden: Hidden, guild: Guild) -> Place:
    return Place(HiddenGuild(hidden, guild.folder, guild.env), guild.home)


def record(place: Place, run_id: str) -> Path:
    return place.run_dir(run_id) / ".guild/LOCK.owner"


def runner(place: Place, run_id: str) -> int:
    pid = json.loads(record(place, run_id).read_text())["pid"]
    assert isinstance(pid, int)
    return pid


def children(place: Place, run_id: str) -> list[int]:
    words = (line.split() for line in place.output(run_id).splitlines())
    return [int(line[1]) for line in words if line[0] == "child"]


def end_all(pids: list[int]) -> None:
    """End what a test has started."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def family(hidden: Hidden, guild: Guild) -> Iterator[tuple[Place, str]]:
    """A run where /proc is hidden, with processes below it."""
    (guild.folder / "family.py").write_text(FAMILY)
    place = within(hidden, guild)
    run_id = place.started(op="family.py")
    place.wait_for_output(run_id, "up")
    yield place, run_id
    end_all(children(place, run_id))


def test_a_run_is_listed_and_stopped_with_all_its_processes(family: tuple[Place, str]) -> None:
    place, run_id = family
    told = json.loads(record(place, run_id).read_text())
    assert told["start"] > 0
    assert told["boot"].replace("-", "") == "c56a418065aa42eca9455fd21dec0538"
    assert run_id[:8] in place.ok("runs", "--running").out
    place.ok("stop", run_id, "-y", "--timeout", "1")
    assert place.status(run_id) == "terminated"
    for pid in children(place, run_id):
        wait_until_gone(pid)


def test_a_runner_that_is_killed_is_told_as_on_linux(family: tuple[Place, str]) -> None:
    place, run_id = family
    os.kill(runner(place, run_id), signal.SIGKILL)
    wait_until(lambda: place.status(run_id) != "running", "another status")
    assert place.status(run_id) == "error"
    assert place.ok("runs", "--running").out == ""


def test_the_runs_that_this_machine_does_not_lock_are_known_by_what_ps_says(
    family: tuple[Place, str], hidden: Hidden
) -> None:
    """As on a file system without flock, and where LOCK.owner is all that there is."""
    place, run_id = family
    known = json.loads(record(place, run_id).read_text())
    os.kill(runner(place, run_id), signal.SIGKILL)
    wait_until(lambda: place.status(run_id) == "error", "its end")
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            told = {**known, "pid": other.pid, "flock": False}
            lock = place.run_dir(run_id) / ".guild/LOCK"
            lock.write_text(f"{other.pid}\n")
            record(place, run_id).write_text(json.dumps({**told, "start": known["start"] - 100}))
            assert place.status(run_id) == "error", "its number was given again"

            script = "from guild_sync.agent.store import identity; import sys;"
            script += "print(identity.of(int(sys.argv[1])).start)"
            argv = hidden.argv([sys.executable, "-c", script, str(other.pid)])
            start = int(subprocess.check_output(argv, text=True))
            record(place, run_id).write_text(json.dumps({**told, "start": start}))
            assert place.status(run_id) == "running", "it is just this process"

            hidden.sets_clock(3600.4)
            assert place.status(run_id) == "running", "the clock was set"

            hidden.boots("0f7c2a52-4d15-4ad5-8f77-1f4a3d0d6c11")
            assert place.status(run_id) == "error", "the machine has booted anew"
        finally:
            other.kill()


@pytest.mark.parametrize("hidden", ["macos"], indirect=True)
def test_where_nothing_tells_who_lives_a_run_runs_on_and_nothing_is_signalled(
    family: tuple[Place, str], hidden: Hidden
) -> None:
    place, run_id = family
    works = (hidden.top / "ps").read_text()
    (hidden.top / "ps").write_text("#!/bin/sh\necho ps: not permitted >&2; exit 1\n")
    assert place.status(run_id) == "running"
    done = place("stop", run_id, "-y")
    assert done.code == 1
    assert "cannot tell which processes live here" in done.err
    (hidden.top / "ps").write_text(works)
    place.ok("stop", run_id, "-y", "--force")
    assert place.status(run_id) == "terminated"


def test_what_leaves_its_output_and_not_its_session_is_waited_for(
    freebsd: Hidden, guild: Guild
) -> None:
    """By its end, and not by one `ps` after the other."""
    script = "exec >left 2>&1; echo $$; exec sleep 600"
    text = f"import subprocess\nsubprocess.Popen(['sh', '-c', {script!r}])\n"
    (guild.folder / "leaves.py").write_text(text)
    place = within(freebsd, guild)
    run_id = place.started(op="leaves.py")
    left = place.run_dir(run_id) / "left"
    wait_until(lambda: left.exists() and left.read_text(), "what it has started")
    assert place.status(run_id) == "running"
    os.kill(int(left.read_text()), signal.SIGKILL)
    place.wait_for_end(run_id)
    assert place.status(run_id) == "completed"


def test_a_remote_without_proc_is_asked_synced_and_its_runs_stopped(
    freebsd: Hidden, guild: Guild
) -> None:
    project(guild.folder, "family: {main: family}", family=FAMILY)
    here = within(freebsd, guild)
    guild.configure(sandbox={"type": "sandbox", "init": "read x || echo $0, nothing to read"})
    here.ok("remote", "start", "sandbox")
    try:
        # There open files have no names in /dev/fd, by which the script is read elsewhere.
        said = here.ok("remote", "reinit", "sandbox", "-y").lines
        assert said[0] == "sh, nothing to read"
        home = guild.home / "sandboxes/sandbox/home/.guild"
        there = Place(here.guild, home, "sandbox")
        run_id = there.started(op="family")
        there.wait_for_output(run_id, "up")
        assert json.loads(record(there, run_id).read_text())["start"] > 0
        assert run_id[:8] in there.ok("runs", "--running").out
        there.ok("stop", run_id, "-y", "--timeout", "1")
        for pid in children(there, run_id):
            wait_until_gone(pid)
        here.guild("sync")
        assert here.status(run_id) == "terminated"

        killed = there.started(op="family")
        there.wait_for_output(killed, "up")
        os.kill(runner(there, killed), signal.SIGKILL)
        there.wait_until_dead(killed)
        end_all(children(there, killed))
        here.guild("sync")
        assert here.status(killed) == "error"
    finally:
        here.ok("remote", "stop", "-y", "sandbox")
