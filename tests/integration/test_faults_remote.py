"""A remote on which things go wrong: what is here is never wrong, and the next sync mends it.

Runs that are deleted there, and guild homes that are moved away and back: test_lost.py. Login
shells: test_shells.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from comparing import faults
from faults import check_after, check_between, mark, write_run
from support import Guild, Place, Server, project, wait_until, wait_until_gone
from test_faults_workstation import disk
from test_unreachable import another_sshd, own_connections

from guild_sync.agent.machine import processes
from guild_sync.agent.store import locks, rundir

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

A = "a" * 32


@pytest.fixture
def place(guild: Guild, remote: str, there: Path) -> Place:
    """A remote on which an operation runs until it is ended."""
    return Place(guild, there, remote)


def running(place: Place) -> tuple[str, int]:
    """A run that is running there, and here; its id and its runner."""
    run_id = place.started("sleep=600")
    place.guild.ok("pull", str(place.remote), run_id, "-y")
    runner = locks.holder(str(place.run_dir(run_id) / ".guild"))
    assert runner
    return run_id, runner


@pytest.mark.parametrize(
    ("who", "status"), [("runner", "error"), ("operation", "terminated")], ids=str
)
def test_a_runner_or_an_operation_that_is_killed(place: Place, who: str, status: str) -> None:
    run_id, runner = running(place)
    victim = runner if who == "runner" else processes.descendants(runner)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until_gone(runner)
    place.guild.ok("sync")
    assert place.guild.status(run_id) == status
    assert faults(place.guild.home, place.home, str(place.remote)) == []


def test_a_run_that_is_restarted_there_and_ends_again(place: Place) -> None:
    run_id, _ = running(place)
    place.ok("stop", run_id, "-y")
    place.guild.ok("sync")
    place.ok("run", "--restart", run_id, "sleep=0", "-y")
    place.guild.ok("sync")
    assert place.guild.status(run_id) == "completed"
    assert faults(place.guild.home, place.home, str(place.remote)) == []


def test_an_ssh_server_that_is_restarted(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    write_run(there, A, sizes=(1000,))
    with another_sshd(sshd, tmp_path / "first") as server:
        keys = server.keys(there)
        guild.configure(far=keys)
        guild.ok("runs", "-r", "far")
        os.kill(server.state.pid, signal.SIGTERM)
        wait_until_gone(server.state.pid)
    guild.configure(far={**keys, "ssh-options": ["ControlPath=none"]})
    mark(guild.home, A, "far")
    done = guild("sync")
    check_between(guild, there, done)
    assert done.code == 3
    guild.configure(far=sshd.keys(there))
    check_after(guild, there, "far")


PYTHONS = {
    "none": "",
    "broken": "#!/bin/sh\necho 'Segmentation fault' >&2\nexit 139\n",
    "old": "#!/bin/sh\necho 'Unknown option: -I' >&2\nexit 2\n",
    "silent": "#!/bin/sh\nexit 0\n",
}


@pytest.mark.parametrize("kind", PYTHONS)
def test_a_python_that_is_replaced(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, kind: str
) -> None:
    write_run(there, A, sizes=(1000,))
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    guild.configure(far=sshd.keys(there, python=str(python)))
    guild.ok("runs", "-r", "far")
    python.unlink()
    if PYTHONS[kind]:
        python.write_text(PYTHONS[kind])
        python.chmod(0o755)
    mark(guild.home, A, "far")
    done = guild("sync")
    check_between(guild, there, done)
    assert done.code == 1
    python.unlink(missing_ok=True)
    python.symlink_to(sys.executable)
    check_after(guild, there, "far")


def test_an_rsync_that_is_removed(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    write_run(there, A, sizes=(1000,))
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "python3", "rsync", "mkdir", "mv"):
        (folder / name).symlink_to(str(shutil.which(name)))
    with another_sshd(sshd, tmp_path / "bare", path=str(folder)) as server:
        guild.configure(far=server.keys(there))
        guild.ok("runs", "-r", "far")
        (folder / "rsync").unlink()
        mark(guild.home, A, "far")
        done = guild("sync")
        check_between(guild, there, done)
        assert "there is no rsync on remote 'far'" in done.err
        (folder / "rsync").symlink_to(str(shutil.which("rsync")))
        check_after(guild, there, "far")


FILL = """
import os
print("begun", flush=True)
try:
    with open("large", "wb") as f:
        while True:
            f.write(os.urandom(65536))
            f.flush()
except OSError as e:
    print("full:", e.errno, flush=True)
    raise SystemExit(5)
"""


def test_a_quota_that_is_full_in_mid_run(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    """The run ends with its operation's own status, or without one: never as completed."""
    there = tmp_path / "disk"
    project(guild.folder, "op: {main: fill}", fill=FILL)
    guild.configure(far=sshd.keys(there))
    with disk(there, "8m"):
        place = Place(guild, there, "far")
        run_id = place.started()
        wait_until(lambda: rundir.status(str(place.run_dir(run_id))).text != "running", "its end")
        place.wait_until_dead(run_id)
        done = guild("pull", "far", "-y")
        assert done.code in (0, 4), done
        assert guild.status(run_id) in ("error", "running (far)")
        (place.run_dir(run_id) / "large").unlink()
        check_after(guild, there, "far", "pull", "far", "-y", "--delete")
        assert guild.status(run_id) == "error"


NO_FLOCK = """#!{python}
import errno, fcntl, os, runpy, sys

def flock(fd, how):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.flock = flock
sys.dont_write_bytecode = True
args = sys.argv[1:]
while args and args[0].startswith("-"):
    args = args[2:] if args[0] == "-X" else args[1:]
if not args or not os.path.isdir(args[0]):  # no agent
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
sys.executable = os.path.abspath(__file__)
sys.argv = args
runpy.run_path(args[0], run_name="__main__")
"""


def test_a_home_without_flock(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> None:
    """As on some network file systems: the lock's record decides, and the story is the same."""
    python = tmp_path / "python"
    python.write_text(NO_FLOCK.format(python=sys.executable))
    python.chmod(0o755)
    guild.configure(far=sshd.keys(there, python=str(python)))
    place = Place(guild, there, "far")
    run_id, runner = running(place)
    record = (place.run_dir(run_id) / ".guild" / "LOCK.owner").read_text()
    assert '"flock": false' in record
    guild.ok("sync")
    assert guild.status(run_id) == "running (far)"
    os.kill(runner, signal.SIGKILL)
    wait_until_gone(runner)
    guild.ok("sync")
    assert guild.status(run_id) == "error"
    other = place.started("sleep=0")
    place.wait_for_end(other)
    place.wait_until_dead(other)
    guild.ok("pull", "far", other, "-y")
    check_after(guild, there, "far")
