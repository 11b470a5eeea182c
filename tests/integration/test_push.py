"""Runs that are copied to a remote: the same runs there, and never an end before they are whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support import Guild, Place, Server, wait_until

MARKS = {"LOCK", "LOCK.owner", "LOCK.remote", "LOCK.confirmed", "PENDING", "STAGED"}


@pytest.fixture
def far(guild: Guild, there: Path, remote: str) -> Place:
    """The remote."""
    return Place(guild, there, remote)


@pytest.fixture
def run_id(guild: Guild) -> str:
    """A run that has ended here."""
    return ended(guild)


def ended(guild: Guild, *words: str) -> str:
    guild.ok("run", "op", "sleep=0", *words, "-y")
    return guild.ok("select").out.strip()


def here(guild: Guild, run_id: str) -> Path:
    return guild.home / "runs" / run_id


def files_of(run: Path) -> dict[str, bytes]:
    left_out = (".guild/job-packages", ".guild/LOCK")
    found = {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(left_out)}


def test_a_pushed_run_is_the_same_run_there(guild: Guild, far: Place, run_id: str) -> None:
    guild.ok("label", "-s", "best", "-y")
    done = guild.ok("push", "guild-uat", "-y")
    assert done.lines == [f"Copying {run_id}"]
    assert files_of(far.run_dir(run_id)) == files_of(here(guild, run_id))
    assert far.ok("runs").out == guild.ok("runs").out
    assert far.status(run_id) == guild.status(run_id) == "completed"
    assert not list(far.home.glob("runs/.incoming-*"))


def test_a_second_push_brings_what_changed_and_keeps_the_status(
    guild: Guild, far: Place, run_id: str
) -> None:
    guild.ok("push", "guild-uat", run_id[:8], "-y")
    guild.ok("label", "-s", "later", "-y")
    guild.ok("push", "guild-uat", "1", "-y")
    assert far.attr(run_id, "label") == "later"
    assert far.status(run_id) == "completed"


def test_filters_say_which_runs_are_pushed_and_pulled(
    guild: Guild, far: Place, run_id: str
) -> None:
    best = ended(guild, "-l", "best")
    assert guild.ok("push", "guild-uat", "-Fl", "best", "-y").lines == [f"Copying {best}"]
    assert far.ok("select", "-A").lines == [best]
    guild.ok("push", "guild-uat", "-y")
    guild.ok("runs", "rm", best, "-p", "-y")  # else it is this machine's, and a filter names no run
    pulled = guild.ok("pull", "guild-uat", "-F", "label contains best", "-y")
    assert pulled.lines == ["Getting run info on guild-uat", f"Copying {best}"]


def test_without_runs_there_is_nothing_to_copy(guild: Guild, remote: str) -> None:
    assert guild.ok("push", remote).out == "Nothing to copy.\n"
    assert guild.ok("pull", remote, "-Se").lines[-1] == "Nothing to copy."


def test_filters_that_leave_nothing_leave_nothing_to_copy(
    guild: Guild, remote: str, run_id: str
) -> None:
    assert guild.ok("push", remote, "-Se").out == "Nothing to copy.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["guild-uat", "77"], "guild: could not find a run matching '77' (there are 1)\n"),
        (["nowhere"], "guild: remote 'nowhere' is not defined\n"),
        (["guild-uat", "--wrong"], "guild: unrecognized option '--wrong'\n"),
        ([], "guild: REMOTE is missing\n"),
    ],
    ids=["run", "remote", "option", "no remote"],
)
def test_a_wrong_argument_is_told_and_nothing_copied(
    guild: Guild, far: Place, run_id: str, words: list[str], said: str
) -> None:
    done = guild("push", *words, "-y")
    assert done.code == 1
    assert done.err.startswith(said)
    assert not far.run_dir(run_id).exists()


def test_a_push_shows_what_it_does_and_asks(guild: Guild, far: Place, run_id: str) -> None:
    done = guild.ok("push", "guild-uat", "-d", stdin="n\n")
    assert done.lines[0] == "You are about to copy the following runs to guild-uat:"
    assert done.lines[1].startswith(f"  [{run_id[:8]}]  ")
    assert done.lines[2:] == [
        "Files of these runs that are not here will be deleted on guild-uat.",
        "Continue? (Y/n) ",
    ]
    assert not far.run_dir(run_id).exists()
    guild.ok("push", "guild-uat", stdin="\n")
    assert far.status(run_id) == "completed"


def test_marks_and_packages_are_never_carried(guild: Guild, far: Place, run_id: str) -> None:
    folder = here(guild, run_id) / ".guild"
    for name in ("LOCK", "LOCK.owner", "LOCK.confirmed", "job-packages/big"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("999999999\n")
    guild.ok("push", "guild-uat", "-y")
    carried = {path.name for path in (far.run_dir(run_id) / ".guild").iterdir()}
    assert not carried & {*MARKS, "job-packages"}


# Runs that have not ended.


def test_a_running_run_is_refused_and_the_others_are_copied(
    guild: Guild, far: Place, run_id: str
) -> None:
    running = guild.started("sleep=60")
    copied = far.started("sleep=60")
    guild.ok("pull", "guild-uat", copied, "-y")
    done = guild("push", "guild-uat", "-y")
    assert done.code == 4
    assert done.out == f"Copying {run_id}\n"
    said = "guild: run {} was not copied whole to guild-uat: it is running {}"
    assert sorted(done.err.splitlines()) == sorted(
        [said.format(running, "here"), said.format(copied, "(guild-uat)")]
    )
    assert not far.run_dir(running).exists()
    assert far.status(run_id) == "completed"
    assert far.status(copied) == "running"


def test_a_run_that_runs_there_is_refused(guild: Guild, far: Place) -> None:
    run_id = far.started("sleep=60")
    guild.ok("pull", "guild-uat", "-y")
    (here(guild, run_id) / ".guild/LOCK.remote").unlink()  # it ended, as far as is known here
    (here(guild, run_id) / ".guild/attrs/exit_status").write_text("0")
    done = guild("push", "guild-uat", "-y")
    assert done.code == 4
    assert done.err.endswith("was not copied whole to guild-uat: it is running there\n")
    assert far.status(run_id) == "running"


@pytest.mark.parametrize("command", [["watch"], ["stop", "-y"]])
def test_a_run_that_is_being_pushed_is_neither_watched_nor_stopped(
    guild: Guild, far: Place, run_id: str, command: list[str]
) -> None:
    guild.ok("push", "guild-uat", run_id, "-y")
    # As a push that was cut off leaves it.
    (far.run_dir(run_id) / ".guild/LOCK.remote").write_text("push from laptop\n")
    refused = far(*command, run_id)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        f"guild: run {run_id} is just being copied (push from laptop)",
        "If that was cut off, push it again on that machine.",
    ]


def test_a_staged_run_stays_where_it_waits(guild: Guild, far: Place) -> None:
    run_id = Place(guild, guild.home).staged("sleep=0")
    done = guild("push", "guild-uat", "-y")
    assert done.code == 4
    assert done.err.endswith("to guild-uat: it is staged here\n")
    assert not far.run_dir(run_id).exists()


# Pushes that are cut short.


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_is_cut_short_shows_no_end_there_and_the_next_one_repairs_it(
    guild: Guild, sshd: Server, far: Place, run_id: str, how: signal.Signals
) -> None:
    keys = sshd.keys(far.home)
    guild.configure(guild_uat=keys, slow={**keys, "bwlimit": 1000})
    (here(guild, run_id) / "large.bin").write_bytes(os.urandom(3_000_000))
    pushing = guild.popen("push", "slow", "-y")
    wait_until(lambda: any(f.stat().st_size for f in far.home.glob("runs/.incoming-push-*/*")))
    pushing.send_signal(how)
    assert pushing.wait(20) == (130 if how == signal.SIGINT else -how)
    half = f"running (push from {os.uname().nodename})"
    assert far.status(run_id) == half
    assert not (far.run_dir(run_id) / "large.bin").exists()

    pulled = guild("pull", "guild-uat", "-y")
    assert pulled.code == 4, "what is half there must not harm the whole run here"
    assert guild.status(run_id) == "completed"
    guild.env["GUILD_HOME"], home = str(far.home), guild.home
    assert guild.ok("sync").out == "", "nor does a sync there ask anybody for it"
    guild.env["GUILD_HOME"] = str(home)

    guild.ok("push", "slow", "-y")
    assert far.status(run_id) == "completed"
    assert files_of(far.run_dir(run_id)) == files_of(here(guild, run_id))
    assert not list(far.home.glob("runs/.incoming-*")), "nothing is left of the first one"


# --delete.


def test_files_that_are_not_in_the_source_are_deleted_both_ways_and_no_run_is(
    guild: Guild, far: Place, run_id: str
) -> None:
    other = ended(guild)
    guild.ok("push", "guild-uat", "-y")
    for run in (far.run_dir(run_id), far.run_dir(other)):
        (run / "folder").mkdir()
        (run / "folder/more").touch()
    (far.run_dir(run_id) / ".guild/job-packages").mkdir()
    (far.run_dir(run_id) / ".guild/job-packages/big").touch()
    guild.ok("push", "guild-uat", run_id, "-y")
    assert (far.run_dir(run_id) / "folder/more").exists(), "not without --delete"
    guild.ok("push", "guild-uat", run_id, "-d", "-y")
    assert not (far.run_dir(run_id) / "folder").exists()
    assert (far.run_dir(run_id) / ".guild/job-packages/big").exists()
    assert (far.run_dir(other) / "folder/more").exists(), "another run"

    local = here(guild, run_id)
    (local / "only-here").touch()
    guild.ok("pull", "guild-uat", run_id, "-y")
    assert (local / "only-here").exists()
    (local / ".guild/LOCK.owner").write_text("{}")
    guild.ok("pull", "guild-uat", run_id, "--delete", "-y")
    assert not (local / "only-here").exists()
    assert (local / ".guild/LOCK.owner").exists()
    assert guild.status(run_id) == far.status(run_id) == "completed"
    assert sorted(guild.ok("select", "-A").lines) == sorted([run_id, other])


# ---- whose a run is


@pytest.mark.parametrize("how", [(), ("--delete",), ("1:2",), ("-Fo", "op")])
def test_a_run_that_was_made_here_is_not_replaced_by_a_pull_that_does_not_name_it(
    guild: Guild, far: Place, run_id: str, remote: str, how: tuple[str, ...]
) -> None:
    guild.ok("push", remote, run_id, "-y")
    mine = guild.home / "runs" / run_id / "mine.txt"
    mine.write_text("precious")
    (far.run_dir(run_id) / "mine.txt").write_text("forged")
    (far.run_dir(run_id) / ".guild/attrs/exit_status").write_text("3\n")
    theirs = far.started("sleep=0")
    far.wait_for_end(theirs)
    done = guild("pull", remote, *how, "-y")
    assert done.code == 4
    assert done.err.splitlines() == [
        f"guild: run {run_id} is not from {remote}, which has it too, and stays as here "
        "(made here)",
        f"To replace one by the remote's, name it: guild pull {remote} RUN",
        f"RUN: {run_id}",
    ]
    assert mine.read_text() == "precious"
    assert guild.status(run_id) == guild.status(theirs) == "completed"
    guild.ok("pull", remote, run_id[:12], "-y")
    assert mine.read_text() == "forged"
    assert guild.status(run_id) == "error"


def test_a_run_that_came_from_another_remote_is_not_replaced_either(
    guild: Guild, sshd: Server, far: Place, remote: str, there: Path
) -> None:
    run_id = far.started("sleep=0")
    far.wait_for_end(run_id)
    guild.configure(**{remote: sshd.keys(there), "other": sshd.keys(there)})
    for whose in (f"expected from {remote}", f"from {remote}"):
        done = guild("pull", "other", "-y")
        assert done.code == 4
        assert done.err.splitlines()[0] == (
            f"guild: run {run_id} is not from other, which has it too, and stays as here ({whose})"
        )
        guild.ok("pull", remote, "-y")
    guild.ok("pull", remote, "-y")
    guild.ok("pull", "other", run_id, "-y")
    guild.ok("pull", "other", "-y")
