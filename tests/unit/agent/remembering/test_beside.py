"""Half of the work in a process beside this one: what it may fail at is done here."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from rundirs import make

from guild_sync.agent.remembering import beside, remembered


def _children() -> set[str]:
    """Ours, and those that have ended and nobody has waited for."""
    listed = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    return {*" ".join(listed).split()}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before, others = os.listdir("/proc/self/fd"), _children()  # of other tests
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert _children() <= others


def test_both_do_their_half() -> None:
    large = ["x" * 100] * 10_000  # more than a pipe holds
    assert beside.both(os.getpid, lambda: (large, os.getppid())) == (
        os.getpid(),
        (large, os.getpid()),
    )


def _raises() -> None:
    raise KeyError("of the other")


@pytest.mark.parametrize(
    "others",
    [
        _raises,
        lambda: os._exit(0),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: object(),  # which cannot be told
    ],
)
def test_what_the_other_cannot_do_is_known(others: Callable[[], object]) -> None:
    assert beside.both(lambda: "ours", others) == ("ours", None)


def test_without_another_process_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    assert beside.both(lambda: "ours", lambda: "theirs") == ("ours", None)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_without_more_open_files_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pipe", refuse)
    assert beside.both(lambda: "ours", lambda: "theirs") == ("ours", None)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_no_failure_leaves_signals_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", mock.Mock(side_effect=MemoryError))
    handles = os.pipe()
    monkeypatch.setattr(os, "pipe", lambda: handles)
    with pytest.raises(MemoryError):
        beside.both(lambda: "ours", lambda: "theirs")
    for handle in handles:
        os.close(handle)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_other_ends_where_ours_fails() -> None:
    def fail() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        beside.both(fail, signal.pause)


# In a process without other threads, one of which would take the signal.
INTERRUPTED = """\
import os, signal
from guild_sync.agent.remembering import beside
fork, before = os.fork, os.listdir("/proc/self/fd")
def forked():
    if pid := fork():
        os.kill(os.getpid(), signal.SIGINT)
    return pid
os.fork = forked
try:
    beside.both(lambda: "ours", lambda: "theirs")
except KeyboardInterrupt:
    print("interrupted")
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
assert len(os.listdir("/proc/self/fd")) == len(before)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""


def test_the_other_ends_where_ctrl_c_comes_as_it_begins() -> None:
    argv = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\nno child is left\n", "")


# More is told than a pipe holds.
KILLED = """\
import os, signal
from guild_sync.agent.remembering import beside
def others():
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), signal.SIGKILL)
    return "x" * 1_000_000
beside.both(signal.pause, others)
"""


def test_the_other_ends_where_this_one_is_killed() -> None:
    argv = [sys.executable, "-c", KILLED]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as killed:
        assert killed.stdout
        pid = int(killed.stdout.readline())
        try:
            killed.communicate(timeout=60)  # up to its end, too: it holds the pipe
        except subprocess.TimeoutExpired:
            os.kill(pid, signal.SIGKILL)
            raise
    assert killed.returncode == -signal.SIGKILL


def test_no_handler_of_ours_is_run_by_the_other() -> None:
    handled = []
    before = signal.signal(signal.SIGTERM, lambda *_: handled.append(os.getpid()))
    try:

        def end_both() -> str:
            os.kill(os.getppid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            return "went on"

        assert beside.both(lambda: None, end_both) == (None, "went on")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert handled == [os.getpid()]


def test_ends_that_are_told_to_nobody_have_all_done_here() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        for others in (lambda: "theirs", lambda: os._exit(1)):
            assert beside.both(lambda: "ours", others) == ("ours", None)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_halves_come_in_their_order_whoever_finds_them() -> None:
    ids = [*"abcdefg"]
    assert beside.by_halves(lambda some: [*some], ids) == ids
    found = beside.by_halves(lambda some: [os.getpid() for _ in some], ids)
    assert (found[:3], len({*found})) == ([os.getpid()] * 3, 2)

    def finds_here(some: Sequence[str]) -> list[int]:
        return [os.getpid() for _ in some] if os.getpid() == found[0] else os._exit(1)

    assert beside.by_halves(finds_here, ids) == [os.getpid()] * 7


# In a process without threads of a test's own.
ASKED = """\
import os, threading
from guild_sync.agent.remembering import beside
os.sched_getaffinity = lambda pid: {0, 1}
assert beside.is_sooner()
os.sched_getaffinity = lambda pid: {1}
assert not beside.is_sooner()
os.sched_getaffinity = lambda pid: {0, 1}
threading.Thread(target=threading.Event().wait, daemon=True).start()
assert not beside.is_sooner()
"""


def test_it_is_sooner_where_there_is_a_processor_for_it_and_no_thread() -> None:
    subprocess.run([sys.executable, "-c", ASKED], check=True, timeout=60)


# A listing as a person has it, of a guild home with few runs, which are taken for many.
LISTED = """\
import os, sys
from guild_sync.agent.remembering import beside, looks, remembered
looks.MANY_RUNS, looks._BY_TWO, remembered._TICK = 1, 2, -(10**15)
os.sched_getaffinity = lambda pid: {0, 1}
both = beside.both
beside.both = lambda *work: (print("two"), both(*work))[1]
from guild_sync.main import program
program()
"""


def test_a_listing_of_many_runs_has_no_thread_in_its_way(tmp_path: Path) -> None:
    for number in range(5):
        run_id = f"{number}" * 32
        make(tmp_path, run_id, started=1000 + number, stopped=2000, exit_status=0)
    if remembered.moment(str(tmp_path)) is None:
        pytest.skip("nothing is remembered on this file system")
    argv = [sys.executable, "-c", LISTED, "-H", str(tmp_path), "runs", "-n1"]
    first, second = (subprocess.run(argv, capture_output=True, text=True) for _ in range(2))
    assert first.stderr == second.stderr == ""
    assert second.stdout == f"two\n{first.stdout}"
