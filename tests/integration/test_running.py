"""What `guild run` can do beside starting a run: stage, start, run again, run alike."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Place, Server, project, wait_until
from terminal import Terminal

from guild_sync.agent.store import locks

SHOWS = """
x = 1
print("x", x, flush=True)
open("seen", "a").write("%s\\n" % x)
"""
GUILDFILE = "op: {main: shows, flags-import: all}\nother: {main: shows, flags-import: all}"


@pytest.fixture
def shows(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, shows=SHOWS)


def seen(place: Place, run_id: str) -> str:
    return (place.run_dir(run_id) / "seen").read_text()


def latest(place: Place) -> str:
    return str(json.loads(place.ok("runs", "-n1", "--json").out)[0]["id"])


# Staging.


@pytest.mark.usefixtures("shows")
def test_a_staged_run_waits_until_it_is_started(place: Place) -> None:
    staged = place.ok("run", "op", "x=2", "--stage", "-y")
    run_id = staged.lines[-2].split()[-1]
    option = f"-r {place.remote} " if place.remote else ""
    assert staged.lines[-2:] == [
        f"op staged{place.on} as {run_id}",
        f"To start the operation, use 'guild run {option}--start {run_id}'",
    ]
    assert place.status(run_id) == "staged"
    assert not (place.run_dir(run_id) / ".guild/PENDING").exists()
    started = place.ok("run", "--start", run_id, "-y")
    assert "x 2" in started.lines
    assert place.status(run_id) == "completed"
    assert len(place.ok("runs").lines) == 1


@pytest.mark.usefixtures("shows")
def test_a_staged_run_takes_other_flags_when_it_is_started(place: Place) -> None:
    run_id = place.staged("x=2")
    assert "x 3" in place.ok("run", "--start", "1", "x=3", "-y").lines
    assert place.attr(run_id, "flags") == {"x": 3}
    assert place.attr(run_id, "label") == "x=3"


@pytest.mark.usefixtures("shows")
def test_a_run_that_cannot_be_staged_leaves_nothing(place: Place) -> None:
    (place.guild.folder / "shows.py").write_text("x = 1\n")
    refused = place("run", "op", "y=2", "--stage", "-y")
    assert (refused.code, refused.out) == (1, "")
    assert "unsupported flag 'y'" in refused.err
    assert place.ok("runs").out == ""


@pytest.mark.usefixtures("shows")
def test_starting_what_is_not_there_is_one_line(place: Place) -> None:
    refused = place("run", "--start", "1", "-y")
    assert refused.code == 1
    assert "could not find a run matching '1' (there are none)" in refused.err


# Running again.


@pytest.mark.usefixtures("shows")
def test_a_run_is_restarted_in_its_place(place: Place) -> None:
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    first = place.attr(run_id, "started")
    (place.guild.folder / "shows.py").write_text("raise SystemExit('other source code')")
    assert "x 2" in place.ok("run", "--restart", run_id, "-y").lines
    assert place.output(run_id) == "x 2\n"
    assert seen(place, run_id) == "2\n2\n", "what it wrote before is there"
    assert place.attr(run_id, "started") > first
    assert len(place.ok("runs").lines) == 1


@pytest.mark.usefixtures("shows")
def test_flags_can_be_changed_by_a_restart(place: Place) -> None:
    run_id = place.started("x=2", "-l", "mine")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    assert "x 5" in place.ok("run", "--restart", run_id, "x=5", "-y").lines
    assert place.attr(run_id, "flags") == {"x": 5}
    assert place.attr(run_id, "label") == "mine"
    refused = place("run", "--restart", run_id, "y=5", "-y")
    assert "unsupported flag 'y'" in refused.err
    assert place.status(run_id) == "completed", "nothing was touched"


@pytest.mark.usefixtures("shows")
def test_a_restart_takes_the_present_source_code_if_told_so(place: Place) -> None:
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    (place.guild.folder / "shows.py").write_text("x = 1\nprint('new', x)")
    assert "x 2" in place.ok("run", "--restart", run_id, "-y").lines
    again = place.ok("run", "--restart", run_id, "--force-sourcecode", "-y")
    assert "new 2" in again.lines
    assert place.output(run_id) == "new 2\n"
    alike = place.ok("run", "--proto", run_id, "x=3", "--force-sourcecode", "-y")
    assert "new 3" in alike.lines


def test_a_running_run_is_not_restarted(place: Place) -> None:
    run_id = place.started("sleep=600")
    refused = place("run", "--restart", run_id, "-y")
    assert refused.code == 1
    option = f" -r {place.remote}" if place.remote else ""
    assert f"run {run_id} is running" in refused.err
    assert f"guild stop {run_id}{option}" in refused.err
    assert place.status(run_id) == "running"


@pytest.mark.usefixtures("shows")
def test_no_wrong_status_is_shown_while_a_run_is_restarted(guild: Guild) -> None:
    """Killed anywhere on the way, it is pending or staged, and can be started again."""
    from guild_sync.agent.staging import restage
    from guild_sync.agent.store import rundir

    place = Place(guild, guild.home)
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    job = json.loads((place.run_dir(run_id) / ".guild/job.json").read_text())
    restage.restage(str(place.home), run_id, {}, job)
    assert place.status(run_id) == "pending"
    for name in ("exit_status", "stopped"):
        assert place.attr(run_id, name) is None
    assert rundir.read_attr(str(place.run_dir(run_id)), "started")
    assert "x 2" in place.ok("run", "--restart", run_id, "-y").lines
    assert place.status(run_id) == "completed"


@pytest.mark.usefixtures("shows")
def test_a_kill_at_any_moment_of_a_restart_shows_no_wrong_status(guild: Guild) -> None:
    from guild_sync.agent.staging import restage
    from guild_sync.agent.store import rundir

    place = Place(guild, guild.home)
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    job = json.loads((place.run_dir(run_id) / ".guild/job.json").read_text())
    directory = str(place.run_dir(run_id))
    seen_states = set()
    for calls in range(40):
        rundir.write_attr(directory, "exit_status", 0)
        for mark in (rundir.PENDING, rundir.STAGED):
            rundir.unmark(directory, mark)
        child = os.fork()
        if child == 0:
            try:
                die_after(calls)
                restage.restage(str(place.home), run_id, {"label": "again"}, job)
                os._exit(0)
            finally:
                os._exit(2)  # whatever was raised: this is no process of pytest's
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            break  # it was not killed any more
        assert code == 1
        state = rundir.status(directory).text
        seen_states.add(state)
        assert state == "pending" or (state, place.attr(run_id, "exit_status")) == ("completed", 0)
    assert seen_states == {"completed", "pending"}
    assert "x 2" in place.ok("run", "--restart", run_id, "-y").lines


def die_after(calls: int) -> None:
    """Have this process die before it changes the disk for the next time but so many."""
    left = iter(range(calls))

    def counted(call: Callable[..., None]) -> Callable[..., None]:
        def act(*args: Any, **kwargs: Any) -> None:
            if next(left, None) is None:
                os._exit(1)
            call(*args, **kwargs)

        return act

    os.unlink, os.replace = counted(os.unlink), counted(os.replace)


def test_a_restart_that_fails_leaves_the_run_staged(guild: Guild) -> None:
    place = Place(guild, guild.home)
    project(guild.folder, "op: {exec: 'sh -c true'}")
    guild.ok("run", "op", "-y")
    run_id = latest(place)
    job = place.run_dir(run_id) / ".guild/job.json"
    text = job.read_text()
    broken = json.loads(text)
    del broken["argv"]
    job.write_text(json.dumps(broken))
    assert guild("run", "--restart", run_id, "--no-wait", "-y").code != 0
    assert place.status(run_id) == "staged"


@pytest.mark.usefixtures("shows")
def test_the_copy_of_a_restarted_run_follows_it(guild: Guild, remote: str, there: Path) -> None:
    place = Place(guild, there, remote)
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    guild.ok("pull", remote, run_id, "-y")
    assert guild.status(run_id) == "completed"
    refused = guild("run", "--restart", run_id, "-y")
    assert refused.code == 1
    assert f"run {run_id} is a copy of one on {remote}" in refused.err
    assert f"guild run -r {remote} --restart {run_id}" in refused.err

    place.ok("run", "--restart", run_id, "x=3", "--no-wait", "-y")
    assert guild.status(run_id) == f"running ({remote})"
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
    assert guild.ok("cat", "-O").out == "x 3\n"
    assert guild.ok("sync").out == ""


def test_a_copy_forgets_the_end_of_a_run_that_was_restarted_and_killed(
    guild: Guild, remote: str, there: Path
) -> None:
    """A killed runner leaves no exit status: the earlier one must not stand for it."""
    place = Place(guild, there, remote)
    run_id = place.started("sleep=0")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    guild.ok("pull", remote, run_id, "-y")
    place.ok("run", "--restart", run_id, "sleep=600", "--no-wait", "-y")
    guild.ok("pull", remote, run_id, "-y")
    assert guild.status(run_id) == f"running ({remote})"
    os.kill(locks.holder(str(place.run_dir(run_id) / ".guild")) or 0, signal.SIGKILL)
    place.wait_until_dead(run_id)
    guild.ok("sync")
    assert guild.status(run_id) == "error"
    assert guild.ok("sync").out == ""


# The agent's Python, for which a start never comes to its end.
_HANGS = """#!/bin/sh
IFS= read -r request
case $request in *'"function": "start"'*) touch %s; exec sleep 600;; esac
printf '%%s\\n' "$request" | exec python3 "$@"
"""


@pytest.mark.usefixtures("shows")
def test_a_restart_that_is_killed_leaves_no_copy_with_an_earlier_end(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    """The run is started again there, or is about to be: only the remote knows."""
    guild.configure(far=sshd.keys(there))
    place = Place(guild, there, "far")
    run_id = place.started()
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    guild.ok("pull", "far", run_id, "-y")
    python, hangs = tmp_path / "python", tmp_path / "hangs"
    python.write_text(_HANGS % hangs)
    python.chmod(0o755)
    guild.configure(far=sshd.keys(there, python=str(python)))
    restart = guild.popen("run", "--restart", run_id, "-r", "far", "--no-wait", "-y")
    wait_until(hangs.exists, "the start")
    restart.kill()
    restart.communicate()
    assert guild.status(run_id) == "running (far)"
    guild.configure(far=sshd.keys(there))
    guild.ok("sync")
    assert guild.status(run_id) == "pending (far)"


# Running alike.


@pytest.mark.usefixtures("shows")
def test_a_new_run_is_made_like_another(place: Place) -> None:
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    (place.guild.folder / "guild.yml").unlink()
    (place.guild.folder / "shows.py").unlink()
    assert "x 2" in place.ok("run", "--proto", run_id, "-y").lines
    assert "x 7" in place.ok("run", "--proto", run_id, "x=7", "-y").lines
    new = latest(place)
    assert new != run_id
    assert place.attr(new, "label") == "x=7"
    assert len(place.ok("runs").lines) == 3


@pytest.mark.usefixtures("shows")
def test_another_operation_takes_the_flags_of_a_run(place: Place) -> None:
    run_id = place.started("x=2")
    assert "x 2" in place.ok("run", "other", "--proto", run_id, "-y").lines
    assert "other" in place.ok("runs", "-n1").out
    refused = place("run", "other", "--restart", run_id, "-y")
    assert (refused.code, refused.out) == (1, "")


@pytest.mark.usefixtures("shows")
def test_the_copy_of_a_remotes_run_is_run_anew_here(guild: Guild, remote: str, there: Path) -> None:
    place = Place(guild, there, remote)
    run_id = place.started("x=2")
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    guild.ok("pull", remote, run_id, "-y")
    assert "x 4" in guild.ok("run", "--proto", run_id, "x=4", "-y").lines
    assert len(guild.ok("runs").lines) == 2


@pytest.mark.usefixtures("shows")
def test_a_run_that_is_there_is_not_needed(place: Place) -> None:
    assert "x 2" in place.ok("run", "op", "x=2", "--needed", "-y").lines
    run_id = latest(place)
    skipped = place.ok("run", "op", "x=2", "--needed", "-y")
    assert skipped.lines[0] == f"op is not needed{place.on}: this run has its flags"
    assert f"[{run_id[:8]}]" in skipped.lines[1]
    assert "x 3" in place.ok("run", "op", "x=3", "--needed", "-y").lines
    assert "x 2" in place.ok("run", "other", "x=2", "--needed", "-y").lines


def test_a_run_that_failed_does_not_count(place: Place) -> None:
    project(place.guild.folder, "op: {exec: 'sh -c \"exit 3\"'}")
    assert place("run", "op", "-y").code == 3
    assert place("run", "op", "--needed", "-y").code == 3


# What is said of a run.


@pytest.mark.usefixtures("shows")
def test_label_tags_and_comment(place: Place) -> None:
    words = ("-l", "a label", "-t", "one", "-t", "two", "-c", "looks good")
    place.ok("run", "op", *words, "-y")
    run_id = latest(place)
    assert place.attr(run_id, "label") == "a label"
    assert place.attr(run_id, "tags") == ["one", "two"]
    assert "looks good" in place.ok("info", "--comments").out


def test_the_random_seed_is_recorded_and_given_to_the_operation(place: Place) -> None:
    project(place.guild.folder, "op: {exec: 'sh -c \"echo seed $RANDOM_SEED\"'}")
    assert "seed 42" in place.ok("run", "op", "--random-seed", "42", "-y").lines
    assert place.attr(latest(place), "random_seed") == 42
    said = place.ok("run", "op", "-y").out
    seed = place.attr(latest(place), "random_seed")
    assert isinstance(seed, int)
    assert f"seed {seed}\n" in said
    assert f"seed {seed}\n" in place.ok("run", "--restart", "1", "-y").out


@pytest.mark.parametrize("seed", ["x", "-1", "4294967296", "1.5"])
def test_a_random_seed_is_a_number(guild: Guild, seed: str) -> None:
    refused = guild("run", "op", f"--random-seed={seed}", "-y")
    assert (refused.code, refused.out) == (1, "")
    assert "--random-seed takes a number from 0 to 4294967295" in refused.err


def test_flags_can_be_forced(place: Place) -> None:
    project(place.guild.folder, "op: {exec: 'echo ${a}', flags: {a: {choices: [1, 2]}}}")
    words = ("run", "op", "a=3", "b=1", "-y")
    assert place(*words).code == 1
    assert "3" in place.ok(*words, "--force-flags", "--keep-run").lines
    assert place.attr(latest(place), "flags") == {"a": 3, "b": 1}


# How it runs.


def test_the_command_is_printed_and_nothing_runs(place: Place) -> None:
    project(place.guild.folder, "op: {exec: 'echo ${x}', flags: {x: a b}}")
    assert place.ok("run", "op", "--print-cmd").out == "echo 'a b'\n"
    assert place.ok("runs").out == ""


def test_a_run_in_the_background_gives_the_terminal_back(place: Place) -> None:
    said = place.ok("run", "op", "sleep=600", "--background", "-y")
    run_id = said.lines[-2].split()[0]
    assert said.lines[-2] == f"{run_id} is running{place.on}"
    assert place.status(run_id) == "running"


def test_a_run_in_a_directory_of_ones_own_is_not_listed(guild: Guild, tmp_path: Path) -> None:
    project(guild.folder, "op: {exec: 'sh -c \"pwd; env\"'}")
    target = tmp_path / "mine"
    done = guild.ok("run", "op", "-d", str(target), "-y")
    assert done.lines[:2] == [f"Running in {target}, which no listing shows", str(target)]
    assert f"RUN_DIR={target}" in done.lines
    assert f"GUILD_HOME={guild.home}" in done.lines
    (run_id,) = [line.split("=")[1] for line in done.lines if line.startswith("RUN_ID=")]
    assert re.fullmatch("[0-9a-f]{32}", run_id)
    assert guild.ok("runs").out == ""
    assert (target / ".guild/output").read_text().startswith(str(target))
    assert (target / ".guild/attrs/exit_status").read_text().strip() == "0"
    guild.ok("run", "op", "-d", str(target), "-y")


def test_a_directory_with_files_is_not_made_a_run(guild: Guild, tmp_path: Path) -> None:
    refused = guild("run", "op", "-d", str(guild.folder), "-y")
    assert refused.code == 1
    assert "is not empty, and not the directory of a run" in refused.err
    assert not (guild.folder / ".guild").exists()


def test_a_run_in_a_directory_within_the_project(guild: Guild) -> None:
    for _ in range(2):
        guild.ok("run", "op", "sleep=0", "-d", "runs/one", "-y")
    assert not (guild.folder / "runs/one/runs").exists()


def test_a_run_in_a_directory_runs_in_the_background_too(guild: Guild, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    said = guild.ok("run", "op", "sleep=0", "-d", str(target), "--background", "-y")
    assert said.lines[-1] == f"Its directory is {target}"
    wait_until((target / ".guild/attrs/exit_status").exists)


@pytest.mark.parametrize(
    "words",
    [
        ("op", "--run-dir", "x", "-r", "guild-uat"),
        ("op", "--run-dir", "x", "--stage"),
        ("--start", "1", "--proto", "1"),
        ("--start", "1", "--needed"),
    ],
)
def test_options_that_make_no_sense_together(
    guild: Guild, remote: str, words: tuple[str, ...]
) -> None:
    refused = guild("run", *words, "-y")
    assert (refused.code, refused.out) == (1, "")
    assert "exclude each other" in refused.err.splitlines()[0]


# ---- what an operation reads


ASKS = 'print("got", input("continue? "), flush=True)\n'


@pytest.fixture
def asks(guild: Guild) -> None:
    steps = "both: {steps: [ask, ask]}"
    project(guild.folder, f"ask: {{main: ask}}\n{steps}", ask=ASKS)


def test_an_operation_that_asks_is_answered_on_the_terminal(guild: Guild, asks: None) -> None:
    with Terminal(guild.argv("run", "ask"), guild.env, guild.folder) as terminal:
        wait_until(lambda: "Continue? (Y/n)" in terminal.shown, "guild's own question")
        terminal.type("y\n")
        wait_until(lambda: "continue? " in terminal.shown, "the operation's question")
        terminal.type("yes\n")
        assert terminal.end() == 0
        assert "got yes" in terminal.shown


def test_an_operation_reads_what_guilds_own_question_leaves(guild: Guild, asks: None) -> None:
    done = guild("run", "ask", stdin="y\nyes\n")
    assert (done.code, done.lines[-1]) == (0, "Continue? (Y/n) continue? got yes")


def test_each_step_of_a_pipeline_is_answered(guild: Guild, asks: None) -> None:
    with Terminal(guild.argv("run", "both", "-y"), guild.env, guild.folder) as terminal:
        terminal.type("one\n")
        wait_until(lambda: "got one" in terminal.shown, "the first step's answer")
        terminal.type("two\n")
        wait_until(lambda: "got two" in terminal.shown, "the second step's answer")
        assert terminal.end() == 0


def test_an_operation_that_nobody_waits_for_or_that_runs_there_finds_nothing_to_read(
    place: Place, asks: None
) -> None:
    done = place("run", "ask", "-y", *([] if place.remote else ["--no-wait"]), stdin="yes\n")
    run_id = next(word for line in done.lines for word in line.split() if len(word) == 32)
    place.wait_for_end(run_id)
    assert "EOFError" in place.output(run_id)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed here")
def test_an_operation_of_a_guild_in_the_background_takes_no_key(guild: Guild, asks: None) -> None:
    script = 'set -m; "$@" & wait $!; echo "ended with $?"; read line; echo "the shell got $line"'
    argv = ["bash", "-c", script, "bash", *guild.argv("run", "ask", "-y")]
    with Terminal(argv, guild.env, guild.folder) as terminal:
        terminal.type("mine\n")
        assert terminal.end() == 0
        assert "EOFError" in terminal.shown
        assert "the shell got mine" in terminal.shown
