"""Copies that are cut short, or that a run's end falls into: no wrong status, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from support import Guild, Server, processes, project, wait_until

# Writes a large file and half of its output, waits to be told, and writes the rest.
TWO_HALVES = """
import os, pathlib, time
pathlib.Path("large.bin").write_bytes(os.urandom(3_000_000))
print("first half", flush=True)
while not pathlib.Path("go-on").exists():
    time.sleep(0.02)
print("second half", flush=True)
"""


@pytest.fixture
def slow(guild: Guild, sshd: Server, there: Path) -> str:
    """A remote from which a copy of the large file takes some three seconds."""
    keys = sshd.keys(there)
    guild.configure(guild_uat=keys, slow={**keys, "bwlimit": 1000})
    project(guild.folder, "op: {main: halves}", halves=TWO_HALVES)
    return "slow"


def started(guild: Guild, there: Path) -> tuple[str, Path]:
    """A run that has written its first half; its id and its directory there."""
    run_id = guild.started(remote="guild-uat")
    run = there / "runs" / run_id
    wait_until(lambda: (run / ".guild/output").exists() and (run / ".guild/output").read_text())
    return run_id, run


def go_on(run: Path) -> None:
    (run / "go-on").touch()
    wait_until(lambda: (run / ".guild/attrs/exit_status").exists(), "the run's end")


def is_copying(guild: Guild) -> bool:
    """Whether a file is on its way: rsync moves each into its place when it is whole."""
    for path in guild.home.glob("runs/.incoming-*/*"):
        with suppress(FileNotFoundError):  # moved between the two looks
            if path.is_file() and path.stat().st_size:  # a run's folder is made there, too
                return True
    return False


def copying(guild: Guild, *argv: str) -> subprocess.Popen[bytes]:
    """guild, in the middle of copying a file."""
    process = guild.popen(*argv)
    wait_until(lambda: is_copying(guild), "the copy")
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(20)


def assert_same_run(here: Path, there: Path) -> None:
    """The copy has every file of the run that a pull brings, byte for byte, and no other."""
    assert files_of(here) == files_of(there)


def files_of(run: Path) -> dict[str, bytes]:
    left_out = {".guild/job-packages", ".guild/LOCK", ".guild/LOCK.owner"}
    found = {}
    for path in run.rglob("*"):
        name = str(path.relative_to(run))
        if path.is_file() and not any(name.startswith(part) for part in left_out):
            found[name] = path.read_bytes()
    return found


def test_a_run_that_ends_while_it_is_copied_is_completed_one_sync_later(
    guild: Guild, slow: str, there: Path
) -> None:
    run_id, run = started(guild, there)
    pulling = copying(guild, "pull", slow, run_id, "-y")
    go_on(run)
    assert pulling.wait(60) == 0
    assert guild.status(run_id) == f"running ({slow})"
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert guild.ok("cat", "-O").out == "first half\nsecond half\n"
    assert_same_run(guild.home / "runs" / run_id, run)


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_a_killed_pull_shows_no_wrong_status_and_the_next_repairs_it(
    guild: Guild, slow: str, there: Path, ended: bool
) -> None:
    run_id, run = started(guild, there)
    if ended:
        go_on(run)
    kill(copying(guild, "pull", slow, run_id, "-y"))
    assert not (guild.home / "runs" / run_id / "large.bin").exists()
    assert guild.status(run_id) == f"running ({slow})"
    if not ended:
        go_on(run)
    guild.ok("pull", "guild-uat", run_id, "-y")
    assert guild.status(run_id) == "completed"
    assert_same_run(guild.home / "runs" / run_id, run)
    assert not list(guild.home.glob("runs/.incoming-*")), "nothing is left of the killed one"


def test_a_killed_pull_leaves_no_rsync_that_goes_on(
    guild: Guild, sshd: Server, slow: str, there: Path
) -> None:
    # For far longer than is waited for its end.
    keys = sshd.keys(there)
    guild.configure(guild_uat=keys, slow={**keys, "bwlimit": 20})
    run_id, _ = started(guild, there)
    pulling = copying(guild, "pull", slow, run_id, "-y")
    assert rsyncs_of(guild.home)
    kill(pulling)
    wait_until(lambda: not rsyncs_of(guild.home), "the end of rsync")


def rsyncs_of(home: Path) -> list[str]:
    found = [process.args for process in processes()]
    return [args for args in found if "rsync" in args.partition(" ")[0] and str(home) in args]


def test_a_killed_sync_is_repaired_by_the_next_one(guild: Guild, slow: str, there: Path) -> None:
    run_id, run = started(guild, there)
    kill(copying(guild, "pull", slow, run_id, "-y"))
    go_on(run)
    kill(copying(guild, "sync"))
    assert guild.status(run_id) == f"running ({slow})"
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert_same_run(guild.home / "runs" / run_id, run)


def test_ctrl_c_during_a_pull_is_interrupted_and_repaired(
    guild: Guild, slow: str, there: Path
) -> None:
    run_id, run = started(guild, there)
    pulling = copying(guild, "pull", slow, run_id, "-y")
    pulling.send_signal(signal.SIGINT)
    said = pulling.communicate(timeout=20)[0].decode()
    assert pulling.returncode == 130
    assert "Traceback" not in said
    assert guild.status(run_id) == f"running ({slow})"
    go_on(run)
    guild.ok("sync")
    assert_same_run(guild.home / "runs" / run_id, run)


def test_a_pull_waits_for_another_and_says_so(guild: Guild, slow: str, there: Path) -> None:
    run_id, run = started(guild, there)
    go_on(run)
    first = copying(guild, "pull", slow, run_id, "-y")
    second = guild.ok("pull", slow, run_id, "-y")
    waiting = f"Waiting for another guild that works with {slow} (guild pull, process {first.pid}"
    assert second.lines[0].startswith(waiting)
    assert first.wait(20) == 0
    assert guild.status(run_id) == "completed"


def test_a_sync_leaves_a_remote_alone_that_another_works_with(
    guild: Guild, slow: str, there: Path
) -> None:
    run_id, _ = started(guild, there)
    pulling = copying(guild, "pull", slow, run_id, "-y")
    done = guild.ok("sync")
    holder = f"(guild pull, process {pulling.pid}, since "
    assert done.out.startswith(f"another guild works with remote '{slow}' {holder}")
    pulling.wait(20)


def test_a_finished_run_that_is_pulled_again_never_looks_unfinished(
    guild: Guild, slow: str, there: Path
) -> None:
    run_id, run = started(guild, there)
    go_on(run)
    guild.ok("pull", "guild-uat", run_id, "-y")
    (run / "more.bin").write_bytes(os.urandom(2_000_000))
    pulling = copying(guild, "pull", slow, run_id, "-y")
    assert guild.status(run_id) == "completed"
    assert pulling.wait(20) == 0


def test_marks_of_the_remote_do_not_come_along(guild: Guild, slow: str, there: Path) -> None:
    run_id, _ = started(guild, there)
    guild.ok("pull", "guild-uat", run_id, "-y")
    names = {path.name for path in (guild.home / "runs" / run_id / ".guild").iterdir()}
    assert "LOCK.remote" in names
    assert not names & {"LOCK", "LOCK.owner", "PENDING", "STAGED", "job-packages"}


def test_one_bad_run_stops_no_other(guild: Guild, slow: str, there: Path) -> None:
    bad, good = started(guild, there), started(guild, there)
    guild.ok("pull", "guild-uat", "-y")
    for _, run in (bad, good):
        go_on(run)
    in_the_way = guild.home / "runs" / bad[0] / "large.bin"
    in_the_way.unlink()
    (in_the_way / "folder").mkdir(parents=True)
    done = guild("sync")
    assert done.code == 4
    assert f"run {bad[0]} was not copied whole" in done.err
    assert guild.status(good[0]) == "completed"
    assert guild.status(bad[0]) == "running (guild-uat)"
    (in_the_way / "folder").rmdir()
    guild.ok("sync")
    assert guild.status(bad[0]) == "completed"
    assert_same_run(guild.home / "runs" / bad[0], bad[1])


def test_a_run_that_its_remote_no_longer_has_is_named_and_the_others_go_on(
    guild: Guild, slow: str, there: Path
) -> None:
    gone, stays = started(guild, there), started(guild, there)
    guild.ok("pull", "guild-uat", "-y")
    for _, run in (gone, stays):
        go_on(run)
    gone[1].rename(there / "elsewhere")
    done = guild("sync")
    assert done.code == 1
    assert done.err.startswith(f"guild: run {gone[0]} is not on guild-uat any more\n")
    assert guild.status(stays[0]) == "completed"
    assert guild.status(gone[0]) == "running (guild-uat)"
