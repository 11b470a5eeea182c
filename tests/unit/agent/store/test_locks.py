"""A lock is held for as long as its process lives, and looking at it changes nothing."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.facts.telling import Untold
from guild_sync.agent.store import atomic, identity, locks

HOLDER = """
import sys
from guild_sync.agent.store import locks
{before}
fd = locks.hold(sys.argv[1])
print(fd, flush=True)
sys.stdin.read()
if fd is not None:
    locks.release(sys.argv[1], fd)
"""
PROJECT = Path(locks.__file__).parents[3]
NO_FLOCK = "locks._flock = lambda fd, how: None"

Holder = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def guild(tmp_path: Path) -> str:
    """A run's .guild folder."""
    folder = tmp_path / "run" / ".guild"
    folder.mkdir(parents=True)
    return str(folder)


@pytest.fixture
def holder(guild: str) -> Iterator[Holder]:
    """Starts another process that takes the lock, and returns once it has, or has not."""
    children = []

    def start(before: str = "") -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(before=before), guild],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without flock, as this process sees it."""
    monkeypatch.setattr(locks, "_flock", lambda fd, how: None)


def write_record(guild: str, **changes: Any) -> None:
    """A lock of this very process, without flock, with these changes."""
    record = {**identity.of(os.getpid())._asdict(), "flock": False, **changes}
    Path(guild, "LOCK").write_text(f"{record['pid']}\n")
    Path(guild, "LOCK").chmod(0o600)
    Path(guild, "LOCK.owner").write_text(json.dumps(record))


def started_long_ago() -> int:
    """A process that is older than anything that a test writes."""
    return os.getppid()


# With flock.


def test_a_free_lock_is_taken_and_names_its_process(guild: str) -> None:
    fd = locks.hold(guild)
    assert fd is not None
    assert Path(guild, "LOCK").read_text() == f"{os.getpid()}\n"
    locks.release(guild, fd)


def test_a_lock_of_a_live_process_is_held_by_it(guild: str, holder: Holder) -> None:
    assert locks.holder(guild) is None
    child = holder()
    assert locks.holder(guild) == child.pid


def test_a_held_lock_is_not_taken(guild: str, holder: Holder) -> None:
    child = holder()
    assert locks.hold(guild) is None
    assert locks.holder(guild) == child.pid
    assert Path(guild, "LOCK").read_text() == f"{child.pid}\n"


def test_a_lock_that_is_given_back_leaves_nothing(guild: str, holder: Holder) -> None:
    child = holder()
    child.communicate()
    assert locks.holder(guild) is None
    assert os.listdir(guild) == []


def test_a_killed_process_holds_no_lock(guild: str, holder: Holder) -> None:
    child = holder()
    child.kill()
    child.wait()
    assert locks.holder(guild) is None
    assert Path(guild, "LOCK").exists()  # it had no time to remove it


def test_a_stopped_process_holds_its_lock(guild: str, holder: Holder) -> None:
    child = holder()
    child.send_signal(signal.SIGSTOP)
    assert locks.holder(guild) == child.pid


def test_a_lock_that_a_killed_process_left_is_taken(guild: str, holder: Holder) -> None:
    child = holder()
    child.kill()
    child.wait()
    Path(guild, "LOCK").write_text("2147483647\n")  # a longer number than the next
    fd = locks.hold(guild)
    assert fd is not None
    assert Path(guild, "LOCK").read_text() == f"{os.getpid()}\n"
    locks.release(guild, fd)


def test_of_several_that_want_a_lock_one_gets_it(guild: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(before=""), guild],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    said = [child.stdout.readline() for child in children if child.stdout is not None]
    for child in children:
        child.communicate()
    assert sorted(word == b"None\n" for word in said) == [False] + [True] * 7


def test_a_look_changes_neither_file_nor_lock(guild: str, holder: Holder) -> None:
    child = holder()
    before = {
        name: (Path(guild, name).read_bytes(), Path(guild, name).stat().st_mtime_ns)
        for name in os.listdir(guild)
    }
    for _ in range(50):
        assert locks.holder(guild) == child.pid
    assert {
        name: (Path(guild, name).read_bytes(), Path(guild, name).stat().st_mtime_ns)
        for name in os.listdir(guild)
    } == before


def test_looks_from_elsewhere_do_not_keep_a_lock_from_being_taken(guild: str) -> None:
    Path(guild, "LOCK").touch()
    prober = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys\nfrom guild_sync.agent.store import locks\nprint('go', flush=True)\n"
            "while True: locks.holder(sys.argv[1])",
            guild,
        ],
        stdout=subprocess.PIPE,
    )
    assert prober.stdout is not None
    prober.stdout.readline()
    try:
        for _ in range(30):
            fd = locks.hold(guild)
            assert fd is not None
            locks.release(guild, fd)
    finally:
        prober.kill()
        prober.communicate()


def test_a_record_of_flock_that_nobody_holds_is_dead_whatever_else_it_says(guild: str) -> None:
    write_record(guild, flock=True)  # this very process: it lives, and holds no flock
    assert locks.holder(guild) is None


def test_no_lock_is_held_by_none(guild: str, tmp_path: Path) -> None:
    assert locks.holder(guild) is None
    assert locks.holder(str(tmp_path / "gone")) is None


@pytest.mark.parametrize("record", ["", "[]", "null", "{", '{"pid": 1}', "\xff"])
def test_a_broken_record_is_none(guild: str, record: str, holder: Holder) -> None:
    child = holder()
    Path(guild, "LOCK.owner").write_text(record)
    assert locks.holder(guild) == child.pid
    child.kill()
    child.wait()
    assert locks.holder(guild) is None


# A lock that Guild AI 0.9 wrote: a pid, and nothing else.


def test_a_lock_with_only_a_pid_is_held_by_a_process_that_is_older(guild: str) -> None:
    Path(guild, "LOCK").write_text(str(started_long_ago()))
    assert locks.holder(guild) == started_long_ago()


def test_a_lock_with_only_a_pid_is_not_held_by_a_process_that_is_younger(guild: str) -> None:
    lock = Path(guild, "LOCK")
    lock.write_text(str(os.getpid()))
    os.utime(lock, (time.time() - 10**6,) * 2)
    assert locks.holder(guild) is None


def test_a_lock_with_only_a_pid_of_nobody_is_not_held(guild: str) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    Path(guild, "LOCK").write_text(str(child.pid))
    assert locks.holder(guild) is None


def test_a_zombie_holds_no_lock(guild: str) -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    Path(guild, "LOCK").write_text(str(child.pid))
    assert locks.holder(guild) is None
    child.wait()


def test_a_lock_of_guild_ai_that_is_held_is_not_taken_away(guild: str, no_flock: None) -> None:
    Path(guild, "LOCK").write_text(str(started_long_ago()))
    assert locks.hold(guild) is None


def test_a_lock_of_guild_ai_that_is_held_is_not_taken_away_with_flock_either(guild: str) -> None:
    Path(guild, "LOCK").write_text(str(started_long_ago()))
    fd = locks.hold(guild)
    try:
        assert fd is None
    finally:
        if fd is not None:
            locks.release(guild, fd)


# Without flock: the record decides.


def test_without_flock_a_live_process_holds_its_lock(
    guild: str, holder: Holder, no_flock: None
) -> None:
    child = holder(NO_FLOCK)
    assert locks.holder(guild) == child.pid
    assert locks.hold(guild) is None


def test_without_flock_a_killed_process_holds_none(
    guild: str, holder: Holder, no_flock: None
) -> None:
    child = holder(NO_FLOCK)
    child.kill()
    child.wait()
    assert locks.holder(guild) is None
    fd = locks.hold(guild)
    assert fd is not None
    locks.release(guild, fd)


def test_without_flock_the_lock_of_this_very_process_is_held(guild: str, no_flock: None) -> None:
    write_record(guild)
    assert locks.holder(guild) == os.getpid()


@pytest.mark.parametrize("change", [{"start": 1}, {"boot": "another"}, {"start": None}])
def test_without_flock_a_reused_pid_holds_no_lock(
    guild: str, no_flock: None, change: dict[str, Any]
) -> None:
    write_record(guild, **change)
    assert locks.holder(guild) is None


def test_without_flock_another_machines_word_stands(guild: str, no_flock: None) -> None:
    write_record(guild, host="another", start=1, boot="another")
    assert locks.held_by(guild) == locks.Holder(0, "another")


def test_a_record_of_another_pid_is_not_this_locks(guild: str, no_flock: None) -> None:
    write_record(guild, pid=started_long_ago())
    Path(guild, "LOCK").write_text(f"{os.getpid()}\n")
    os.utime(Path(guild, "LOCK"), (0, 0))
    assert locks.holder(guild) is None


def test_the_record_names_process_boot_and_machine(guild: str) -> None:
    fd = locks.hold(guild)
    assert fd is not None
    record = json.loads(Path(guild, "LOCK.owner").read_text())
    locks.release(guild, fd)
    assert record == {
        "pid": os.getpid(),
        "start": locks.start_time(os.getpid()),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "host": socket.gethostname(),
        "namespace": os.stat("/proc/self/ns/pid").st_ino,
        "flock": True,
    }


# What they rest on.


def test_the_start_of_a_process_is_told_whatever_its_name_is(tmp_path: Path) -> None:
    program = tmp_path / ") R 1 2 3"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(program), "60"])
    try:
        start = locks.start_time(child.pid)
        own = locks.start_time(os.getpid())
        assert start is not None
        assert own is not None
        assert start >= own
    finally:
        child.kill()
        child.wait()
    assert locks.start_time(child.pid) is None


STRANGER = """
import encodings.ascii, json, os, sys  # before it is a user who may not read this Python
sys.path.insert(0, sys.argv[2])
from guild_sync.agent.store import locks
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open(sys.argv[1] + "/LOCK")
except PermissionError:
    print(locks.holder(sys.argv[1]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_who_may_not_open_a_lock_goes_by_what_its_holder_wrote_down() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as top:  # where anybody may look
        os.chmod(top, 0o755)
        asked = [sys.executable, "-c", STRANGER, top, str(PROJECT)]
        held = locks.hold(top)
        assert held is not None
        seen = [subprocess.run(asked, capture_output=True, text=True).stdout.strip()]
        os.unlink(os.path.join(top, locks.OWNER))
        seen.append(subprocess.run(asked, capture_output=True, text=True).stdout.strip())
        locks.release(top, held)
    assert seen == [str(os.getpid()), "None"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write_atomically(str(path), "old")
    with pytest.raises(UnicodeEncodeError):
        atomic.write_atomically(str(path), "new \ud800")
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert (files, path.read_text()) == ([path], "old")


def test_names_that_are_not_utf8_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write_atomically(str(path), os.fsdecode(b"a\xff"))
    assert path.read_bytes() == b"a\xff"


# Several machines, containers and users on one disk.


def test_another_machines_record_is_believed_where_flock_is_had_here(guild: str) -> None:
    """On many a shared disk each machine has flock for itself."""
    write_record(guild, flock=True, host="login1", boot="another")
    assert locks.held_by(guild) == locks.Holder(0, "login1")
    assert locks.hold(guild) is None


def test_a_person_may_take_another_machines_lock(guild: str) -> None:
    write_record(guild, flock=True, host="login1", boot="another")
    fd = locks.hold(guild, force=True)
    assert fd is not None
    assert locks.holder(guild) == os.getpid()
    locks.release(guild, fd)
    assert os.listdir(guild) == []


def test_nobody_takes_a_lock_that_is_held_here(guild: str, holder: Holder) -> None:
    child = holder()
    assert locks.hold(guild, force=True) is None
    assert locks.holder(guild) == child.pid


@pytest.mark.parametrize("change", [{"host": "renamed"}, {"boot": "earlier"}])
def test_a_new_name_or_a_new_boot_alone_make_no_other_machine(
    guild: str, change: dict[str, Any]
) -> None:
    write_record(guild, flock=True, **change)
    assert locks.holder(guild) is None


def test_a_machine_whose_name_has_changed_knows_its_own_process(guild: str, no_flock: None) -> None:
    write_record(guild, host="renamed")
    assert locks.held_by(guild) == locks.Holder(os.getpid())


def test_a_number_of_another_container_is_nobodys_here(guild: str, no_flock: None) -> None:
    write_record(guild, namespace=1)
    held = locks.held_by(guild)
    assert held is not None
    assert held.pid == 0
    assert held.machine == f"{socket.gethostname()}, in another container"


def test_only_its_owner_can_open_a_lock(guild: str) -> None:
    fd = locks.hold(guild)
    assert fd is not None
    assert Path(guild, "LOCK").stat().st_mode & 0o777 == 0o600
    locks.release(guild, fd)


def test_a_lock_that_others_may_open_is_replaced_when_it_is_taken(guild: str) -> None:
    old = Path(guild, "LOCK")
    old.touch(mode=0o644)
    with old.open() as by_a_stranger:
        fd = locks.hold(guild)
        assert fd is not None
        fcntl.flock(by_a_stranger, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert old.stat().st_mode & 0o777 == 0o600
        assert locks.holder(guild) == os.getpid()
        locks.release(guild, fd)
    assert os.listdir(guild) == []


def test_a_stranger_who_holds_an_old_lock_decides_nothing(guild: str) -> None:
    """Earlier versions made it readable by all, and whoever may read it may hold it."""
    child = subprocess.Popen(["true"])
    child.wait()
    write_record(guild, flock=True, pid=child.pid)
    Path(guild, "LOCK").chmod(0o644)
    with Path(guild, "LOCK").open() as by_a_stranger:
        fcntl.flock(by_a_stranger, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert locks.holder(guild) is None
        fd = locks.hold(guild)
        assert fd is not None
        locks.release(guild, fd)


def test_an_earlier_versions_runner_holds_its_lock_that_others_may_open(guild: str) -> None:
    write_record(guild, flock=True)
    Path(guild, "LOCK").chmod(0o644)
    with Path(guild, "LOCK").open() as its_own:
        fcntl.flock(its_own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert locks.holder(guild) == os.getpid()
        assert locks.hold(guild) is None


def test_what_another_has_taken_by_force_is_not_given_back(guild: str) -> None:
    fd = locks.hold(guild)
    assert fd is not None
    write_record(guild, pid=started_long_ago())
    assert locks.is_taken_over(guild)
    locks.release(guild, fd)
    assert Path(guild, "LOCK.owner").exists()


def test_a_runner_keeps_its_lock_where_the_system_does_not_tell_once_when_it_started(
    guild: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = locks.hold(guild)
    assert fd is not None
    with monkeypatch.context() as patch:
        patch.setattr(identity, "start_time", no_start)
        assert not locks.is_taken_over(guild)
    locks.release(guild, fd)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "start_time", no_start)
        fd = locks.hold(guild)
    assert fd is not None
    assert not locks.is_taken_over(guild)
    locks.release(guild, fd)
    assert not Path(guild, "LOCK.owner").exists()


def no_start(pid: int, is_fresh: bool = False) -> int | None:
    raise Untold("ps takes long")


def test_a_lock_that_was_given_back_while_it_was_looked_at_is_held_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file and its record go once its number was read, and another process has that."""
    (tmp_path / "LOCK").write_text(f"{os.getpid()}\n")
    read = locks._pid

    def then_gone(fd: int) -> int | None:
        pid = read(fd)
        (tmp_path / "LOCK").unlink()
        return pid

    monkeypatch.setattr(locks, "_pid", then_gone)
    assert locks.holder(str(tmp_path)) is None


def test_a_lock_that_was_given_back_while_it_was_opened_is_taken_anew(
    guild: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last holder removes its file: who locks that has a lock that nobody else meets."""
    last = locks.hold(guild)
    flock = locks._flock

    def once_given_back(fd: int, how: int) -> bool | None:
        nonlocal last
        if last is not None:
            given, last = last, None
            locks.release(guild, given)
        return flock(fd, how)

    monkeypatch.setattr(locks, "_flock", once_given_back)
    fd = locks.hold(guild)
    assert fd is not None and last is None
    assert locks.is_at(fd, f"{guild}/LOCK")
    assert locks.hold(guild) is None
    locks.release(guild, fd)


def test_a_lock_that_another_has_made_anew_meanwhile_is_not_put_away(
    guild: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that replace an old one that others may open, the later one leaves the new one."""
    Path(guild, "LOCK").touch(mode=0o644)
    put_away, others = locks._put_away, []

    def later(path: str, fd: int) -> None:
        os.unlink(path)
        others.append(locks.hold(guild))
        put_away(path, fd)

    monkeypatch.setattr(locks, "_put_away", later)
    assert locks.hold(guild) is None
    (other,) = others
    assert other is not None
    assert locks.is_at(other, f"{guild}/LOCK")
    locks.release(guild, other)
