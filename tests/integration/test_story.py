"""The main job: start a run on another machine, walk away, bring it home."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from support import Guild, wait_until

pytestmark = pytest.mark.usefixtures("not_used_before")

RUN_ID = r"[0-9a-f]{32}"


def ended(there: Path, run_id: str) -> bool:
    return (there / "runs" / run_id / ".guild/attrs/exit_status").exists()


def test_a_run_is_started_pulled_and_synced_until_it_has_ended(
    guild: Guild, remote: str, there: Path
) -> None:
    started = guild.ok("run", "op", "sleep=600", "-r", remote, "--no-wait", "-y")
    assert started.lines[0] == "Building package"
    run_id = started.lines[-2].split()[0]
    package = r"gpkg\.anonymous-[0-9a-f]{8}"
    assert re.fullmatch(f"Successfully installed {package}-0\\.0\\.0", started.lines[-4])
    assert started.lines[-3:] == [
        f"Starting op on {remote} as {run_id}",
        f"{run_id} is running on {remote}",
        f"To watch use 'guild watch {run_id} -r {remote}'",
    ]

    pulled = guild.ok("pull", remote, "1", "-y")
    assert pulled.lines == [f"Getting run info on {remote}", f"Copying {run_id}"]
    row = rf"\[1:{run_id[:8]}\]  {package}/op  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  "
    running = row + rf"running \({remote}\)  sleep=600"
    assert re.fullmatch(running, guild.ok("runs", "-n1").lines[0])
    assert guild.ok("cat", "-p", ".guild/LOCK.remote").out == f"{remote}\n"

    told = [f"Resolving run on {remote}", f"Syncing {run_id}", f"Copying {run_id}"]
    assert guild.ok("sync").lines == told
    assert re.fullmatch(running, guild.ok("runs", "-n1").lines[0])

    end_operation(there, run_id, signal.SIGKILL)
    assert re.fullmatch(running, guild.ok("runs", "-n1").lines[0])
    assert guild.ok("sync").lines == told
    assert re.fullmatch(row + "terminated  sleep=600", guild.ok("runs", "-n1").lines[0])
    gone = guild("cat", "-p", ".guild/LOCK.remote")
    path = guild.home / "runs" / run_id / ".guild/LOCK.remote"
    assert (gone.code, gone.err) == (1, f"guild: {path} does not exist\n")
    assert guild.ok("sync").out == ""


def end_operation(there: Path, run_id: str, signum: int) -> None:
    """Send a signal to the operation itself, and wait for its run's end."""
    import os
    import subprocess

    lock = (there / "runs" / run_id / ".guild/LOCK").read_text().split()[0]
    child = subprocess.check_output(["ps", "-o", "pid=", "--ppid", lock], text=True)
    os.kill(int(child), signum)
    wait_until(lambda: ended(there, run_id), "the run's end")


def test_a_run_that_completes_is_completed_here_after_a_sync(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=6", remote=remote)
    guild.ok("pull", remote, run_id, "-y")
    wait_until(lambda: ended(there, run_id))
    assert guild.status(run_id) == f"running ({remote})"
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert guild.ok("cat", "-O").out == "Sleeping for 6 second(s)\nDone\n"


def test_several_runs_are_resolved_together(guild: Guild, remote: str) -> None:
    ids = [guild.started("sleep=600", remote=remote) for _ in range(3)]
    guild.ok("pull", remote, "-y")
    lines = guild.ok("sync").lines
    latest_first = ids[::-1]
    assert lines == [
        f"Resolving 3 runs on {remote}",
        *(f"Syncing {run_id}" for run_id in latest_first),
        *(f"Copying {run_id}" for run_id in latest_first),
    ]


def test_filters_say_which_runs_are_synced(guild: Guild, remote: str) -> None:
    ids = [guild.started(f"sleep={n}", remote=remote) for n in (600, 601)]
    guild.ok("pull", remote, "-y")
    synced = [f"Resolving run on {remote}", f"Syncing {ids[0]}", f"Copying {ids[0]}"]
    assert guild.ok("sync", "-F", "sleep = 600").lines == synced
    again = guild.ok("sync", "1", "-F", "sleep = 600")
    assert again.lines == synced[:2], "of which nothing has changed since"
    assert guild.ok("sync", "-Sc").out == ""
    assert guild("sync", "2", "-F", "sleep = 600").code == 1


def test_watch_shows_the_output_from_its_beginning_and_the_end(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=1", remote=remote)
    watched = guild.ok("watch", run_id, "-r", remote)
    assert watched.lines == [
        "Sleeping for 1 second(s)",
        "Done",
        f"Run {run_id} stopped with a status of 'completed'",
    ]


def test_ctrl_c_ends_the_watching_and_leaves_the_run_running(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    watching = guild.popen("watch", run_id, "-r", remote)
    assert watching.stdout is not None
    assert watching.stdout.readline() == b"Sleeping for 600 second(s)\n"
    watching.send_signal(signal.SIGINT)
    said = watching.communicate(timeout=20)[0].decode()
    assert f"Stopped watching {run_id}: it is still running on {remote}" in said
    assert f"guild watch {run_id} -r {remote}" in said
    assert watching.returncode == 130
    assert "running" in guild.ok("runs", run_id, "-r", remote).out


def test_a_run_that_is_waited_for_is_watched_and_gives_its_exit_status(
    guild: Guild, remote: str
) -> None:
    (guild.folder / "sleep.py").write_text("sleep = 1\nprint('out')\nraise SystemExit(sleep)\n")
    done = guild("run", "op", "sleep=7", "-r", remote, "-y")
    assert done.code == 7
    assert done.lines[-2] == "out"
    assert re.fullmatch(rf"Run {RUN_ID} stopped with a status of 'error'", done.lines[-1])


def test_without_yes_a_preview_is_shown_and_confirmed(guild: Guild, remote: str) -> None:
    refused = guild.ok("run", "op", "sleep=3", "-r", remote, stdin="n\n")
    assert refused.out == f"You are about to run op on {remote}\n  sleep: 3\nContinue? (Y/n) "
    assert guild.ok("runs", "-r", remote).out == ""
    accepted = guild.ok("run", "op", "sleep=0", "-r", remote, "--no-wait", stdin="\n")
    assert "Successfully installed" in accepted.out


def test_commands_show_the_same_here_and_there(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=0", remote=remote)
    guild.ok("watch", run_id, "-r", remote)
    guild.ok("pull", remote, "-y")
    for argv in (["runs"], ["cat", "-O"], ["cat", "-p", "guild.yml"], ["runs", "--json", "-n1"]):
        here, on_remote = guild.ok(*argv).out, guild.ok(*argv, "-r", remote).out
        assert here.replace(str(guild.home), "HOME") == re.sub(
            r'"run_dir": "[^"]*/there/', '"run_dir": "HOME/', on_remote
        )
    info = guild.ok("runs", "info", run_id, "-r", remote).out
    assert f"id: {run_id}\n" in info
    assert "status: completed\n" in info
    assert "flags:\n  sleep: 0\n" in info


def test_guild_sync_and_guild_pull_are_commands_of_their_own(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    assert guild.ok("guild-pull", remote, "1", "-y").lines[-1] == f"Copying {run_id}"
    assert guild.ok("guild-sync").lines == [], "it is cron's, and nothing has changed"
    guild.ok("stop", run_id, "-r", remote, "-y")
    assert guild.ok("guild-sync").lines == [f"{run_id} on {remote}: running -> terminated"]
