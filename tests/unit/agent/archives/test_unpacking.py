"""One member, put into a folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from guild_sync.agent.archives import members, unpacking
from guild_sync.agent.archives.members import Member


def member(size: int, data: bytes, kind: str = members.FILE) -> Member:
    return Member("a/f", kind, size, 0o644, None, "", lambda: io.BytesIO(data))


def test_a_file_that_is_shorter_than_it_says_is_cut(tmp_path: Path) -> None:
    with pytest.raises(EOFError, match="it is cut short"):
        unpacking.put(str(tmp_path), member(3, b"ab"))


@pytest.mark.parametrize("data", [b"", b"ab", b"\0\0\0\0", b"a\0\0b", bytes(3 << 20) + b"x"])
def test_a_file_has_what_its_member_has_and_no_more(tmp_path: Path, data: bytes) -> None:
    unpacking.put(str(tmp_path), member(len(data), data + b"more"))
    assert (tmp_path / "a" / "f").read_bytes() == data


def test_a_hollow_file_is_as_large_and_has_nothing_in_it(tmp_path: Path) -> None:
    unpacking.put(str(tmp_path), member(1 << 40, b""), hollow=True)
    assert (tmp_path / "a" / "f").stat().st_size == 1 << 40
    assert (tmp_path / "a" / "f").stat().st_blocks == 0


def test_what_is_there_is_replaced_where_that_is_asked_for(tmp_path: Path) -> None:
    unpacking.put(str(tmp_path), member(1, b"1"))
    with pytest.raises(FileExistsError):
        unpacking.put(str(tmp_path), member(1, b"2"))
    unpacking.put(str(tmp_path), member(1, b"3"), replace=True)
    assert (tmp_path / "a" / "f").read_bytes() == b"3"
