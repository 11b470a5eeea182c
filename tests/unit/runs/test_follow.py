"""The outputs of several runs that come over one connection, line by line."""

from __future__ import annotations

import pytest

from guild_sync.agent.protocol import RUN_DATA, RUN_END, RUN_FAULT
from guild_sync.errors import RemoteError
from guild_sync.runs.follow import Lines

A, B = "a" * 32, "b" * 32


class Heard:
    """What came out of packets, in its order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bytes] | str] = []
        self.faults: list[tuple[str, str]] = []
        self.lines = Lines(
            [A, B],
            lambda run_id, line: self.events.append((run_id, line)),
            self.events.append,
            lambda run_id, why: self.faults.append((run_id, why)),
        )

    def take(self, kind: bytes, run_id: str, data: bytes = b"") -> None:
        self.lines.take(kind, run_id.encode() + data)


def test_lines_come_out_whole_however_they_are_cut() -> None:
    heard = Heard()
    heard.take(RUN_DATA, A, b"one\ntw")
    heard.take(RUN_DATA, B, b"b\n\n")
    heard.take(RUN_DATA, A, b"o\nno end")
    heard.take(RUN_END, A)
    heard.take(RUN_DATA, B)
    heard.take(RUN_END, B)
    said = [(A, b"one"), (B, b"b"), (B, b""), (A, b"two"), (A, b"no end"), A, B]
    assert heard.events == said


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (RUN_DATA, b""),
        (RUN_DATA, b"x" * 65),
        (RUN_DATA, b"\xff" * 32),
        (RUN_DATA, b"c" * 32 + b"another run's\n"),
        (RUN_DATA, f"../../{A[:26]} 1\nx".encode()),
        (RUN_FAULT, b"c" * 32 + b"why"),
        (b"d", A.encode() + b"of no run\n"),
    ],
)
def test_what_is_none_of_these_runs_is_refused(kind: bytes, data: bytes) -> None:
    heard = Heard()
    with pytest.raises(RemoteError):
        heard.lines.take(kind, data)
    assert (heard.events, heard.faults) == ([], [])


def test_why_an_output_cannot_be_read_is_none_of_it() -> None:
    heard = Heard()
    heard.take(RUN_DATA, A, b"a line's beg")
    heard.take(RUN_FAULT, A, b"Permission denied")
    heard.take(RUN_DATA, A, b"inning\n")
    assert heard.events == [(A, b"a line's beginning")]
    assert heard.faults == [(A, "Permission denied")]


def test_a_line_without_an_end_is_shown_in_pieces() -> None:
    heard = Heard()
    for _ in range(100):
        heard.take(RUN_DATA, A, b"x" * 10_000)
    shown = [event[1] for event in heard.events if isinstance(event, tuple)]
    assert len(shown) > 5
    assert max(map(len, shown)) < 100_000
