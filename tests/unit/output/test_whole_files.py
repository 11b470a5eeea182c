"""Files that people are given, and what is no file."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path

import pytest

from guild_sync.errors import GuildError
from guild_sync.output import whole_files


def test_a_file_is_there_whole_and_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path, link = folder / "a", folder / "link"
    path.write_text("before")
    path.chmod(0o640)
    link.symlink_to(path)
    assert whole_files.write(link, b"now")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"now", 0o640)
    assert link.is_symlink()
    assert sorted(each.name for each in folder.iterdir()) == ["a", "link"]


def test_a_pipe_stays_one_and_gets_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    assert not whole_files.write(path, b"now")
    reader.join(30)
    assert got == [b"now"]
    assert path.is_fifo()


def test_a_device_stays_one(tmp_path: Path) -> None:
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    assert not whole_files.write(device, b"now")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_written_to_its_end_leaves_what_there_was(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a"
    path.parent.mkdir()
    path.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as on a disk that is full
    try:
        with pytest.raises(GuildError, match="File too large"):
            whole_files.write(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(each.name, each.read_text()) for each in path.parent.iterdir()] == [("a", "before")]


def test_where_it_cannot_be_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GuildError, match="Is a directory"):
        whole_files.write(tmp_path, b"")
