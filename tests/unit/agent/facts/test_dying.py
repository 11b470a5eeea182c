"""A child ends with its parent, whether the kernel sees to that or a process that watches both."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pytest
from support import PATIENCE, wait_until_gone

from guild_sync.agent.facts import dying, ends
from guild_sync.agent.machine import processes

# A parent whose child prints its pid and waits; the parent then waits for its own stdin to end.
_PARENT = """
import subprocess, sys
from guild_sync.agent.facts import dying
if sys.argv[1] == "watched":
    dying.by_kernel = lambda signum: None
child = subprocess.Popen(
    ["sh", "-c", sys.argv[2]], preexec_fn=dying.die_with_parent(int(sys.argv[3]))
)
sys.stdin.read()
sys.exit(child.wait())
"""
_FOREVER = "echo $$; exec sleep 600"
# Until it has no child: one that it has not started would keep it for ever.
_WAITS_FOR_ALL = """exec %s -c '
import os
try:
    while os.wait():
        pass
except ChildProcessError:
    print(0)'"""


@pytest.fixture(params=["by the kernel", "watched"])
def by(request: pytest.FixtureRequest) -> str:
    how: str = request.param
    if how == "watched" and not hasattr(os, "pidfd_open"):
        pytest.skip("this Python tells of no ends")
    return how


@pytest.fixture
def started(by: str) -> Iterator[list[subprocess.Popen[str]]]:
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate()


def parent_of(by: str, script: str, signum: int = signal.SIGKILL) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT, by, script, str(int(signum))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_child_ends_with_a_parent_that_is_killed(
    by: str, started: list[subprocess.Popen[str]]
) -> None:
    parent = parent_of(by, _FOREVER)
    started.append(parent)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_until_gone(child)


def test_it_gets_the_signal_that_was_asked_for(
    by: str, started: list[subprocess.Popen[str]]
) -> None:
    # KILL, as a shell's child that is no sleep yet may miss TERM: it would hold the output.
    script = "trap 'kill -KILL $!; echo told; exit' TERM; sleep 600 & echo $$; wait $!"
    parent = parent_of(by, script, signal.SIGTERM)
    started.append(parent)
    assert parent.stdout
    parent.stdout.readline()
    parent.kill()
    assert parent.stdout.readline() == "told\n"


def test_a_program_that_ends_is_watched_no_more(
    by: str, started: list[subprocess.Popen[str]]
) -> None:
    """Nobody else holds its output, and its parent goes on."""
    parent = parent_of(by, "echo done; exit 7")
    started.append(parent)
    out, _ = parent.communicate("")
    assert (out, parent.returncode) == ("done\n", 7)


def test_it_has_no_child_that_it_has_not_started(
    by: str, started: list[subprocess.Popen[str]]
) -> None:
    parent = parent_of(by, _WAITS_FOR_ALL % sys.executable)
    started.append(parent)
    assert parent.communicate("", timeout=60)[0] == "0\n"


def test_who_watches_is_in_another_session_and_holds_nothing_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its end, for whoever waits for that, is the end of its output, be it at work still."""
    monkeypatch.setattr(dying, "by_kernel", lambda signum: None)
    output, its = os.pipe()
    with subprocess.Popen(
        ["sh", "-c", "exec >&-; read until"],
        stdin=subprocess.PIPE,
        stdout=its,
        start_new_session=True,
        preexec_fn=dying.die_with_parent(),
    ) as program:
        os.close(its)
        assert select.select([output], [], [], PATIENCE)[0] and os.read(output, 1) == b""
        assert [who.pid for who in processes.of_session(program.pid)] == [program.pid]
        program.communicate(b"\n")
    os.close(output)


def test_one_whose_parent_has_died_before_it_was_watched_does_not_begin() -> None:
    prepare = dying.die_with_parent()
    between = os.fork()
    if between == 0:
        if os.fork() == 0:  # its parent is another than the one that was to be
            try:
                prepare()
            finally:
                os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    assert os.waitstatus_to_exitcode(os.waitpid(between, 0)[1]) == 1


def test_where_nothing_tells_of_ends_a_child_is_started_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dying, "by_kernel", lambda signum: None)
    monkeypatch.setattr(ends, "are_told", lambda: False)
    done = subprocess.run(["true"], preexec_fn=dying.die_with_parent())
    assert done.returncode == 0


def test_an_end_is_an_event_of_the_process_that_was_meant() -> None:
    with subprocess.Popen(["sleep", "600"]) as one, subprocess.Popen(["sleep", "600"]) as other:
        try:
            with closing(ends.Ends([one.pid, other.pid])) as both:
                assert both.wait(0) == set()
                other.kill()
                assert both.wait() == {other.pid}
                assert ends.has_ended(other.pid)
                assert not ends.has_ended(one.pid)
        finally:
            one.kill()
            other.kill()
    with pytest.raises(ProcessLookupError):
        ends.Ends([other.pid])
    assert ends.has_ended(other.pid)


def test_a_child_has_ended_also_where_python_has_no_waitid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "waitid")
    with subprocess.Popen(["sleep", "600"]) as child:
        assert not ends.has_ended(child.pid)
        child.kill()
        with closing(ends.Ends([child.pid])) as one:
            one.wait()
        assert ends.has_ended(child.pid)


class Queue:
    """kqueue as macOS has it, of the ends that a test says; it has no processes of its own."""

    ended: ClassVar[set[int]] = set()
    gone: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        self.watched: set[int] = set()

    def control(
        self, events: list[Event] | None, most: int, seconds: float | None = None
    ) -> list[Event]:
        for event in events or ():
            assert (event.filter, event.flags, event.fflags) == (-5, 1, 1 << 31)
            if event.ident in self.gone:
                raise ProcessLookupError
            self.watched.add(event.ident)
        return [Event(pid, -5, 0, 0) for pid in sorted(self.ended & self.watched)[:most]]

    def close(self) -> None:
        self.watched.clear()


class Event:
    def __init__(self, ident: int, filter: int, flags: int, fflags: int) -> None:
        self.ident, self.filter, self.flags, self.fflags = ident, filter, flags, fflags


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> type[Queue]:
    """Python as it is on macOS: with kqueue, without pidfds and waitid."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.delattr(os, "waitid")
    for name, value in (
        ("kqueue", Queue),
        ("kevent", Event),
        ("KQ_FILTER_PROC", -5),
        ("KQ_EV_ADD", 1),
        ("KQ_NOTE_EXIT", 1 << 31),
    ):
        monkeypatch.setattr(select, name, value, raising=False)
    monkeypatch.setattr(Queue, "ended", set())
    monkeypatch.setattr(Queue, "gone", set())
    return Queue


def test_a_queue_of_the_kernel_tells_of_ends(queue: type[Queue]) -> None:
    assert ends.are_told()
    assert not ends.has_ended(7)
    queue.ended = {7, 9}
    assert ends.has_ended(7)
    queue.gone = {7}
    assert ends.has_ended(7)
    with closing(ends.Ends([8, 9])) as both:
        assert both.wait(1) == {9}
    ends.wait_for_one([7, 8], 600)
    assert ends.handle_of(8) is None
