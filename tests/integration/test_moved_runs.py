"""A run's directory that is a link: moved to another disk, or sent so by a remote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from comparing import differences, faults
from faults import end_run, held, write_run
from support import Guild

from guild_sync.agent.store import rundir

A, B = "a" * 32, "b" * 32


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that no guild home is in, under a name that is no run's."""
    (tmp_path / "larger disk").mkdir()
    return tmp_path / "larger disk" / "my run"


def move(run: Path, elsewhere: Path) -> None:
    shutil.move(run, elsewhere)
    run.symlink_to(elsewhere)


def is_here_as_there(guild: Guild, there: Path, elsewhere: Path) -> bool:
    place = guild.home / "runs" / A
    assert os.readlink(place) == str(elsewhere)
    assert not os.path.lexists(elsewhere / ".guild/LOCK.remote")
    assert differences(elsewhere, there / "runs" / A) == []
    return guild.status(A) == "completed"


def test_a_run_that_was_moved_is_synced_where_it_lies_and_the_link_stays(
    guild: Guild, remote: str, there: Path, elsewhere: Path
) -> None:
    runs = [write_run(there, run_id, sizes=(1000,), ended=False) for run_id in (A, B)]
    with held(runs[0]), held(runs[1]):
        guild.ok("pull", remote, "-y")
        move(guild.home / "runs" / A, elsewhere)
        (runs[0] / "grown").write_text("more")
        guild.ok("sync")
        assert guild.status(A) == f"running ({remote})"
        assert (elsewhere / "grown").read_text() == "more"
    for run in runs:
        end_run(run)
        (run / "result").write_text("result")
    planned = guild.ok("sync", "--plan").out
    assert A[:8] in planned
    guild.ok("sync")
    assert is_here_as_there(guild, there, elsewhere)
    assert not (guild.home / "runs" / B).is_symlink()
    assert faults(guild.home, there, remote) == []


def test_what_is_left_out_of_a_moved_run_and_its_links_are_told_as_of_any_other(
    guild: Guild, remote: str, there: Path, elsewhere: Path
) -> None:
    run = write_run(there, A)
    guild.ok("pull", remote, A, "-y")
    move(guild.home / "runs" / A, elsewhere)
    (run / "large.bin").write_text("x" * 1000)
    (run / "out").symlink_to("/etc/passwd")
    (elsewhere / "mine").write_text("here alone")
    guild.ok("pull", remote, A, "-y", "--exclude", "*.bin", "--delete")
    assert sorted(p.name for p in elsewhere.iterdir()) == [".guild"]
    listed = guild.ok("ls", A).out
    assert "large.bin" in listed
    assert "out -> /etc/passwd (leads out, not copied)" in listed
    guild.ok("pull", remote, A, "-y")
    assert (elsewhere / "large.bin").read_text() == "x" * 1000


def test_a_run_that_was_moved_is_pushed_and_pulled_as_any_other(
    guild: Guild, remote: str, there: Path, elsewhere: Path
) -> None:
    move(write_run(guild.home, A, sizes=(1000,)), elsewhere)
    guild.ok("push", remote, A, "-y")
    assert differences(there / "runs" / A, elsewhere) == []
    moved_there = elsewhere.with_name("there")
    move(there / "runs" / A, moved_there)
    (elsewhere / "new").write_text("new")
    guild.ok("push", remote, A, "-y")
    assert os.readlink(there / "runs" / A) == str(moved_there)
    assert (moved_there / "new").read_text() == "new"
    assert rundir.status(str(there / "runs" / A)) == rundir.Status("completed")
    shutil.rmtree(elsewhere)
    (guild.home / "runs" / A).unlink()
    guild.ok("pull", remote, A, "-y")
    assert differences(guild.home / "runs" / A, moved_there) == []
    assert guild.status(A) == "completed"
    (moved_there.parent / ".home-id").touch()
    done = guild("rm", A, "-r", remote, "-p", "-y")
    left = f"{moved_there} is left: it is a run of another guild home"
    assert (done.code, done.err) == (0, f"guild: of run {A} on {remote} {left}\n")
    assert (moved_there / "new").exists()


def test_a_moved_run_whose_disk_is_not_mounted_is_left_as_it_is(
    guild: Guild, remote: str, there: Path, elsewhere: Path
) -> None:
    for run_id in (A, B):
        write_run(there, run_id)
    (guild.home / "runs").mkdir(parents=True)
    (guild.home / "runs" / A).symlink_to(elsewhere)
    done = guild("pull", remote, "-y")
    assert done.code == 4
    assert done.err.count("\n") == 1
    assert "its directory is a link to" in done.err
    assert "which is not there" in done.err
    assert os.readlink(guild.home / "runs" / A) == str(elsewhere)
    assert guild.status(B) == "completed"


@pytest.mark.parametrize("what", ["pull", "sync"])
def test_a_link_to_another_run_in_a_runs_place_is_not_followed(
    guild: Guild, remote: str, there: Path, what: str
) -> None:
    write_run(there, A)
    other = write_run(guild.home, B)
    (guild.home / "runs" / A).symlink_to(B)
    before = sorted(os.listdir(other / ".guild"))
    done = guild("pull", remote, A, "-y")
    assert done.code == 4
    assert "in its place is a link to another run, which guild does not follow" in done.err
    assert sorted(os.listdir(other / ".guild")) == before


RSYNC = """#!/bin/sh
# As if the sender had sent a link in place of a folder, which rsync makes where it may delete.
[ "$1" = --version ] && exec {real} "$@"
{real} "$@"
code=$?
rm -rf "{place}"
ln -s "{target}" "{place}"
exit $code
"""


@pytest.mark.parametrize("name", ["", "/.guild", "/.guild/attrs"])
def test_a_link_that_a_remote_brings_for_a_run_or_guilds_own_files_in_it_is_refused(
    guild: Guild, remote: str, there: Path, tmp_path: Path, name: str
) -> None:
    other = write_run(guild.home, B)
    (other / ".guild/LOCK.remote").write_text("elsewhere\n")
    before = {p: p.read_bytes() for p in other.rglob("*") if p.is_file()}
    write_run(there, A)
    place = guild.home / "runs" / A
    target = os.path.relpath(f"{other}{name}", f"{place}{name}/..")
    guild.ok("runs", "-r", remote)  # the agent is there
    real = shutil.which("rsync", path=guild.env["PATH"])
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/rsync"
    program.write_text(RSYNC.format(real=real, place=f"{place}{name}", target=target))
    program.chmod(0o755)
    evil = Guild(guild.folder, {**guild.env, "PATH": f"{tmp_path / 'bin'}:{guild.env['PATH']}"})
    done = evil("pull", remote, A, "-y")
    assert done.code == 4
    assert len(done.err.splitlines()) == 1
    assert " link" in done.err
    assert not place.is_symlink()
    assert guild.status(A) == f"running ({remote})"
    for words in ("label -s evil", "tag -a evil", "mark", "comment -a evil"):
        command, *options = words.split()
        guild(command, A, *options, "-y")
    assert {p: p.read_bytes() for p in other.rglob("*") if p.is_file()} == before
    if name != "/.guild/attrs":
        guild.ok("sync", A)
        assert guild.status(A) == "completed"
        output = Path(".guild/output")
        assert (place / output).read_text() == (there / "runs" / A / output).read_text()
