"""The output of a run, followed: whole lines, none of which a terminal obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from boards import A
from support import wait_until

from guild_sync.board import following
from guild_sync.board.following import Following
from guild_sync.config import remotes
from guild_sync.errors import Unreachable


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the remote says, piece by piece: a text, an error; the run is over behind the last."""
    found: list[Any] = []

    class Host:
        @contextmanager
        def staying(self) -> Iterator[None]:
            yield

        def piece(self, run_id: str, attempt: int, position: int) -> dict[str, Any]:
            assert run_id == A
            assert (attempt, position > 0) in ((0, False), (1, True))
            piece = found.pop(0)
            if isinstance(piece, Exception):
                raise piece
            return {"attempt": 1, "position": 9, "text": piece, "is_over": not found}

    monkeypatch.setattr(following, "remote_host", lambda remote, make_home: Host())
    monkeypatch.setattr(remotes, "remote", lambda name: name)
    monkeypatch.setattr(following, "_AGAIN", 0.001)
    monkeypatch.setattr(following, "POLL", 0.001)
    return found


def lines_of(said: list[Any], *pieces: Any) -> list[str]:
    said.extend(pieces)
    followed = Following("gpu1", A)
    wait_until(lambda: followed.status == "over")
    return followed.lines()


def test_lines_are_whole_however_they_come(said: list[Any]) -> None:
    assert lines_of(said, "on", "e\ntw", "", "o\nend") == ["one", "two", "end"]


def test_after_a_fault_it_goes_on_where_it_was(said: list[Any]) -> None:
    assert lines_of(said, "one\n", Unreachable("gone"), "two\n") == ["one", "two"]


def test_no_line_moves_the_cursor(said: list[Any]) -> None:
    evil = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J\u202e\n10%\r20%\r\n"
    assert lines_of(said, evil) == ["red ?2J?", "20%"]


def test_a_line_without_end_is_shown_in_part(said: list[Any]) -> None:
    found = lines_of(said, "x" * (1 << 20), "y\n")
    assert [len(line) for line in found] == [2000, 1]


def test_a_flood_leaves_the_last_lines(said: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found = lines_of(said, "".join(f"{number}\n" for number in range(20_000)))
    assert (len(found), found[-1]) == (5_000, "19999")
