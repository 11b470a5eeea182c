"""Several remotes in one sync: worked on side by side, and none in the way of another."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from support import Guild, Server, project, wait_until
from test_bad_input import complaint
from test_interrupted import TWO_HALVES, assert_same_run, go_on, kill


def pulled(guild: Guild, remote: str) -> str:
    """A run that is running on `remote`, and here; its id."""
    run_id = guild.started("sleep=0", "--no-track", remote=remote)
    wait_until(lambda: guild("pull", remote, run_id, "-y").code == 0)
    return run_id


def bind(guild: Guild, run_id: str, remote: str) -> None:
    """Have the copy here be one of a run that is running on `remote`."""
    guild_dir = guild.home / "runs" / run_id / ".guild"
    guild_dir.mkdir(parents=True, exist_ok=True)
    (guild_dir / "LOCK.remote").write_text(f"{remote}\n")


def test_a_remote_that_hangs_keeps_no_other_waiting(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # accepts, and says nothing
        keys = sshd.keys(tmp_path / "there")
        hung = {**keys, "port": silent.getsockname()[1], "connect-timeout": 600}
        guild.configure(good=keys, hung=hung)
        one, two = pulled(guild, "good"), pulled(guild, "good")
        bind(guild, one, "good")
        bind(guild, two, "hung")  # the later run, so its remote is the first one
        syncing = guild.popen("sync")
        wait_until(lambda: guild.status(one) == "completed", "the other remote's run")
        assert syncing.poll() is None, "the remote that hangs is still waited for"
        assert guild.status(two) == "running (hung)"
    assert syncing.wait(60) == 3


def slow_remotes(guild: Guild, sshd: Server, tmp_path: Path) -> dict[str, tuple[str, Path]]:
    """Two remotes, each with an ended run whose copy takes some three seconds."""
    homes = {name: tmp_path / name for name in ("one", "two")}
    guild.configure(**{name: sshd.keys(home, bwlimit=1000) for name, home in homes.items()})
    project(guild.folder, "op: {main: halves}", halves=TWO_HALVES)
    found = {}
    for name, home in homes.items():
        run_id = guild.started(remote=name)
        go_on(home / "runs" / run_id)
        bind(guild, run_id, name)
        found[name] = (run_id, home / "runs" / run_id)
    return found


def incoming(guild: Guild) -> int:
    return len(list(guild.home.glob("runs/.incoming-*")))


def test_two_remotes_are_copied_from_at_once(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    runs = slow_remotes(guild, sshd, tmp_path)
    syncing = guild.popen("sync")
    wait_until(lambda: incoming(guild) == 2, "a copy from each")
    assert syncing.wait(60) == 0
    assert incoming(guild) == 0
    for run_id, there in runs.values():
        assert guild.status(run_id) == "completed"
        assert_same_run(guild.home / "runs" / run_id, there)


def test_one_job_is_one_remote_at_a_time(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    runs = slow_remotes(guild, sshd, tmp_path)
    done = guild.ok("sync", "--jobs", "1")
    at = [next(i for i, line in enumerate(done.lines) if f" on {name}" in line) for name in runs]
    assert abs(at[0] - at[1]) == 3, "all of one remote's lines, then all of the other's"
    assert {guild.status(run_id) for run_id, _ in runs.values()} == {"completed"}


def test_what_a_killed_sync_of_two_remotes_left_is_mended(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    runs = slow_remotes(guild, sshd, tmp_path)
    syncing = guild.popen("sync")
    wait_until(lambda: incoming(guild) == 2, "a copy from each")
    kill(syncing)
    guild.ok("sync")
    assert incoming(guild) == 0
    for run_id, there in runs.values():
        assert_same_run(guild.home / "runs" / run_id, there)


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", ""])
def test_jobs_that_are_no_number(guild: Guild, jobs: str) -> None:
    said = complaint(guild("sync", f"--jobs={jobs}"))
    assert said[0].startswith("guild: --jobs ")
