"""Guild killed at any moment, a full disk, a home that is only read, clocks, a restart."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from comparing import differences, faults, whole_or_marked
from faults import (
    RUNS,
    SIZES,
    change_a_byte,
    check_after,
    check_between,
    end_run,
    forget,
    held,
    ids_of,
    lasting,
    mark,
    rng,
    write_run,
)
from packed import export, import_
from support import Guild, Place, Server, keep_nothing_free, wait_until

from guild_sync.agent.copies import expected
from guild_sync.agent.store import locks, rundir

pytestmark = pytest.mark.usefixtures("not_used_before")

# Of each command; 200 each passed once (docs/reliability.md).
KILLS = int(os.environ.get("FAULT_KILLS", "12"))


@pytest.fixture
def far(guild: Guild, far: str) -> str:
    """The remote whose runs have ended; the agent is there, and a disk here may be filled."""
    guild.ok("runs", "-r", far)
    keep_nothing_free(guild)
    return far


class Killed(NamedTuple):
    """A command that is killed: what comes before, what must hold after it, what mends it."""

    words: tuple[str, ...]
    prepare: Callable[[Guild, Path], None]
    between: Callable[[Guild, Path], list[str]]
    again: tuple[str, ...]
    after: Callable[[Guild, Path], list[str]]


def one_in_the_trash(guild: Guild, there: Path) -> None:
    forget(guild.home)
    shutil.rmtree(guild.home / "trash", ignore_errors=True)
    write_run(guild.home / "trash", RUNS[0], sizes=SIZES)


def marked_here(guild: Guild, there: Path) -> None:
    forget(guild.home)
    for run_id in RUNS:
        mark(guild.home, run_id, "far")


def marked_or_expected_here(guild: Guild, there: Path) -> None:
    forget(guild.home)
    mark(guild.home, RUNS[0], "far")
    for run_id in RUNS[1:]:
        expected.expect(str(guild.home), run_id, "far")
        expected.note_begun(str(guild.home), run_id)


def nothing_there(guild: Guild, there: Path) -> None:
    shutil.rmtree(there / "runs")
    for run_id in RUNS:
        if not (guild.home / "runs" / run_id).exists():
            write_run(guild.home, run_id, sizes=SIZES)


def all_here(guild: Guild, there: Path) -> None:
    for folder in ("runs", "trash"):
        shutil.rmtree(guild.home / folder, ignore_errors=True)
    for run_id in RUNS:
        write_run(guild.home, run_id, sizes=SIZES)


def all_in_the_trash(guild: Guild, there: Path) -> None:
    all_here(guild, there)
    (guild.home / "trash").mkdir()
    (guild.home / "runs").rename(guild.home / "trash" / "runs")


def whole(guild: Guild, there: Path) -> list[str]:
    return whole_or_marked(guild.home, there)


def as_there(guild: Guild, there: Path) -> list[str]:
    return faults(guild.home, there, "far")


def all_come(guild: Guild, there: Path) -> list[str]:
    lacking = ids_of(there) - ids_of(guild.home)
    waiting = [run["run"] for run in expected.expected(str(guild.home))]
    return [*as_there(guild, there), *lacking, *waiting]


def pushed_whole_or_marked(guild: Guild, there: Path) -> list[str]:
    return whole_or_marked(there, guild.home) if (there / "runs").exists() else []


def pushed(guild: Guild, there: Path) -> list[str]:
    found = [differences(there / "runs" / i, guild.home / "runs" / i) for i in RUNS]
    return [line for lines in found for line in lines]


def labels(guild: Guild) -> set[object]:
    attributes = [guild.home / "runs" / run_id / ".guild" / "attrs" for run_id in RUNS]
    assert all(
        rundir.is_attr_name(name.name) or name.name[0] == "."
        for a in attributes
        for name in a.iterdir()
    )
    return {rundir.read_attr(str(folder.parent.parent), "label") for folder in attributes}


def labelled_or_not(guild: Guild, there: Path) -> list[str]:
    return [f"the label is {found}" for found in labels(guild) - {None, "x" * 2000}]


def labelled(guild: Guild, there: Path) -> list[str]:
    shown = json.loads(guild.ok("info", RUNS[0], "--json").out)["attrs"]
    extra = [name for name in shown if "." in name]
    return [*extra, *(f"the label is {found}" for found in labels(guild) - {"x" * 2000})]


def here_or_in_the_trash(guild: Guild, there: Path) -> list[str]:
    found = []
    for run_id in RUNS:
        places = [guild.home / "runs" / run_id, guild.home / "trash" / "runs" / run_id]
        whole = [place for place in places if len(list(place.rglob("file-*"))) == len(SIZES)]
        found += [] if len(whole) == 1 else [f"{run_id} is in {whole}"]
    return found


def in_the_trash(guild: Guild, there: Path) -> list[str]:
    return [run_id for run_id in RUNS if (guild.home / "runs" / run_id).exists()]


def restored(guild: Guild, there: Path) -> list[str]:
    return [run_id for run_id in RUNS if not (guild.home / "runs" / run_id).exists()]


def archive_of_there(guild: Guild, there: Path) -> None:
    forget(guild.home)
    if not (guild.folder / "in.tar").exists():
        export(there, guild.folder / "in.tar", *RUNS)


def runs_to_export(guild: Guild, there: Path) -> None:
    for name in ("out.zip", "out"):
        place = guild.folder / name
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists():
            place.unlink()
    all_here(guild, there)


def whole_or_not_there(guild: Guild, there: Path) -> list[str]:
    """Each run is here as it is there, or not at all; and nothing else is listed."""
    here = {p.name for p in (guild.home / "runs").glob("[0-9a-f]*")}
    found = [differences(guild.home / "runs" / i, there / "runs" / i) for i in sorted(here)]
    return [line for lines in found for line in lines]


def all_imported(guild: Guild, there: Path) -> list[str]:
    lacking = [i for i in RUNS if not (guild.home / "runs" / i).exists()]
    hidden = [p.name for p in (guild.home / "runs").iterdir() if p.name.startswith(".inc")]
    return [*lacking, *hidden, *whole_or_not_there(guild, there)]


def an_archive_or_none(guild: Guild, there: Path) -> list[str]:
    path = guild.folder / "out.zip"
    return as_in_the_archive(guild) if path.exists() else []


def all_exported(guild: Guild, there: Path) -> list[str]:
    left = [p.name for p in guild.folder.glob(".guild-export*")]
    return [*left, *as_in_the_archive(guild)]


def as_in_the_archive(guild: Guild) -> list[str]:
    taken = guild.folder / "taken"
    shutil.rmtree(taken, ignore_errors=True)
    import_(taken, guild.folder / "out.zip", RUNS)
    found = [differences(taken / "runs" / i, guild.home / "runs" / i) for i in RUNS]
    return [line for lines in found for line in lines]


def here_or_in_the_archive(guild: Guild, there: Path) -> list[str]:
    found = []
    for run_id in RUNS:
        places = [guild.home / "runs" / run_id, guild.folder / "out" / run_id]
        whole = [place for place in places if len(list(place.rglob("file-*"))) == len(SIZES)]
        half = [place for place in places if place.exists() and place not in whole]
        found += [] if whole and not half else [f"{run_id} is whole in {whole}, not in {half}"]
    return found


def in_the_archive(guild: Guild, there: Path) -> list[str]:
    here = [i for i in RUNS if (guild.home / "runs" / i).exists()]
    return [*here, *here_or_in_the_archive(guild, there)]


EXPORT, IMPORT = ("export", "out.zip", "-y"), ("import", "in.tar", "-y")
MOVE = ("export", "out", "--move", "-y")


def altered_here(guild: Guild, there: Path) -> None:
    """All runs are here, each with a byte changed, of which size and time say nothing."""
    if not (guild.home / "runs" / RUNS[0]).exists():
        guild.ok("pull", "far", "-y")
    for run_id in RUNS:
        if not differences(guild.home / "runs" / run_id, there / "runs" / run_id):
            change_a_byte(guild.home / "runs" / run_id / "file-0")


def completed_and_no_worse(guild: Guild, there: Path) -> list[str]:
    """Each run is shown as it has ended, and has its files, that one as it was or mended."""
    found = []
    for run_id in RUNS:
        here = guild.home / "runs" / run_id
        status = rundir.status(str(here))
        found += [] if status == rundir.Status("completed") else [f"{run_id} is {status}"]
        worse = differences(here, there / "runs" / run_id)
        meant = rf"{run_id}: (file-0|\.guild/\.LOCK\S+) differs"  # and a mark that is half written
        found += [line for line in worse if not re.fullmatch(meant, line)]
        found += [] if (here / "file-0").stat().st_size == SIZES[0] else [f"{run_id} was cut"]
    return found


def all_home(guild: Guild, there: Path) -> None:
    """All runs are here and there, as if none had been deleted."""
    shutil.rmtree(there / "trash", ignore_errors=True)
    for run_id in RUNS:
        if not (there / "runs" / run_id).exists():
            shutil.copytree(guild.home / "runs" / run_id, there / "runs" / run_id)
            for mark in (there / "runs" / run_id / ".guild").glob("LOCK*"):
                mark.unlink()
    if not (guild.home / "runs" / RUNS[0]).exists():
        guild.ok("pull", "far", "-y")


def whole_here(guild: Guild, there: Path) -> list[str]:
    """What of the runs is not whole here, as its end says that it is; or not whole there."""
    return lasting(lambda: not_whole(guild, there))


def not_whole(guild: Guild, there: Path) -> list[str]:
    found = []
    for run_id in RUNS:
        here = guild.home / "runs" / run_id
        found += [] if rundir.status(str(here)) == rundir.Status("completed") else [run_id]
        places = (there / "runs" / run_id, there / "trash/runs" / run_id)
        whole = [place for place in places if place.exists()]
        found += [] if len(whole) == 1 else [f"{run_id} is in {whole}"]
        differing = [line for place in whole for line in differences(here, place)]
        found += [line for line in differing if "/.LOCK" not in line]  # a mark, half written
    return found


def gone_there(guild: Guild, there: Path) -> list[str]:
    left = [run_id for run_id in RUNS if (there / "runs" / run_id).exists()]
    half = [str(path) for path in guild.home.rglob(".guild/.LOCK.*")]
    return [*left, *half, *whole_here(guild, there)]


KILLED = {
    "clean": Killed(
        ("clean", "-r", "far", "-y"), all_home, whole_here, ("clean", "-r", "far", "-y"), gone_there
    ),
    "import": Killed(IMPORT, archive_of_there, whole_or_not_there, IMPORT, all_imported),
    "export": Killed(EXPORT, runs_to_export, an_archive_or_none, EXPORT, all_exported),
    "move": Killed(MOVE, runs_to_export, here_or_in_the_archive, MOVE, in_the_archive),
    "pull": Killed(
        ("pull", "far", "--deleted", "-y"),
        one_in_the_trash,
        whole,
        ("pull", "far", "--deleted", "-y"),
        all_come,
    ),
    "sync": Killed(("sync",), marked_or_expected_here, whole, ("sync",), all_come),
    "verify": Killed(
        ("sync", "--verify"), altered_here, completed_and_no_worse, ("sync", "--verify"), as_there
    ),
    "mend": Killed(
        ("pull", "far", "--verify", "-y"),
        altered_here,
        completed_and_no_worse,
        ("pull", "far", "--verify", "-y"),
        as_there,
    ),
    "push": Killed(
        ("push", "far", *RUNS, "-y"),
        nothing_there,
        pushed_whole_or_marked,
        ("push", "far", *RUNS, "-y"),
        pushed,
    ),
    "label": Killed(
        ("label", "-s", "x" * 2000, *RUNS, "-y"),
        all_here,
        labelled_or_not,
        ("label", "-s", "x" * 2000, *RUNS, "-y"),
        labelled,
    ),
    "rm": Killed(("rm", "-y"), all_here, here_or_in_the_trash, ("rm", "-y"), in_the_trash),
    "restore": Killed(
        ("restore", "-y"), all_in_the_trash, here_or_in_the_trash, ("restore", "-y"), restored
    ),
}


@pytest.mark.parametrize("name", KILLED)
def test_a_command_that_is_killed_at_any_moment(
    guild: Guild, there: Path, far: str, name: str
) -> None:
    killed, random = KILLED[name], rng(name)
    killed.prepare(guild, there)
    began = time.monotonic()
    guild.ok(*killed.words)
    duration = time.monotonic() - began
    ended = 0
    for _ in range(KILLS):
        killed.prepare(guild, there)
        process = guild.popen(*killed.words)
        try:
            process.wait(random.uniform(0, duration))
            ended += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert killed.between(guild, there) == []
        done = guild(*killed.again)
        if name in ("rm", "restore") and done.code == 1:
            assert "no runs" in done.err.lower() or "could not find" in done.err, done
        else:
            assert (done.code, done.err) == (0, "")
        assert killed.after(guild, there) == []
    print(f"{KILLS - ended} of {KILLS} were killed before they had ended")


def test_a_start_on_a_remote_that_is_killed_at_any_moment(
    guild: Guild, there: Path, far: str
) -> None:
    """Each run there waits or has ended, and a sync brings it home; nothing else is expected.

    What waits for its dead guild can be removed.
    """
    random = rng("run")
    place = Place(guild, there, far)
    words = ("run", "op", "sleep=0", "-r", far, "--no-wait", "-y")
    began = time.monotonic()
    guild.ok(*words)
    duration = time.monotonic() - began
    for _ in range(KILLS):
        process = guild.popen(*words)
        try:
            process.wait(random.uniform(0, duration))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def statuses() -> dict[str, str]:
        return {
            row["id"]: row["status"] for row in json.loads(place.ok("runs", "-a", "--json").out)
        }

    wait_until(lambda: "running" not in statuses().values(), "the end of all runs")
    found = statuses()
    assert set(found.values()) <= {"pending", "completed"}, found
    for path in (guild.home / "expected").iterdir():  # as if a minute had passed
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "time": record["time"] - 60_000_000}))
    guild.ok("sync")
    here = {row["id"]: row["status"] for row in json.loads(guild.ok("runs", "-a", "--json").out)}
    assert here == {i: status for i, status in found.items() if i not in RUNS}
    assert list((guild.home / "expected").iterdir()) == []
    guild.ok("pull", far, "-y")
    assert faults(guild.home, there, far) == []
    waiting = [run_id for run_id, status in found.items() if status == "pending"]
    if waiting:
        place.ok("rm", *waiting, "-y")
        guild.ok("rm", *waiting, "-y")
    assert faults(guild.home, there, far) == []
    print(f"{len(waiting)} of {KILLS} were left pending")


# Disks.


@contextmanager
def disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of that size, mounted at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(argv, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("only root can mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    ("limit", "code", "said"),
    [("2m", 4, "no room: "), ("64m,nr_inodes=40", 1, "is full|No space left")],
)
def test_a_disk_here_that_is_full(
    guild: Guild, there: Path, far: str, limit: str, code: int, said: str
) -> None:
    for run_id in RUNS:
        (there / "runs" / run_id / "large").write_bytes(os.urandom(1_000_000))
    with disk(guild.home, limit):
        marked_here(guild, there)
        done = guild("sync")
        check_between(guild, there, done)
        assert done.code == code
        assert re.search(said, done.err), done.err
        larger = "remount,size=64m,nr_inodes=4000"
        subprocess.run(["mount", "-o", larger, str(guild.home)], check=True)
        check_after(guild, there, far)


def test_a_disk_there_that_is_full(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    there = tmp_path / "disk"
    for run_id in RUNS:
        write_run(guild.home, run_id, sizes=(2_000_000,))
    guild.configure(far=sshd.keys(there))
    with disk(there, "4m"):  # the agent has the half of it
        done = guild("push", "far", "-y")
        assert done.code == 1
        assert "the disk on remote 'far' is full" in done.err
        assert whole_or_marked(there, guild.home) == []
        subprocess.run(["mount", "-o", "remount,size=64m", str(there)], check=True)
        guild.ok("push", "far", "-y")
        assert pushed(guild, there) == []


def test_a_guild_home_that_can_only_be_read(guild: Guild, there: Path, far: str) -> None:
    with disk(guild.home, "64m"):
        marked_here(guild, there)
        subprocess.run(["mount", "-o", "remount,ro", str(guild.home)], check=True)
        for words in (("sync",), ("pull", far, "-y"), ("label", "-s", "x", "1", "-y")):
            done = guild(*words)
            assert done.code in (1, 4), done
            assert "Read-only file system" in done.err
            assert "internal error" not in done.err
        assert guild.ok("runs").lines
        subprocess.run(["mount", "-o", "remount,rw", str(guild.home)], check=True)
        check_after(guild, there, far)


# Many at once.


@pytest.mark.parametrize("count", [2, 10])
def test_several_syncs_and_pulls_at_once(guild: Guild, there: Path, far: str, count: int) -> None:
    for _ in range(3):
        marked_here(guild, there)
        words = [("sync",) if number % 2 else ("pull", far, "-y") for number in range(count)]
        working = [guild.popen(*each) for each in words]
        said = [each.communicate(timeout=120)[0].decode() for each in working]
        assert [each.returncode for each in working] == [0] * count, said
        check_after(guild, there, far)


# Clocks, and a restart of the machine.


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("side", ["here", "there"])
def test_a_clock_that_is_an_hour_off(
    guild: Guild, sshd: Server, there: Path, far: str, hours: int, side: str
) -> None:
    program = shutil.which("faketime")
    if program is None:
        pytest.skip("there is no faketime here")
    running = write_run(there, "a" * 32, ended=False)
    offset = f"{hours:+d}h"
    if side == "there":
        python = there.parent / "python"
        variables = "DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1"
        python.write_text(f'#!/bin/sh\nexec env {variables} {program} -f {offset} python3 "$@"\n')
        python.chmod(0o755)
        guild.configure(far=sshd.keys(there, python=str(python)))
    marked_here(guild, there)
    mark(guild.home, "a" * 32, far)
    argv = [program, "-f", offset] if side == "here" else []

    def sync() -> None:
        command = [*argv, *guild.argv("guild-sync")]
        # What measures time spans is not off, wherever the clock is.
        env = {**guild.env, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        done = subprocess.run(command, env=env, cwd=guild.folder, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")

    with held(running):
        sync()
        assert guild.status("a" * 32) == f"running ({far})"
        (running / "more").write_text("x")
        sync()
        assert (guild.home / "runs" / ("a" * 32) / "more").exists()
    end_run(running)
    sync()
    assert guild.status("a" * 32) == "completed"
    assert faults(guild.home, there, far) == []
    shutil.rmtree(there / "runs" / RUNS[0])
    mark(guild.home, RUNS[0], far)
    for _ in range(2):
        assert guild("sync").code == 1, "it is not lost at once, whatever the clock says"
    assert guild.status(RUNS[0]) == f"running ({far})"


def test_locks_of_another_boot_hold_nothing(guild: Guild, there: Path, far: str) -> None:
    """The pid in them is that of a live process, as it may be after a restart."""
    run = write_run(guild.home, "a" * 32, ended=False)
    (run / ".guild" / "LOCK").write_text(f"{os.getpid()}\n")
    record = {
        "pid": os.getpid(),
        "start": locks.start_time(os.getpid()),
        "boot": "00000000-0000-0000-0000-000000000000",
        "host": os.uname().nodename,
        "flock": False,
    }
    (run / ".guild" / "LOCK.owner").write_text(json.dumps(record))
    assert guild.status("a" * 32) == "error"
    (guild.home / "locks").mkdir()
    marked_here_too = guild.popen("sync")
    assert marked_here_too.wait(60) == 0
    guild.ok("rm", "a" * 32, "-y")
    process = guild.popen("pull", far, "-y")
    process.send_signal(signal.SIGKILL)
    process.wait()
    check_after(guild, there, far, "pull", far, "-y")
