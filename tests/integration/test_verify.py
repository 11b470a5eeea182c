"""Copies held against their remotes' runs, byte for byte, and mended where they differ."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from comparing import faults
from faults import RUNS, change_a_byte, end_run, held, write_run
from support import Guild, Server
from test_unreadable import Bound, run_with
from test_unreadable import bound as bound

from guild_sync.output import formats


@pytest.fixture
def far(guild: Guild, far: str) -> str:
    """The remote whose runs have ended; they are all here."""
    guild.ok("pull", far, "-y")
    return far


def trees(*tops: Path) -> dict[str, tuple[object, ...]]:
    """All that there is below these folders: mode, times, content."""
    found: dict[str, tuple[object, ...]] = {}
    for top in tops:
        for path in [top, *top.rglob("*")]:
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else b""
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
            known = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            found[str(path)] = (*known, content)
    return found


def verdicts(guild: Guild, *words: str) -> dict[str, Any]:
    """What `guild verify --json` says of each run."""
    told: dict[str, Any] = json.loads(guild("verify", "--json", *words).out)
    return {run["run"]: run for run in told["runs"]}


def test_a_byte_that_changed_with_size_and_time_kept_is_found_and_mended(
    guild: Guild, there: Path, far: str
) -> None:
    sizes = [p.stat().st_size for i in RUNS for p in (there / "runs" / i).rglob("*") if p.is_file()]
    total = f"3 runs, {len(sizes)} files, {formats.size(sum(sizes))}"
    assert guild.ok("verify").lines == [
        "Verifying 3 runs of far",
        f"{total}: none differs",
    ]
    changed = guild.home / "runs" / RUNS[1] / "file-0"
    whole = (there / "runs" / RUNS[0] / "file-0").read_bytes()
    change_a_byte(changed, at=99_999)
    guild.ok("pull", far, "-y")
    (there / "runs" / ".home-id").unlink()  # which a pull and a sync make
    before = trees(guild.home, there / "runs")
    done = guild("verify")
    assert done.code == 4
    assert done.err == ""
    assert done.lines[-1] == f"{total}: 1 differs: {RUNS[1]}/file-0"
    assert trees(guild.home, there / "runs") == before, "nothing is written, on either side"

    mended = guild.ok("sync", "--verify")
    assert f"Copying {RUNS[1]}" in mended.lines
    assert f"Copying {RUNS[0]}" not in mended.lines, "these alone are copied"
    assert mended.lines[-1] == f"Mended {RUNS[1]}/file-0, as far has it"
    assert faults(guild.home, there, far) == []
    change_a_byte(changed)
    change_a_byte(guild.home / "runs" / RUNS[0] / ".guild/output")
    shown = guild("verify").lines
    assert shown[-3].endswith(": 2 differ:")
    assert sorted(shown[-2:]) == [f"  {RUNS[0]}/.guild/output", f"  {RUNS[1]}/file-0"]
    assert guild.ok("pull", far, RUNS[1], "--verify", "-y").lines[-1].startswith("Mended ")
    assert faults(guild.home, there, far) == [f"{RUNS[0]}: .guild/output differs"]
    assert guild.ok("sync", "--verify", RUNS[1]).lines[-1] == "Verifying 1 run of far"
    quiet = guild.ok("sync", "--verify", "--cron").lines
    assert quiet == [f"Mended {RUNS[0]}/.guild/output, as far has it"], "cron tells of it"
    # Of mends that were killed at their end:
    (guild.home / "runs" / ".incoming-4194304").mkdir()
    (guild.home / "runs" / RUNS[0] / f".guild/.LOCK.confirmed.{'1' * 16}.4194304").touch()
    assert guild.ok("sync", "--verify", "--cron").lines == []
    assert faults(guild.home, there, far) == []
    # Where what is here is right, a person mends the run there, as docs/syncing.md says.
    change_a_byte(there / "runs" / RUNS[0] / "file-0")
    (guild.home / "runs" / RUNS[0] / "file-0").touch()
    guild.ok("push", far, RUNS[0], "-y")
    assert guild.ok("verify").lines[-1] == f"{total}: none differs"
    assert (there / "runs" / RUNS[0] / "file-0").read_bytes() == whole


def test_what_is_no_difference(guild: Guild, sshd: Server, there: Path, far: str) -> None:
    here = guild.home / "runs"
    guild.ok("label", "-s", "mine", RUNS[0], "-y")
    guild.ok("tag", "-a", "good", RUNS[0], "-y")
    guild.ok("comment", "-a", "well", RUNS[0], "-y")
    guild.ok("mark", RUNS[0], "-y")
    (here / RUNS[0] / "notes.txt").write_text("of a person's, here alone")
    os.utime(here / RUNS[0] / "file-0", (1, 1))
    (here / RUNS[0] / "file-1").chmod(0o640)
    (there / "runs" / RUNS[0] / "__pycache__").mkdir()
    (there / "runs" / RUNS[0] / "__pycache__/x.pyc").touch()
    (there / "runs" / RUNS[0] / "out").symlink_to("/etc/hostname")
    for name in ("a.ckpt", "logs/b.ckpt", "logs/c.ckpt"):
        (there / "runs" / RUNS[0] / name).parent.mkdir(exist_ok=True)
        (there / "runs" / RUNS[0] / name).write_text(name)
    guild.ok("pull", far, RUNS[0], "--exclude", "*.ckpt", "-y")
    assert verdicts(guild)[RUNS[0]]["verdict"] == "same"
    assert verdicts(guild)[RUNS[0]]["left_out"] == ["a.ckpt", "logs/b.ckpt", "logs/c.ckpt"]
    guild.ok("verify")
    # What came is compared, whatever would be left out by now; what did not is left out still.
    guild.ok("pull", far, RUNS[0], "--exclude", "logs/*.ckpt", "-y")
    guild.configure(far=sshd.keys(there, pull={"exclude": ["a.ckpt", "d.ckpt"]}))
    (there / "runs" / RUNS[0] / "d.ckpt").touch()
    guild.ok("verify")
    change_a_byte(here / RUNS[0] / "a.ckpt")
    assert guild("verify").lines[-1].endswith(f"1 differs: {RUNS[0]}/a.ckpt")
    assert guild.ok("sync", "--verify").lines[-1] == f"Mended {RUNS[0]}/a.ckpt, as far has it"
    assert (here / RUNS[0] / "a.ckpt").read_text() == "a.ckpt"
    assert not (here / RUNS[0] / "d.ckpt").exists()
    assert not (here / RUNS[0] / "logs/b.ckpt").exists(), "what was left out on purpose stays so"
    guild.ok("pull", far, RUNS[0], "--all-files", "-y")
    (there / "runs" / RUNS[0] / "logs/e.ckpt").write_text("came after what is here of its folder")
    guild.ok("pull", far, RUNS[0], "--exclude", "logs", "-y")
    guild.ok("verify")
    change_a_byte(here / RUNS[0] / "logs/b.ckpt")
    assert guild("verify").lines[-1].endswith(f"1 differs: {RUNS[0]}/logs/b.ckpt")
    guild.ok("sync", "--verify")
    assert (here / RUNS[0] / "logs/b.ckpt").read_text() == "logs/b.ckpt"
    assert not (here / RUNS[0] / "logs/e.ckpt").exists()


def test_what_is_a_difference(guild: Guild, there: Path, far: str) -> None:
    one, other = there / "runs" / RUNS[0], guild.home / "runs" / RUNS[0]
    (one / "new").write_text("came after the end")
    (one / "odd\nname \\#012").touch()
    (one / "empty").mkdir()
    (one / "deep").mkdir()
    (one / "deep/file").touch()
    (one / "link").symlink_to("file-0")
    (other / "link").symlink_to("file-1")
    os.truncate(other / "file-0", 10)
    (one / "a file").touch()
    (other / "a file").mkdir()
    (other / "a file/of a person's").touch()
    # Two names of one file there, and two files here, of which the second differs.
    os.link(one / "file-1", one / "z-again")
    (other / "z-again").write_bytes((other / "file-1").read_bytes())
    os.utime(other / "z-again", ns=(0, (one / "file-1").stat().st_mtime_ns))
    change_a_byte(other / "z-again")
    found = verdicts(guild, RUNS[0])[RUNS[0]]
    names = ["a file", "deep/file", "empty/", "file-0", "link", "new", "odd\nname \\#012"]
    assert (found["verdict"], found["differing"]) == ("differs", [*names, "z-again"])
    # What is here alone is not removed, so it has to make way by a person's hand.
    blocked = guild("sync", "--verify")
    assert (blocked.code, "make way" in blocked.err) == (4, True)
    assert verdicts(guild, RUNS[0])[RUNS[0]]["differing"] == ["a file"]
    shutil.rmtree(other / "a file")
    assert guild.ok("sync", "--verify").code == 0
    guild.ok("verify")
    assert faults(guild.home, there, far) == []


def test_what_is_not_over_is_passed_over(guild: Guild, there: Path, far: str) -> None:
    guild.ok("run", "op", "sleep=0", "-y")  # made here, and no copy
    running = write_run(there, "f" * 32, ended=False)
    with held(running):
        guild.ok("pull", far, "f" * 32, "-y")
        (running / "more").write_text("of a run that goes on")
        for name in ("exit_status", "stopped"):  # started again there
            (there / "runs" / RUNS[0] / ".guild/attrs" / name).unlink()
        with held(there / "runs" / RUNS[0]):
            done = guild.ok("verify")
    assert f"Passed over {'f' * 32}: it is running (far)" in done.lines
    assert f"Passed over {RUNS[0]}: it is running (far)" in done.lines
    assert done.lines[-1].startswith("2 runs, ")
    assert done.lines[-1].endswith(": none differs")
    end_run(running)  # of which nobody here knows yet
    assert guild.ok("verify", "f" * 32).lines[1:] == [
        f"Passed over {'f' * 32}: it is running (far)",
        "Nothing was compared.",
    ]


def test_a_run_that_is_started_again_meanwhile_is_not_taken_for_one_that_differs(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path
) -> None:
    attrs = there / "runs" / RUNS[0] / ".guild/attrs"
    restarts = tmp_path / "restarts-rsync"
    restarts.write_text(f'#!/bin/sh\nrm -f {attrs}/stopped {attrs}/exit_status\nexec rsync "$@"\n')
    restarts.chmod(0o755)
    guild.configure(far={**sshd.keys(there), "rsync-path": str(restarts)})
    (guild.home / "runs" / RUNS[0] / "file-0").unlink()
    done = guild.ok("verify", RUNS[0])
    assert done.lines[1:] == [
        f"Passed over {RUNS[0]}: it changed while it was compared",
        "Nothing was compared.",
    ]


def test_what_was_synced_is_told_where_the_rest_cannot_be_verified(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path
) -> None:
    fails = tmp_path / "fails-rsync"  # where it is asked to compare, and copy nothing
    fails.write_text(
        '#!/bin/sh\nfor w; do case $w in -[!-]*n*) exit 12;; esac; done\nexec rsync "$@"\n'
    )
    fails.chmod(0o755)
    guild.configure(far={**sshd.keys(there), "rsync-path": str(fails)})
    (guild.home / "runs" / RUNS[0] / ".guild/LOCK.remote").write_text("far\n")
    done = guild("sync", "--verify", "--cron")
    assert done.code == 3
    assert done.lines == [f"{RUNS[0]} on far: running -> completed"]
    assert done.err.startswith("guild: the connection to remote 'far' was lost")


def test_several_remotes_each_with_its_own_fault(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path
) -> None:
    write_run(tmp_path / "other", "e" * 32, sizes=(10,))
    guild.configure(far=sshd.keys(there), other=sshd.keys(tmp_path / "other"))
    guild.ok("pull", "other", "-y")
    keys = {"far": sshd.keys(there), "other": {**sshd.keys(tmp_path / "other"), "port": 1}}
    guild.configure(**keys)
    (there / "runs" / RUNS[2]).rename(tmp_path / "gone")
    change_a_byte(guild.home / "runs" / RUNS[0] / "file-1")
    before = trees(guild.home)
    done = guild("verify")
    assert done.code == 4, "the highest counts"
    assert "Verifying 3 runs of far" in done.lines
    assert "Verifying 1 run of other" in done.lines
    assert f": 1 differs: {RUNS[0]}/file-1" in done.lines[-1]
    gone = f"guild: run {RUNS[2]} was not compared with far: it is not on far any more"
    assert gone in done.err
    assert "guild: cannot reach remote 'other'" in done.err
    assert trees(guild.home) == before
    assert guild("verify", "-r", "other").code == 3
    assert guild("verify", RUNS[2]).code == 1
    guild.configure(far=sshd.keys(there), other=sshd.keys(tmp_path / "other"))
    here_alone = write_run(guild.home, "f" * 32, sizes=(10,)).name
    for run_id, whose in (("e" * 32, ": it is a copy of other's"), (here_alone, "")):
        done = guild("verify", "-r", "far", run_id)
        what = f"guild: run {run_id} was not compared with far: it is not on far{whose}"
        assert (done.code, done.err.splitlines()) == (1, [what])
    guild.configure(**keys)
    (guild.home / "runs" / ("e" * 32)).rename(tmp_path / "not-here")
    mended = guild("sync", "--verify")
    assert (mended.code, mended.err) == (1, f"{gone}\n")
    assert mended.lines[-1] == f"Mended {RUNS[0]}/file-1, as far has it"
    (tmp_path / "not-here").rename(guild.home / "runs" / ("e" * 32))
    change_a_byte(guild.home / "runs" / RUNS[0] / "file-1")
    told = json.loads(guild("verify", "--json").out)
    assert (told["differing"], [failed["remote"] for failed in told["remotes"]]) == (1, ["other"])
    (there / "runs").rename(tmp_path / "unmounted")
    (there / "runs").mkdir()
    for words in (("verify", "-r", "far"), ("sync", "--verify", *RUNS)):
        empty = guild(*words)
        assert empty.code == 1
        assert "is empty, or another than before" in empty.err
        assert RUNS[0] not in empty.err, "no line for each"


def test_which_runs_are_meant(guild: Guild, sshd: Server, there: Path, far: str) -> None:
    own = write_run(guild.home, "d" * 32, sizes=(10,)).name
    assert [*verdicts(guild)] == RUNS[::-1], "all copies, and nothing else"
    assert [*verdicts(guild, "-r", far, "-Fo", "nothing")] == []
    assert [*verdicts(guild, RUNS[1], "--completed")] == [RUNS[1]]
    done = guild("verify", own)
    assert done.code == 1
    assert done.err.startswith(f"guild: run {own} is no copy of a remote's\n")
    guild.ok("push", far, own, "-y")
    assert guild.ok("verify", own, "-r", far).lines[-1].endswith(": none differs")
    change_a_byte(there / "runs" / own / "file-0")
    assert guild("verify", own, "-r", far).lines[-1].endswith(f": 1 differs: {own}/file-0")
    assert guild("verify", "-r", "nowhere").err.startswith("guild: remote 'nowhere' ")
    assert guild("verify", "--jobs", "0").code == 1
    for words in (("sync", "--verify", "--plan"), ("pull", far, "--verify", "--plan")):
        assert guild(*words).err.startswith("guild: --verify and --plan exclude each other")


def test_a_run_that_was_moved_is_compared_where_it_lies(
    guild: Guild, there: Path, far: str, tmp_path: Path
) -> None:
    (guild.home / "runs" / RUNS[0]).rename(tmp_path / "moved")
    (guild.home / "runs" / RUNS[0]).symlink_to(tmp_path / "moved")
    guild.ok("verify")
    change_a_byte(tmp_path / "moved" / "file-0")
    assert guild("verify").lines[-1].endswith(f"1 differs: {RUNS[0]}/file-0")
    guild.ok("sync", "--verify")
    guild.ok("verify")
    assert (guild.home / "runs" / RUNS[0]).is_symlink()


def test_what_may_not_be_read_is_not_taken_for_the_same(bound: Bound) -> None:
    run_id, there = run_with(bound, "echo x > f; echo y > g; mkdir d; echo z > d/e\n")
    bound.ok("pull", "box", run_id, "-y")
    bound.ok("verify")
    (there / "f").chmod(0)
    (there / "d").chmod(0)
    done = bound("verify")
    assert done.code == 4
    assert done.lines[-1].endswith(": none differs")
    assert done.err == (
        f"guild: run {run_id} was compared with box but for 2 files that are not readable there: "
        "d/ and others\n"
    )
    assert verdicts(bound)[run_id]["verdict"] == "not checked"
    (bound.home / "runs" / run_id / "f").chmod(0)  # at neither end: rsync takes it for the same
    assert bound("verify").err == (
        f"guild: run {run_id} was not compared with box: f may not be read here\n"
    )
    (bound.home / "runs" / run_id / "f").chmod(0o600)
    assert bound("sync", "--verify").code == 4
    assert (bound.home / "runs" / run_id / "f").read_text() == "x\n"
    for name in ("f", "d"):
        (there / name).chmod(0o700)
    change_a_byte(bound.home / "runs" / run_id / "d/e")
    assert bound.ok("sync", "--verify").lines[-1] == f"Mended {run_id}/d/e, as box has it"
    assert bound.status(run_id) == "completed"


def test_a_slow_disk_there_is_no_lost_connection(
    guild: Guild, sshd: Server, there: Path, far: str, tmp_path: Path
) -> None:
    """rsync sends nothing while it reads a file, be it longer than it may be silent else."""
    slow = tmp_path / "slow-rsync"
    slow.write_text('#!/bin/sh\nsleep 2.5\nexec rsync "$@"\n')
    slow.chmod(0o755)
    guild.configure(far={**sshd.keys(there), "rsync-path": str(slow), "timeout": 1})
    assert guild("pull", far, "-y").code == 3, "a copy waits no longer than that for a byte"
    with open(there / "runs" / RUNS[0] / "model", "wb") as file:
        file.truncate(60_000_000)
    assert guild("verify", RUNS[0]).lines[-1].endswith(f": 1 differs: {RUNS[0]}/model")
