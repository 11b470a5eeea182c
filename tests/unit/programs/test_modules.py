"""Where a module is: the file that Python would run."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.programs.modules import find_module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = ("train.py", "my-script.py", "a/b.py", "pkg/__init__.py", "pkg/__main__.py", "pkg.py")
    for name in files:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "outside.py").touch()
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("train", "train.py"),
        ("a.b", "a/b.py"),
        ("my-script", "my-script.py"),
        ("pkg", "pkg/__main__.py"),
        ("pkg.__main__", "pkg/__main__.py"),
        ("a/b", "a/b.py"),
        ("./train", "train.py"),
        ("./pkg", "pkg/__main__.py"),
    ],
)
def test_a_module_is_the_file_that_python_would_run(root: Path, name: str, path: str) -> None:
    assert find_module(name, [root]) == root / path


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "missing", "a", "a.", ".train", "a..b", "train.py", "1train", "tr ain"),
        *("a/missing", "/train", "a/", "../outside", "..outside", "/etc", "-script", "my-"),
        *("a-b.train", "train\n", "train\0", "a\0/b"),
    ],
)
def test_what_is_no_module_of_the_project_is_not_found(root: Path, name: str) -> None:
    assert find_module(name, [root]) is None


def test_the_first_root_that_has_the_module_counts(root: Path, tmp_path: Path) -> None:
    (root / "a" / "train.py").touch()
    roots = [tmp_path / "missing", root / "a", root]
    assert find_module("train", roots) == root / "a" / "train.py"
    assert find_module("pkg", roots) == root / "pkg" / "__main__.py"


def test_a_module_of_the_root_hides_that_of_a_folder_as_when_it_runs(root: Path) -> None:
    (root / "a" / "train.py").touch()
    assert find_module("a/train", [root]) == root / "train.py"


def test_a_link_out_of_the_root_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "inner.py").symlink_to(root / "train.py")
    assert find_module("link", [root]) is None
    assert find_module("inner", [root]) == root / "inner.py"
