"""The last line of an output, as a person would read it there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rundirs import make

from guild_sync.agent.files.last_line import NOTHING, last_line


def with_output(home: str, output: bytes) -> str:
    directory = make(Path(home))
    (directory / ".guild" / "output").write_bytes(output)
    return str(directory)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\ntwo", "two"),
        (b"one\n\n  \n", "one"),
        (b"  0%|  \r 37%|###   | 37/100\r", "37%|###   | 37/100"),
        (b"loss\r\n", "loss"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07tail\x1b[2K\n\x1b[1A\n", "red tail"),
        (b"caf\xff\n", "caf\ufffd"),
    ],
)
def test_the_last_line_that_is_not_blank(home: str, output: bytes, expected: str) -> None:
    assert last_line(with_output(home, output)).text == expected


def test_of_a_long_line_its_end_is_told_and_little_of_it_is_read(home: str) -> None:
    found = last_line(with_output(home, b"a" * (1 << 20) + b"end"))
    assert found.text.startswith("…a")
    assert found.text.endswith("aend")
    assert len(found.text) == 400


def test_when_it_was_printed_is_when_the_output_grew_last(home: str) -> None:
    directory = with_output(home, b"x\n")
    os.utime(f"{directory}/.guild/output", ns=(5_000, 7_000))
    assert last_line(directory).at == 7


def test_without_an_output_there_is_none(home: str) -> None:
    assert last_line(str(make(Path(home)))) == NOTHING


def test_an_output_that_is_a_link_is_not_followed(home: str, tmp_path: Path) -> None:
    directory = make(Path(home))
    (tmp_path / "secret").write_text("secret\n")
    (directory / ".guild" / "output").symlink_to(tmp_path / "secret")
    assert last_line(str(directory)) == NOTHING
