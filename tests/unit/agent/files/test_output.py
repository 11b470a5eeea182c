"""The output of a run is followed from one of its attempts to the next, all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rundirs import A, make

from guild_sync.agent.files import output
from guild_sync.agent.protocol import Packet
from guild_sync.agent.store import rundir


class Followed:
    """A run that is followed, and looked at when a test says so."""

    def __init__(self, home: Path) -> None:
        self.run = make(home, started=1)
        self.write("one\n")
        self._growing = output._last(str(self.run), 0)

    def write(self, text: str) -> None:
        with (self.run / ".guild/output").open("a") as f:
            f.write(text)

    def begin_again(self) -> None:
        rundir.put_attempt_aside(str(self.run), again=True)
        started = rundir.read_attr(str(self.run), "started")
        assert isinstance(started, int)
        rundir.write_attr(str(self.run), "started", started + 1)

    @property
    def new(self) -> str:
        return b"".join(self._growing.new()).decode()


def test_what_an_attempt_printed_last_comes_before_the_next_one(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    assert followed.new == "one\n"
    followed.write("last\n")
    followed.begin_again()
    assert followed.new == "last\n"
    followed.write("two, a longer line\n")
    assert followed.new == "two, a longer line\n"
    assert followed.new == ""


def test_attempts_that_come_and_go_between_two_looks_are_shown_whole(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    assert followed.new == "one\n"
    for text in ("two\n", "", "four\n"):
        followed.begin_again()
        followed.write(text)
    assert followed.new == "two\nfour\n"


def test_following_begins_with_the_first_attempt_of_the_last_start(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    rundir.put_attempt_aside(str(followed.run))  # a restart
    rundir.write_attr(str(followed.run), "started", 5)
    followed.write("two\n")
    followed.begin_again()
    followed.write("three\n")
    rundir.write_attr(str(followed.run), "exit_status", 0)
    packets: Iterator[Packet] = output.follow(str(tmp_path), A)
    assert list(packets) == [(b"d", b"two\n"), (b"d", b"three\n")]


def test_one_that_is_put_aside_while_it_is_read_is_read_once(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    growing = output._last(str(followed.run), 0)
    reading = growing.new()
    assert next(reading) == b"one\n"
    followed.write("last\n")
    followed.begin_again()
    followed.write("two\n")
    assert b"".join(reading) == b"last\ntwo\n"


def test_several_runs_are_followed_from_where_they_are(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    followed.write("more\n")
    rundir.write_attr(str(followed.run), "exit_status", 0)
    packets: Iterator[Packet] = output.follow_all(str(tmp_path), {A: 4})
    assert list(packets) == [(b"r", A.encode() + b"more\n"), (b"x", A.encode())]
