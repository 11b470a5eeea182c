"""An output in pieces, for who asks for it again and again."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundirs import A as ID
from rundirs import make

from guild_sync.agent.files.output import piece


@pytest.fixture
def run(home: str) -> Path:
    """A run that is not over."""
    return make(Path(home), ID, {"PENDING": ""})


def end(run: Path) -> None:
    (run / ".guild" / "attrs" / "exit_status").write_text("0")
    (run / ".guild" / "PENDING").unlink()


def test_pieces_are_whole_lines_from_near_the_end_on(home: str, run: Path) -> None:
    output = run / ".guild" / "output"
    output.write_text("one\ntwo\nbeg")
    first = piece(home, ID)
    assert (first["text"], first["position"], first["attempt"]) == ("one\ntwo\n", 8, 1)
    with open(output, "a") as f:
        f.write("un\nthree\n")
    second = piece(home, ID, first["attempt"], first["position"])
    assert second["text"] == "begun\nthree\n"


def test_of_a_run_that_is_over_the_last_line_is_told_too(home: str, run: Path) -> None:
    (run / ".guild" / "output").write_text("one\nend")
    end(run)
    found = piece(home, ID)
    assert (found["text"], found["is_over"]) == ("one\nend", True)


def test_of_a_long_output_the_end_is_told_and_then_so_much_at_a_time(home: str, run: Path) -> None:
    (run / ".guild" / "output").write_text("0123456789abcde\n" * 100_000)
    end(run)
    assert len(piece(home, ID)["text"]) <= 1 << 14
    found = piece(home, ID, 1, 0)
    assert not found["is_over"]
    assert 0 < len(found["text"]) <= 1 << 17
    assert found["position"] == len(found["text"])


def test_a_line_that_is_longer_than_a_piece_comes_in_parts(home: str, run: Path) -> None:
    (run / ".guild" / "output").write_text("x" * 300_000)
    found = piece(home, ID, 1, 0)
    assert found["text"]
    assert found["position"] == len(found["text"])


def test_a_run_without_output_has_no_piece(home: str, run: Path) -> None:
    assert piece(home, ID)["text"] == ""
