"""A power cut: what a disk holds at a moment, and what the next command makes of it.

The guild home is on an ext4 file system in a file. What of it is in that file is what would be
on a disk, and all else is in memory; so a copy of the file is what a power cut would leave.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from comparing import differences, faults, whole_or_marked
from faults import change_a_byte, end_run, held, write_run
from rundirs import state
from support import Guild, Server, keep_nothing_free

from guild_sync.agent.copies import marks
from guild_sync.agent.store import locks, rundir

RUNS = [f"{number:032x}" for number in range(1, 4)]
A = RUNS[0]
SIZES = (300_000, 1_000, 0)
# ext4 writes its journal every few seconds, and the data of new files much later: that is when a
# cut does harm. An fsync of any new file writes the journal at once. argv: the folder, the file.
CUT = """
import os, shutil, sys
name = os.urandom(8).hex()
os.fsync(os.open(os.path.join(sys.argv[1], "probe-" + name), os.O_WRONLY | os.O_CREAT))
shutil.copyfile(sys.argv[2], sys.argv[2] + "." + name)
"""


class Disk:
    """An ext4 file system in a file, mounted at a folder."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder = folder
        self.file = file

    def cut(self) -> None:
        """Take down what a power cut would leave just now, with the journal written out."""
        subprocess.run([sys.executable, "-c", CUT, self.folder, self.file], check=True)

    def left(self) -> Iterator[Path]:
        """What the cuts have left, mounted one after the other, the first cut first."""
        cuts = sorted(self.file.parent.glob(self.file.name + ".*"), key=lambda p: p.stat().st_mtime)
        for number, file in enumerate(cuts):
            folder = self.folder.with_name(f"{self.folder.name}-{number}")
            with mounted(file, folder):
                yield folder


