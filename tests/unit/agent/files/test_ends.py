"""The ends of an output, however large it is, and whatever is in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rundirs import A, make

from guild_sync.agent.files.ends import output_ends


def ends(
    home: Path, data: bytes | None, first: int = 10, last: int = 5
) -> tuple[str, str, int, int]:
    run = make(home)
    if data is not None:
        (run / ".guild" / "output").write_bytes(data)
    found = output_ends(str(home), A, first, last)
    return found["first"], found["last"], found["left_out"], found["bytes"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, ("", "", 0, 0)),
        (b"", ("", "", 0, 0)),
        (b"0123456789abcde", ("0123456789abcde", "", 0, 15)),
        (b"0123456789-abcde", ("0123456789", "abcde", 1, 16)),
        (b"\xff" + b"x" * 98 + b"\xfe", ("\ufffd" + "x" * 9, "xxxx\ufffd", 85, 100)),
    ],
)
def test_an_output_has_two_ends(
    tmp_path: Path, data: bytes | None, expected: tuple[str, str, int, int]
) -> None:
    assert ends(tmp_path, data) == expected


def test_what_is_asked_for_is_bounded(tmp_path: Path) -> None:
    assert ends(tmp_path, b"x" * 100, -5, 0) == ("", "", 100, 100)
    run = tmp_path / "runs" / A
    with open(run / ".guild" / "output", "wb") as file:
        file.truncate(1 << 32)
    found = output_ends(str(tmp_path), A, 1 << 40, 1 << 40)
    assert (len(found["first"]), len(found["last"])) == (1 << 20, 1 << 20)


def test_nothing_is_read_through_a_link_or_a_pipe(tmp_path: Path) -> None:
    run = make(tmp_path)
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", run / ".guild" / "output")
    assert output_ends(str(tmp_path), A, 10, 10)["bytes"] == 0
    os.unlink(run / ".guild" / "output")
    os.mkfifo(run / ".guild" / "output")
    assert output_ends(str(tmp_path), A, 10, 10)["bytes"] == 0
