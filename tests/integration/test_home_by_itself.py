"""Runs that were started from here come home without being pulled, and their end is told."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults import held, mark, write_run
from filelock import FileLock
from support import Guild, Place, Server, project, wait_until
from terminal import on_terminal
from test_hooks import ALL, TELL, Told
from test_interrupted import assert_same_run
from test_lost import a_minute_later

from guild_sync.agent.store import identity, rundir
from guild_sync.config.home import file_name

WAITS = """
import pathlib, time
pathlib.Path("begun").touch()
while not pathlib.Path("go-on").exists():
    time.sleep(0.02)
"""


@pytest.fixture
def place(guild: Guild, remote: str, there: Path) -> Place:
    """A remote whose operation runs until it is told to go on."""
    project(guild.folder, "op: {main: waits}", waits=WAITS)
    return Place(guild, there, remote)


def go_on(place: Place, run_id: str) -> None:
    (place.run_dir(run_id) / "go-on").touch()
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)


def listed(guild: Guild) -> dict[str, str]:
    """The runs here and their statuses."""
    return {run["id"]: run["status"] for run in json.loads(guild.ok("runs", "--json", "-a").out)}


def expected(guild: Guild) -> list[str]:
    folder = guild.home / "expected"
    return sorted(os.listdir(folder)) if folder.exists() else []


def not_here_yet(guild: Guild) -> int:
    (status,) = json.loads(guild.ok("status", "--json").out)
    return int(status["runs"].get("not here yet", 0))


def told_of(guild: Guild, tmp_path: Path) -> Told:
    told = Told(guild, tmp_path / "told")
    told.hooks({"on": ["started", *ALL], "command": TELL})
    return told


def test_a_sync_brings_what_was_started_from_here_and_hooks_tell_of_it(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    run_id = place.started()
    assert listed(guild) == {}, "nothing of it is here"
    assert not_here_yet(guild) == 1
    assert f"  {run_id}  not here yet" not in guild.ok("status").out, "its remote is not down"
    assert "1 not here yet" in guild.ok("status").out
    assert guild.ok("sync").lines[:2] == [
        f"Resolving run on {place.remote}",
        f"Syncing {run_id}",
    ]
    assert listed(guild) == {run_id: "running"}
    assert (told.events(), expected(guild), not_here_yet(guild)) == (["started"], [], 0)
    go_on(place, run_id)
    guild.ok("sync")
    assert listed(guild) == {run_id: "completed"}
    assert told.events() == ["completed", "started"]
    assert_same_run(guild.home / "runs" / run_id, place.run_dir(run_id))
    assert guild.ok("sync").lines == []
    assert told.events() == ["completed", "started"]


def test_a_run_that_is_over_before_the_first_sync_is_told_of_from_its_start(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    run_id = place.started()
    go_on(place, run_id)
    done = guild.ok("sync", "--cron")
    assert done.lines == [f"{run_id} on {place.remote}: expected -> completed"]
    assert told.events() == ["completed", "started"]
    assert {data["before"] for _, data in told.all()} == {"expected"}


def test_a_pull_is_told_of_too_and_is_all_that_is_needed(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    run_id = place.started()
    guild.ok("pull", str(place.remote), "-y")
    assert (told.events(), expected(guild)) == (["started"], [])
    assert listed(guild) == {run_id: "running"}


def test_a_staged_run_comes_home_as_it_waits_and_when_it_is_started(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    run_id = place.staged()
    guild.ok("sync")
    assert (listed(guild), told.events()) == ({run_id: "staged"}, [])
    guild.ok("run", "--start", run_id, "-r", str(place.remote), "-y", "-n")
    guild.ok("sync")
    assert (listed(guild), told.events()) == ({run_id: "running"}, ["started"])


@pytest.mark.parametrize("code", [0, 7])
def test_a_run_that_was_waited_for_comes_home_at_its_end_and_says_no_word_of_it(
    guild: Guild, remote: str, there: Path, tmp_path: Path, code: int
) -> None:
    project(guild.folder, "op: {exec: 'sh -c \"echo done; exit ${code}\"', flags: {code: 0}}")
    told = told_of(guild, tmp_path)
    done = guild("run", "op", f"code={code}", "-r", remote, "-y")
    untracked = guild("run", "op", f"code={code}", "-r", remote, "-y", "--no-track")
    assert (done.code, done.err) == (untracked.code, untracked.err) == (code, "")
    said = [line for line in done.lines if not line.startswith("Copying package")]  # once
    assert len(said) == len(untracked.lines)
    for line, like in zip(said, untracked.lines, strict=True):
        assert line == like or any(map(str.isdigit, line))
    ended = "completed" if code == 0 else "error"
    assert list(listed(guild).values()) == [ended]
    assert (told.events(), expected(guild)) == (sorted([ended, "started"]), [])


def test_where_bringing_it_home_fails_one_line_tells_and_the_exit_status_stays(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    project(guild.folder, "op: {exec: 'sh -c \"exit 5\"'}")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/rsync"
    real = shutil.which("rsync")
    # It sends the package, and brings nothing home.
    fake.write_text(f'#!/bin/sh\ncase "$*" in *--files-from*) exit 12;; esac\nexec {real} "$@"\n')
    fake.chmod(0o755)
    path = guild.env["PATH"]
    guild.env["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{path}"
    done = guild("run", "op", "-r", remote, "-y")
    assert done.code == 5
    assert len(done.err.splitlines()) == 1
    assert "is not home whole" in done.err
    guild.env["PATH"] = path
    guild.ok("sync")
    assert list(listed(guild).values()) == ["error"]


def test_what_is_not_to_be_tracked_is_not(
    guild: Guild, sshd: Server, remote: str, there: Path
) -> None:
    guild.started("--no-track", remote=remote)
    guild.configure(guild_uat=sshd.keys(there, track=False))
    guild.started(remote=remote)
    guild.ok("run", "op", "--stage", "-r", remote, "-y")
    guild.ok("run", "op", "sleep=0", "-r", remote, "-y")
    assert expected(guild) == []
    assert guild.ok("sync").lines == []


def test_a_start_that_fails_is_not_expected(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(guild_uat=sshd.keys(there, python="/nowhere/python"))
    assert guild("run", "op", "-r", "guild-uat", "-y", "-n").code != 0
    assert expected(guild) == []


def test_a_staged_run_that_fails_to_start_is_expected_as_it_was(guild: Guild, place: Place) -> None:
    project(guild.folder, "op: {main: waits, env-secrets: [TOKEN]}", waits=WAITS)
    guild.env["TOKEN"] = "open-sesame"
    tracked, other = place.staged(), place.staged("--no-track")
    del guild.env["TOKEN"]
    for run_id in (tracked, other):
        done = guild("run", "--start", run_id, "-r", str(place.remote), "-y", "-n")
        assert (done.code, "needs TOKEN" in done.err) == (1, True), done
        assert place.status(run_id) == "staged"
    assert tracked in expected(guild)


def test_what_a_killed_start_has_made_comes_home_as_it_waits(guild: Guild, place: Place) -> None:
    guild.ok("runs", *place.args)  # sends the agent
    process = guild.popen("run", "op", *place.args, "--no-wait", "-y")
    (run,) = wait_until(lambda: list(place.home.glob("runs/[0-9a-f]*")), "a run to be made")
    process.kill()
    process.wait()
    assert expected(guild) == [run.name]
    guild.ok("sync")
    assert (list(listed(guild)), expected(guild)) == ([run.name], [])


def made_of(guild: Guild, run_id: str, **changes: object) -> None:
    """Have a guild that was killed have left that this run is expected."""
    path = guild.home / "expected" / run_id
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"remote": "guild-uat", "time": time.time_ns() // 1000, "begun": False, "pid": 1}
    path.write_text(json.dumps({**record, **changes}))


def an_hour_ago() -> int:
    return time.time_ns() // 1000 - 3600_000_000


def test_a_run_whose_start_never_happened_is_forgotten_on_the_remotes_word(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = "a" * 32
    made_of(guild, run_id)
    guild.ok("sync")
    assert expected(guild) == [run_id], "what was asked for last may be being done"
    made_of(guild, run_id, time=an_hour_ago())
    assert guild.ok("sync").lines == [
        f"Resolving run on {remote}",
        f"Run {run_id} was never started on {remote}",
    ]
    assert expected(guild) == []
    assert guild.ok("sync").lines == []


def test_a_guild_that_still_starts_a_run_is_not_asked_after(guild: Guild, remote: str) -> None:
    made_of(guild, "a" * 32, time=an_hour_ago(), **identity.of(os.getpid())._asdict())
    assert guild.ok("sync").lines == []
    assert expected(guild) == ["a" * 32]


def test_a_remote_that_is_down_says_nothing_of_what_is_expected(
    guild: Guild, place: Place, sshd: Server, tmp_path: Path
) -> None:
    run_id = place.started()
    config = guild.config.read_text()
    guild.configure(guild_uat={**sshd.keys(place.home), "port": 1})
    assert guild("sync").code == 3
    assert not_here_yet(guild) == 1
    assert guild("status", "--stale", "1d").code == 0
    kept = guild.home / "expected" / run_id
    record = json.loads(kept.read_text())
    kept.write_text(json.dumps({**record, "time": record["time"] - 2 * 86400 * 1_000_000}))
    assert guild("status", "--stale", "1d").code == 2
    guild.config.write_text(config)
    guild.ok("sync")
    assert listed(guild) == {run_id: "running"}


def test_a_run_that_has_gone_before_it_came_home_is_lost_once(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    gone, stays = place.started(), place.started()
    guild.ok("stop", gone, "-y", *place.args)
    shutil.rmtree(place.run_dir(gone))
    done = guild("sync")
    assert (done.code, listed(guild)) == (1, {stays: "running"})
    assert done.err.startswith(f"guild: run {gone} is not on {place.remote} any more\n")
    a_minute_later(guild)
    assert f"guild: run {gone} is lost: {place.remote} has it no more" in guild("sync").err
    guild.ok("sync")
    assert told.events() == ["lost", "started"]


def test_a_guild_home_that_is_not_mounted_loses_no_run_that_is_expected(
    guild: Guild, place: Place, tmp_path: Path
) -> None:
    run_id = place.started()
    wait_until((place.run_dir(run_id) / "begun").exists, "the operation's start")
    os.rename(place.home, tmp_path / "elsewhere")
    for _ in range(2):
        assert guild("sync").code != 0
    assert expected(guild) == [run_id]
    assert not place.home.exists(), "nothing is made in its place"
    os.rename(tmp_path / "elsewhere", place.home)
    guild.ok("sync")
    assert listed(guild) == {run_id: "running"}


def test_a_person_is_told_what_brings_it_home(guild: Guild, place: Place) -> None:
    argv = guild.argv("run", "op", "-y", "--no-wait", *place.args)
    last = "'guild sync' brings it home"
    code, shown = on_terminal(argv, guild.env, guild.folder)
    assert (code, shown.splitlines()[-1].startswith(last)) == (0, True)
    code, shown = on_terminal([*argv, "--no-track"], guild.env, guild.folder)
    assert (code, last in shown) == (0, False)


def test_a_run_that_is_deleted_there_is_expected_no_more(guild: Guild, place: Place) -> None:
    run_id = place.started()
    guild.ok("stop", run_id, "-y", *place.args)
    guild.ok("rm", run_id, "-y", *place.args)
    assert guild.ok("sync").lines == []


def test_the_id_of_a_run_that_is_not_here_names_it(guild: Guild, place: Place) -> None:
    one, other = place.started(), place.started()
    assert guild("watch").err.splitlines()[-1] == (
        "2 runs of x are not here yet: 'guild sync' brings them, '-r x' means them there."
    ).replace("x", str(place.remote))
    guild.ok("sync", one[:12])
    for argv in (["watch", other], ["info", other[:8]], ["cat", "-O", other]):
        assert guild(*argv).err.splitlines()[-1].startswith(f"Run {other} is not here yet: ")
    assert listed(guild) == {one: "running"}
    assert guild("sync", "0" * 12).code == 1
    guild.ok("sync", "--running")
    assert list(listed(guild)) == [one], "filters know nothing of what is not here"
    assert f"{other}  expected -> running" in " ".join(
        guild.ok("sync", "--plan").out.split(" ")[2:]
    )


def test_trials_and_steps_come_with_what_they_belong_to_also_those_that_start_later(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    place = Place(guild, there, remote)
    batch = place.started("sleep=[0,0.01]")
    pipeline = place.started(op="steps")
    place.wait_for_output(batch, "starting")
    guild.ok("sync")
    place.wait_for_end(batch)
    place.wait_for_end(pipeline)
    guild.ok("sync")
    found = listed(guild)
    assert len(found) == 6
    assert set(found.values()) == {"completed"}
    assert told.events() == ["completed"] * 6 + ["started"] * 6


def test_what_is_expected_of_a_remote_that_was_renamed_or_removed_ends_with_a_pull_or_an_rm(
    guild: Guild, place: Place, sshd: Server
) -> None:
    one, other = place.started(), place.started()
    guild.configure(renamed=sshd.keys(place.home))
    assert "remote 'guild-uat' is not defined" in guild("sync").err
    guild.ok("pull", "renamed", one, "-y")
    assert guild("rm", other[:12], one[:12], "-y").code == 1, "one is here, and the other is not"
    assert f"{other}  (guild-uat)" in guild.ok("rm", other[:12], stdin="n\n").out
    assert expected(guild) == sorted([one, other])
    assert guild.ok("rm", other[:12], "-y").lines == ["Expecting 1 run no more"]
    guild.ok("sync")
    assert (listed(guild), expected(guild)) == ({one: "running"}, [])


def test_a_run_that_was_deleted_here_does_not_come_back_though_a_kill_left_it_expected(
    guild: Guild, place: Place
) -> None:
    run_id = place.started()
    guild.ok("sync")
    made_of(guild, run_id, begun=True)
    guild.ok("rm", run_id, "-y")
    assert guild.ok("sync").lines == []
    assert (listed(guild), expected(guild)) == ({}, [])


def test_a_pull_tells_of_trials_too_as_a_sync_does(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    told = told_of(guild, tmp_path)
    batch = guild.started("sleep=[0,0.01]", remote=remote)
    Place(guild, there, remote).wait_for_end(batch)
    guild.ok("pull", remote, "-y")
    assert told.events() == ["completed"] * 3 + ["started"] * 3


def ends_with_5(guild: Guild, remote: str) -> list[str]:
    """What a run that is waited for, and ends with 5, says on stderr."""
    done = guild("run", "op", "-r", remote, "-y")
    assert done.code == 5
    return done.err.splitlines()


def test_no_fault_here_changes_the_exit_status_of_a_run_that_was_waited_for(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    project(guild.folder, "op: {exec: 'sh -c \"exit 5\"'}")
    told = told_of(guild, tmp_path)
    for name in ("remotes", "hooks"):
        shutil.rmtree(guild.home, ignore_errors=True)
        guild.home.mkdir()
        (guild.home / name).touch()
        (said,) = ends_with_5(guild, remote)
        assert said.startswith("guild: ")
        assert said.endswith(f" is not home whole: File exists ({guild.home / name})")
    (guild.home / "hooks").unlink()
    told.hooks({"on": ALL, "command": "exit 9"})
    (said,) = ends_with_5(guild, remote)
    assert said.startswith("guild: the hook 'exit 9' failed for ")
    assert "error" in listed(guild).values()


def test_a_run_that_ends_while_another_guild_works_with_its_remote_says_that_it_is_not_home(
    guild: Guild, remote: str, there: Path
) -> None:
    project(guild.folder, "op: {exec: 'sh -c \"exit 5\"'}")
    (guild.home / "locks").mkdir(parents=True, exist_ok=True)
    with FileLock(guild.home / "locks" / f"{file_name(remote)}.lock"):
        (said,) = ends_with_5(guild, remote)
    assert " is not home whole: " in said
    guild.ok("sync")
    assert list(listed(guild).values()) == ["error"]


def test_ten_remotes_with_expected_running_and_waiting_runs_two_of_them_down(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    homes = {f"r{number}": tmp_path / f"there-{number}" for number in range(10)}
    down = ("r3", "r7")
    known = {name: sshd.keys(home) for name, home in homes.items()}
    guild.configure(**known)
    runs: dict[str, dict[str, str]] = {}
    with ExitStack() as stack:
        for number, (name, home) in enumerate(homes.items()):
            coming, running, staged = (f"{number * 10 + kind:032x}" for kind in (1, 2, 3))
            stack.enter_context(held(write_run(home, coming, sizes=(10,), ended=False)))
            stack.enter_context(held(write_run(home, running, sizes=(10,), ended=False)))
            rundir.mark_staged(str(write_run(home, staged, ended=False)))
            made_of(guild, coming, remote=name, begun=True)
            mark(guild.home, running, name)
            made_of(guild, staged, remote=name, begun=True)
            runs[name] = {coming: "running", running: "running", staged: "staged"}
        unreachable = {name: {**known[name], "port": 1} for name in down}
        guild.configure(**{**known, **unreachable})
        assert guild("sync").code == 3
        here = listed(guild)
        for name, of_remote in runs.items():
            if name in down:
                assert of_remote.keys() & here.keys() == {list(of_remote)[1]}
            else:
                assert {run: here[run] for run in of_remote} == of_remote
        for each in json.loads(guild.ok("status", "--json").out):
            assert each["runs"].get("not here yet", 0) == (2 if each["remote"] in down else 0)
        page = guild.ok("status").out
        told = {
            name for name in runs if f"  {next(iter(runs[name]))}  not here yet ({name})" in page
        }
        assert told == {*down}
        guild.configure(**known)
        guild.ok("sync")
    assert expected(guild) == []
    assert len(listed(guild)) == 30
