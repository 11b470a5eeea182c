"""The frames in which the outputs of several runs come over one connection."""

from __future__ import annotations

import pytest

from guild_sync.errors import RemoteError
from guild_sync.runs.follow import Frames

A, B = "a" * 32, "b" * 32


class Heard:
    """What came out of frames, in its order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bytes] | str] = []
        self.frames = Frames(
            [A, B], lambda run_id, line: self.events.append((run_id, line)), self.events.append
        )


def frame(run_id: str, data: bytes) -> bytes:
    return f"{run_id} {len(data)}\n".encode() + data


STREAM = (
    frame(A, b"one\ntw")
    + frame(B, b"b\n\n")
    + frame(A, b"o\nno end")
    + f"{A} -1\n".encode()
    + frame(B, b"")
    + f"{B} -1\n".encode()
)
EVENTS = [(A, b"one"), (B, b"b"), (B, b""), (A, b"two"), (A, b"no end"), A, B]


@pytest.mark.parametrize("size", [1, 2, 7, 40, 10_000])
def test_lines_come_out_of_frames_however_they_are_cut(size: int) -> None:
    heard = Heard()
    for at in range(0, len(STREAM), size):
        heard.frames.feed(STREAM[at : at + size])
    assert heard.events == EVENTS


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"x" * 65,
        f"{A} 3 \nabc".encode(),
        f"{A} -2\n".encode(),
        f"{A} 99999999\n".encode(),
        frame("c" * 32, b"another run's\n"),
        f"../../{A[:26]} 1\nx".encode(),
    ],
)
def test_what_is_no_frame_of_these_runs_is_refused(data: bytes) -> None:
    heard = Heard()
    with pytest.raises(RemoteError):
        heard.frames.feed(data)
    assert heard.events == []


def test_a_line_without_an_end_is_shown_in_pieces() -> None:
    heard = Heard()
    for _ in range(3):
        heard.frames.feed(frame(A, b"x" * 60_000))
    assert heard.events == [(A, b"x" * 120_000)]