@contextmanager
def mounted(file: Path, folder: Path, options: str = "auto_da_alloc") -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    # Nothing is to be written before guild asks for it.
    argv = ["mount", "-t", "ext4", "-o", f"loop,commit=600,{options}", str(file), str(folder)]
    if os.getuid() != 0 or subprocess.run(argv, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a disk, and not everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def disk(folder: Path, options: str = "auto_da_alloc") -> Iterator[Disk]:
    """A disk at the folder, mounted with these options, by default as ext4 is anyway."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    file = folder.with_name(folder.name + ".img")
    with open(file, "wb") as f:
        f.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-b", "1024", str(file)], check=True)
    with mounted(file, folder, options):
        yield Disk(folder, file)


@pytest.fixture
def here(guild: Guild) -> Iterator[Disk]:
    """The disk that the guild home here is on."""
    with disk(guild.home) as found:
        keep_nothing_free(guild)
        yield found


def rsync_that_is_cut(folder: Path, disk: Disk, env: dict[str, str]) -> None:
    """Have the disk be cut before and after each copy, by an rsync that is first on PATH."""
    real = shutil.which("rsync", path=env["PATH"])
    assert real is not None
    folder.mkdir()
    cut = shlex.join([sys.executable, "-c", CUT, str(disk.folder), str(disk.file)])
    asked = f'[ "$1" = --version ] && exec {real} "$@"'
    text = f'#!/bin/sh\n{asked}\n{cut}\n{real} "$@"\ncode=$?\n{cut}\nexit $code\n'
    (folder / "rsync").write_text(text)
    (folder / "rsync").chmod(0o755)
    env["PATH"] = f"{folder}{os.pathsep}{env['PATH']}"


def test_a_run_whose_mark_is_gone_is_on_the_disk_after_a_sync(
    guild: Guild, remote: str, there: Path, here: Disk, tmp_path: Path
) -> None:
    for run_id in RUNS:
        write_run(there, run_id, sizes=SIZES, ended=False)
    fds = [locks.hold(str(there / "runs" / run_id / ".guild")) for run_id in RUNS]
    guild.ok("pull", remote, "-y")
    here.cut()
    for run_id, fd in zip(RUNS, fds, strict=True):
        assert fd is not None
        locks.release(str(there / "runs" / run_id / ".guild"), fd)
        end_run(there / "runs" / run_id)
        (there / "runs" / run_id / "result").write_text("result")
    rsync_that_is_cut(tmp_path / "bin", here, guild.env)
    guild.ok("sync")
    here.cut()
    seen = []
    for home in here.left():
        assert whole_or_marked(home, there) == []
        seen += [rundir.status(str(home / "runs" / A)).text]
        assert rundir.status(str(home / "runs" / A)).remote in (None, remote)
        again = Guild(guild.folder, {**guild.env, "GUILD_HOME": str(home)})
        again.ok("sync")
        assert faults(home, there, remote) == []
        assert differences(home / "runs" / A, there / "runs" / A) == []
    assert seen == ["running", "running", "running", "completed"]


def test_a_pulled_run_that_has_ended_is_on_the_disk(
    guild: Guild, remote: str, there: Path, here: Disk, tmp_path: Path
) -> None:
    for run_id in RUNS:
        write_run(there, run_id, sizes=SIZES)
    rsync_that_is_cut(tmp_path / "bin", here, guild.env)
    guild.ok("pull", remote, "-y")
    here.cut()
    completed = 0
    for home in here.left():
        assert whole_or_marked(home, there) == []
        for run_id in RUNS:
            now = rundir.status(str(home / "runs" / run_id))
            completed += now == rundir.Status("completed")
            assert now.remote in (None, remote), "the mark came before the first byte"
    assert completed == len(RUNS)


@pytest.mark.parametrize("words", [("pull", "--verify", "-y"), ("sync", "--verify")])
def test_a_mend_leaves_each_file_as_it_was_or_mended(
    guild: Guild, remote: str, there: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """On a file system, too, where a rename may be on the disk before what is in the file."""
    for run_id in RUNS:
        write_run(there, run_id, sizes=SIZES)
    with disk(guild.home, "noauto_da_alloc") as here:
        keep_nothing_free(guild)
        guild.ok("pull", remote, "-y")
        for run_id in RUNS:
            change_a_byte(guild.home / "runs" / run_id / "file-0")
        os.sync()
        before = {i: (guild.home / "runs" / i / "file-0").read_bytes() for i in RUNS}
        rsync_that_is_cut(tmp_path / "bin", here, guild.env)
        guild.ok(words[0], *([remote] if words[0] == "pull" else []), *words[1:])
        here.cut()
        assert faults(guild.home, there, remote) == []
        for home in here.left():
            for run_id in RUNS:
                run = home / "runs" / run_id
                assert rundir.status(str(run)) == rundir.Status("completed")
                found = (run / "file-0").read_bytes()
                mended = (there / "runs" / run_id / "file-0").read_bytes()
                assert found in (before[run_id], mended), f"{len(found)} bytes"
                assert (run / "file-1").stat().st_size == SIZES[1]
        assert found == mended


def test_a_pushed_run_is_on_the_disk_there_before_its_mark_goes(
    guild: Guild, remote: str, there: Path
) -> None:
    write_run(guild.home, A, sizes=SIZES)
    with disk(there) as far:
        guild.ok("push", remote, A, "-y")
        far.cut()
        for home in far.left():
            assert rundir.status(str(home / "runs" / A)) == rundir.Status("completed")
            assert differences(home / "runs" / A, guild.home / "runs" / A) == []


def test_what_is_written_of_a_run_is_on_the_disk(guild: Guild, here: Disk) -> None:
    write_run(guild.home, A)
    os.sync()
    guild.ok("label", A, "-s", "mine", "-y")
    staged = guild.ok("run", "op", "--stage", "-y").lines[-2].split()[-1]
    made = "import pathlib; pathlib.Path('made').write_text('x' * 300_000); print('made')"
    guild.folder.joinpath("make.py").write_text(made)
    guild.ok("run", "make.py", "-y")
    (ended,) = json.loads(guild.ok("runs", "-Fo", "make.py", "--json").out)
    here.cut()
    for home in here.left():
        assert rundir.read_attr(str(home / "runs" / A), "label") == "mine"
        run = home / "runs" / staged
        assert rundir.status(str(run)) == rundir.Status("staged")
        empty = [p.name for p in (run / ".guild/attrs").iterdir() if p.stat().st_size == 0]
        assert empty == []
        assert (run / ".guild/job.json").stat().st_size
        run = home / "runs" / ended["id"]
        assert rundir.status(str(run)) == rundir.Status("completed")
        assert (run / ".guild/output").read_text() == "made\n"
        assert (run / "made").stat().st_size == 300_000
        assert (run / "made").read_text() == "x" * 300_000
        assert (home / "runs/.home-id").stat().st_size


def test_what_is_known_of_a_remote_and_the_events_for_hooks_are_on_the_disk(
    guild: Guild, remote: str, there: Path, here: Disk
) -> None:
    write_run(there, A)
    guild.config.write_text(
        guild.config.read_text() + "hooks:\n- {on: completed, command: 'exit 1'}\n"
    )
    marks.begin(str(guild.home), {A: state("running")}, remote)
    shutil.rmtree(guild.home / "runs" / f".incoming-{os.getpid()}", ignore_errors=True)
    guild("sync")
    here.cut()
    for home in here.left():
        for path in (*(home / "remotes").iterdir(), *(home / "hooks").glob("*.json")):
            assert path.stat().st_size
        assert list((home / "remotes").iterdir()) != []
        assert list((home / "hooks").glob(f"*{A}*")) != []


def test_an_agent_that_was_sent_is_on_the_disk(guild: Guild, sshd: Server, there: Path) -> None:
    with disk(there) as far:
        guild.configure(far=sshd.keys(there))
        guild.ok("runs", "-r", "far")
        far.cut()
        for home in far.left():
            (agent,) = [path for path in (home / "agent").iterdir() if path.name[0] != "."]
            sent = there / "agent" / agent.name
            for path in sent.rglob("*.py"):
                copy = agent / path.relative_to(sent)
                assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "name", ["LOCK.remote", "attrs/exit_status", "attrs/stopped", "attrs/started", "attrs/label"]
)
def test_what_an_earlier_cut_has_left_empty_is_mended_by_the_next_sync(
    guild: Guild, remote: str, there: Path, name: str
) -> None:
    run = write_run(there, A, sizes=SIZES, ended=False)
    rundir.write_attr(str(run), "label", "theirs")
    with held(run):
        guild.ok("pull", remote, A, "-y")
        guild.ok("sync")
        is_open = name in ("LOCK.remote", "attrs/label")
        if is_open:  # else of a run that is over here
            (guild.home / "runs" / A / ".guild" / name).write_text("")
            guild.ok("sync")
            assert guild.status(A) == f"running ({remote})"
            assert rundir.read_attr(str(guild.home / "runs" / A), "label") == "theirs"
    end_run(run)
    guild.ok("sync")
    if not is_open:
        (guild.home / "runs" / A / ".guild" / name).write_text("")
        guild.ok("sync")
    assert guild.status(A) == "completed"
    assert faults(guild.home, there, remote) == []
