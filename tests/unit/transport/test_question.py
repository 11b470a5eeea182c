"""Short questions to another program, and what it is told one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import PATIENCE, wait_until

from guild_sync.agent.store.identity import start_time
from guild_sync.errors import DeadlinePassed
from guild_sync.transport import process, programs, question
from guild_sync.transport.process import Completed


def ask(script: str, timeout: float | None = None, most: int | None = None) -> Completed:
    return question.run(("sh", "-c", script), timeout=timeout, most=most)


def test_a_program_that_says_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 100_000)
    done = ask("yes")
    assert done.said_too_much
    assert len(done.stdout) <= 100_000


def test_of_one_of_which_so_much_is_wanted_the_beginning_is_kept() -> None:
    done = ask("echo begin; head -c 1000000 /dev/zero; exit 3", most=8)
    assert done == (3, b"begin\n\0\0", "")


def test_what_it_started_is_killed_with_it_when_its_time_is_over(tmp_path: Path) -> None:
    done = ask(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout=0.5)
    assert done.timed_out
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "the child's end")


def test_the_nearer_of_a_deadline_and_its_own_time_counts() -> None:
    with process.deadline(time.monotonic() + 600):
        assert ask("sleep 600", timeout=0.2).timed_out


ECHO = 'while read -r line; do echo "<$line>"; done; echo why >&2; exit 3'


def replies(talk: question.Dialogue, count: int) -> bytes:
    """What it says next, so many lines of it."""
    said = b""
    while said.count(b"\n") < count and (piece := talk.heard(PATIENCE)):
        said += piece
    return said


def test_a_dialogue_goes_on_until_it_is_told_no_more() -> None:
    talk = question.Dialogue(("sh", "-c", ECHO))
    for word in (b"one", b"two"):
        talk.tell(word + b"\n")
        assert replies(talk, 1) == b"<%s>\n" % word
    talk.tell(b"three\n", more=False)
    assert replies(talk, 1) == b"<three>\n"
    assert talk.heard(PATIENCE) == b""
    assert talk.end(PATIENCE) == (3, b"", "why\n")


def test_what_nobody_has_heard_of_a_dialogue_is_there_at_its_end() -> None:
    talk = question.Dialogue(("sh", "-c", "echo said; echo why >&2"))
    assert talk.end(PATIENCE) == (0, b"said\n", "why\n")


def test_what_is_told_and_heard_may_be_larger_than_a_pipe() -> None:
    data = os.urandom(1 << 20)
    talk = question.Dialogue(("cat",))
    talk.tell(data, more=False)
    assert b"".join(iter(lambda: talk.heard(PATIENCE) or b"", b"")) == data
    assert talk.end(PATIENCE).code == 0


def test_who_hears_no_more_is_heard_to_the_end() -> None:
    talk = question.Dialogue(("sh", "-c", "exec <&-; echo why; exit 4"))
    talk.tell(os.urandom(1 << 20))
    assert replies(talk, 2) == b"why\n"
    assert talk.end(PATIENCE).code == 4


def test_a_dialogue_waits_no_longer_than_it_may_and_can_be_killed(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"
    talk = question.Dialogue(("sh", "-c", script))
    wait_until((tmp_path / "pid").exists)
    assert talk.heard(0.05) is None
    talk.kill()
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "the child's end")


def test_one_that_does_not_end_is_killed() -> None:
    assert question.Dialogue(("sleep", "600")).end(0.05).code == -signal.SIGKILL


def test_a_deadline_holds_for_a_dialogue() -> None:
    talk, late = question.Dialogue(("sleep", "600")), question.Dialogue(("sleep", "600"))
    with process.deadline(time.monotonic() + 0.2):
        with pytest.raises(DeadlinePassed):
            talk.heard(PATIENCE)
        with pytest.raises(DeadlinePassed):
            late.end(PATIENCE)
        with pytest.raises(DeadlinePassed):
            question.Dialogue(("true",))
    talk.kill()


@pytest.fixture
def ending() -> tuple[str, ...]:
    if not (found := programs.ending_with_us("sh")):
        pytest.skip("there is no setpriv here that knows --pdeathsig")
    return found


@pytest.mark.parametrize("has_words", [True, False])
def test_a_dialogue_ends_with_us(ending: tuple[str, ...], tmp_path: Path, has_words: bool) -> None:
    argv = ("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 600")
    us = os.fork()
    if us == 0:
        question.Dialogue(argv, ending if has_words else ()).heard(600)
        os._exit(0)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "its start")
    os.kill(us, signal.SIGKILL)
    os.waitpid(us, 0)
    wait_until(lambda: start_time(int((tmp_path / "pid").read_text())) is None, "its end")


def test_a_dialogue_is_begun_without_a_copy_of_us(ending: tuple[str, ...]) -> None:
    """A copy takes the longer, the more memory and threads we have."""
    script = """
import os, sys
from guild_sync.transport import question
os.register_at_fork(before=lambda: print("a copy", flush=True))
talk = question.Dialogue(("echo", "said"), sys.argv[1:])
print(talk.heard(60), talk.end(60).code)
"""
    for words, said in ((ending, "b'said\\n' 0\n"), ((), "a copy\nb'said\\n' 0\n")):
        argv = [sys.executable, "-c", script, *words]
        assert subprocess.run(argv, capture_output=True, text=True).stdout == said
