"""Outputs as they grow, from one attempt to the next; one that cannot be read is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rundirs import A, B, C, make

from guild_sync.agent.files import output
from guild_sync.agent.judging import looks
from guild_sync.agent.protocol import RUN_DATA, RUN_END, RUN_FAULT, Packet
from guild_sync.agent.store import rundir
from guild_sync.hosts.bootstrap import AGENT
from guild_sync.hosts.frames import FrameReader, PacketReader


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Runs that have ended, of which that in the middle has no output that can be read."""
    for run_id in (A, B, C):
        make(tmp_path, run_id, exit_status=0)
    (tmp_path / "runs" / A / ".guild/output").write_text("of a\n")
    (tmp_path / "runs" / B / ".guild/output").mkdir()
    (tmp_path / "runs" / C / ".guild/output").write_text("of c\n")
    return tmp_path


def test_an_output_that_cannot_be_read_is_told_and_the_others_come(home: Path) -> None:
    assert list(output.follow_all(str(home), {A: (1, 0), B: (1, 0), C: (1, 3)})) == [
        (RUN_DATA, A.encode() + b"of a\n"),
        (RUN_END, A.encode()),
        (RUN_FAULT, B.encode() + b"Is a directory"),
        (RUN_END, B.encode()),
        (RUN_DATA, C.encode() + b"c\n"),
        (RUN_END, C.encode()),
    ]


@pytest.mark.parametrize("asked", [("watch", {"run": B}), ("cat", {"run": B, "path": "x"})])
def test_an_error_in_a_stream_is_its_end_and_none_of_what_it_brings(
    home: Path, asked: tuple[str, dict[str, str]]
) -> None:
    (home / "runs" / B / "x").mkdir()
    function, args = asked
    request = json.dumps({"home": str(home), "function": function, "args": args})
    came: list[tuple[bytes, bytes]] = []
    packets = PacketReader(lambda kind, data: came.append((kind, data)))
    frame = FrameReader(packets.feed)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(AGENT)],
        input=f"{request}\n".encode(),
        stdout=subprocess.PIPE,
        timeout=60,
    )
    frame.feed(done.stdout)
    assert frame.answer == {"ok": None}
    assert packets.end is not None
    assert "directory" in str(packets.end["error"])
    assert came == []


class Followed:
    """A run that is followed, and looked at when a test says so."""

    def __init__(self, home: Path) -> None:
        self.run = make(home, started=1)
        self.write("one\n")
        self._growing = output._behind(str(self.run), 1, 0)

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
    growing = output._behind(str(followed.run), 1, 0)
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
    packets: Iterator[Packet] = output.follow_all(str(tmp_path), {A: (1, 4)})
    assert list(packets) == [(b"r", A.encode() + b"more\n"), (b"x", A.encode())]


def test_what_comes_behind_a_copy_of_an_earlier_attempt_is_shown_whole(tmp_path: Path) -> None:
    """However much longer the output of that attempt was than that of the next one is."""
    there, here = Followed(tmp_path / "there"), Followed(tmp_path / "here")
    here.write("of the first, a long line\n")
    there.write("of the first, a long line\nits end\n")
    there.begin_again()
    there.write("two\n")
    there.begin_again()
    there.write("three, which is by far longer than all that the copy here has\n")
    rundir.write_attr(str(there.run), "exit_status", 0)

    def shown(at: dict[str, tuple[int, int]]) -> bytes:
        found = output.follow_all(str(tmp_path / "there"), at)
        return b"".join(data[32:] for kind, data in found if kind == RUN_DATA)

    at = output.positions(str(tmp_path / "here"), [A, B])
    assert at == {A: (1, 30), B: (1, 0)}
    text = b"two\nthree, which is by far longer than all that the copy here has\n"
    assert shown({A: at[A]}) == b"its end\n" + text
    here.begin_again()
    assert output.positions(str(tmp_path / "here"), [A]) == {A: (2, 0)}
    assert shown({A: (2, 0)}) == text
    assert shown({A: (9, 6)}) == text[10:], "here are more than there: the last one is meant"


# Runs that are jobs.


def test_a_job_that_prints_nothing_is_asked_after_less_and_less_often(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "runs" / A / ".guild/JOB.record").write_text("{}")
    asked: list[float] = []
    clock = [0.0]
    monkeypatch.setattr(looks, "look", lambda *_: asked.append(clock[0]))
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    quiet = output._Quiet(str(home), A)
    for second in range(2000):
        clock[0] = float(second)
        quiet.goes_on()
    assert asked == [60.0, 180.0, 420.0, 900.0, 1500.0]
    quiet.ends()
    clock[0] = 2050.0
    quiet.goes_on()
    assert len(asked) == 5, "it has printed something a minute ago"
    of_none = output._Quiet(str(home), C)
    clock[0] = 9999.0
    of_none.goes_on()
    assert len(asked) == 5, "it is no job"


def waited(home: Path, seconds: float) -> object:
    """What a wait for the start of the first run returns."""
    with pytest.raises(StopIteration) as e:
        next(output.await_start(str(home), A, seconds))
    return e.value.value


def test_a_start_is_awaited_until_it_comes_or_time_is_over(home: Path) -> None:
    assert waited(home, 60) is False, "it waits no more"
    run = home / "runs" / A
    rundir.mark(str(run), rundir.PENDING)
    assert waited(home, 0) is True
    begin = threading.Timer(0.1, rundir.unmark, (str(run), rundir.PENDING))
    begin.start()
    assert waited(home, 60) is False


def test_a_start_is_awaited_no_longer_than_somebody_waits(home: Path) -> None:
    rundir.mark(str(home / "runs" / A), rundir.PENDING)
    read_end, write_end = os.pipe()
    os.close(write_end)
    with os.fdopen(read_end) as hangup, pytest.raises(StopIteration) as e:
        next(output.await_start(str(home), A, 60, hangup.fileno()))
    assert e.value.value is False
