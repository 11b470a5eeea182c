"""Folders of another's making, removed and copied with all that is in them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guild_sync.agent import trees

DEPTH = sys.getrecursionlimit() + 100  # and the path of such a folder can still be had


def deepen(folder: Path) -> Path:
    """Make folders in folders, deeper than Python calls itself; the last of them."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    return folder.joinpath(*["d"] * DEPTH)


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    top = tmp_path / "top"
    top.mkdir()
    yield top
    trees.remove_tree(str(top))  # pytest could not


def test_a_folder_is_removed_however_deep_and_read_only_it_is(top: Path) -> None:
    (top / "folder").mkdir()
    (deepen(top / "folder") / "file").touch()
    (top / "folder/d/d").chmod(0o500)
    assert trees.remove_tree(str(top / "folder"))
    assert trees.remove_tree(str(top / "folder")), "nothing is there"
    assert [*top.iterdir()] == []


def test_a_link_is_removed_and_not_what_it_leads_to(top: Path) -> None:
    (top / "kept").mkdir()
    (top / "kept/file").touch()
    (top / "link").symlink_to("kept")
    assert trees.remove_tree(str(top / "link"))
    assert os.listdir(top) == ["kept"]
    assert os.listdir(top / "kept") == ["file"]


def known(top: Path) -> dict[str, tuple[object, ...]]:
    """All that is in a folder: its kind, mode and time, and what it says."""
    found: dict[str, tuple[object, ...]] = {}
    for path in top.rglob("*"):
        status = path.lstat()
        text = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_text()
        found[str(path.relative_to(top))] = (status.st_mode, status.st_mtime_ns, text)
    return found


@pytest.mark.parametrize("symlinks", [True, False])
def test_a_copy_is_that_of_shutil(top: Path, symlinks: bool) -> None:
    source = top / "source"
    for name in ("a/b/file", "a/left/file", "c/left", "program"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "program").chmod(0o755)
    (source / "link").symlink_to("a/b")
    (source / "a/to-file").symlink_to("b/file")
    (source / "a/b").chmod(0o500)
    for path in source.rglob("*"):
        os.utime(path, ns=(1, 10**18 + 1), follow_symlinks=False)
    ignore = shutil.ignore_patterns("left")
    shutil.copytree(source, top / "one", symlinks=symlinks, ignore=ignore)
    trees.copy_tree(str(source), str(top / "other"), symlinks=symlinks, ignore=("left",))
    assert known(top / "one") == known(top / "other")
    assert "a/b/file" in known(top / "other")
    with pytest.raises(FileExistsError):
        trees.copy_tree(str(source), str(top / "other"))


def test_a_folder_is_copied_however_deep_it_is_into_one_that_is_there(top: Path) -> None:
    (top / "source").mkdir()
    (deepen(top / "source") / "file").touch()
    (top / "target/d").mkdir(parents=True)
    (top / "target/d/own").touch()
    trees.copy_tree(str(top / "source"), str(top / "target"), dirs_exist_ok=True)
    assert (top.joinpath("target", *["d"] * DEPTH) / "file").exists()
    assert (top / "target/d/own").exists()
