"""Patterns of paths in a run mean the same to a listing and to a copy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from guild_sync.agent.files import left_out as left_out_module
from guild_sync.agent.files.left_out import left_out
from guild_sync.agent.files.patterns import at_any_depth, from_the_top, is_below, matches
from guild_sync.agent.files.tree import list_files
from guild_sync.agent.protocol import SelectionForm

RUN_ID = "a" * 32
FILES = ("a/b/c.txt", "a/c.txt", "b/a/c.txt", "c.txt", "logs.txt", "x/logs/y.gz")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / RUN_ID
    (folder / ".guild/attrs").mkdir(parents=True)
    (folder / ".guild/attrs/started").write_text("1")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def selection(exclude: list[str], include: Sequence[str] = ()) -> SelectionForm:
    return {
        "exclude": exclude,
        "include": list(include),
        "max_size": None,
        "large": None,
        "delete": False,
        "inputs": True,
    }


# Patterns, all with a slash, and which of FILES they are for.
PATTERNS = [
    ("a/**", {"a/b/c.txt", "a/c.txt"}),
    ("a/*", {"a/b/c.txt", "a/c.txt"}),
    ("a/*.txt", {"a/c.txt"}),
    ("a/**/c.txt", {"a/b/c.txt", "a/c.txt"}),
    ("a/**/b/**", {"a/b/c.txt"}),
    ("c.txt/**", set()),
    ("**/a/**", {"a/b/c.txt", "a/c.txt", "b/a/c.txt"}),
    ("**/a/c.txt", {"a/c.txt", "b/a/c.txt"}),
    ("**/c.txt", {"a/b/c.txt", "a/c.txt", "b/a/c.txt", "c.txt"}),
    ("**/**", set(FILES)),
    ("*/logs", {"x/logs/y.gz"}),
    ("./a/./c.txt", {"a/c.txt"}),
    ("[ab]/**/c.txt", {"a/b/c.txt", "a/c.txt", "b/a/c.txt"}),
    ("?/c.txt", {"a/c.txt"}),
    ("A/**", set()),
]


@pytest.mark.parametrize(("pattern", "meant"), PATTERNS)
def test_a_pattern_means_the_same_to_a_listing_and_to_a_copy(
    run: Path, tmp_path: Path, pattern: str, meant: set[str]
) -> None:
    listed = [file["path"] for file in list_files(str(tmp_path), RUN_ID, pattern=pattern)["files"]]
    assert {path for path in listed if not path.endswith("/")} == meant
    missing = [path for path, _ in left_out(str(run), selection([pattern]), True, 100)]
    assert {name for name in FILES if name.startswith(tuple(missing))} == meant
    kept = selection(["*"], [pattern])
    assert set(FILES) - {path for path, _ in left_out(str(run), kept, True, 100)} == meant


def test_two_stars_at_the_end_are_what_is_below_a_folder_and_not_the_folder() -> None:
    assert not matches("a", from_the_top("a/**"))
    assert not is_below("a", at_any_depth("a/**"))
    assert matches("a/b", from_the_top("a/**"))
    assert matches("a", from_the_top("**"))


@pytest.mark.parametrize(
    ("pattern", "at_the_top", "anywhere"),
    [
        ("c.txt", ["c.txt"], [*FILES[:4]]),
        ("logs", [], ["x/logs/y.gz"]),
        ("logs/", [], ["x/logs/y.gz"]),
        ("*.gz", [], ["x/logs/y.gz"]),
        ("b", ["b/a/c.txt"], ["a/b/c.txt", "b/a/c.txt"]),
    ],
)
def test_a_name_is_for_the_top_of_a_listing_and_for_any_depth_of_a_copy(
    pattern: str, at_the_top: list[str], anywhere: list[str]
) -> None:
    assert [path for path in FILES if is_below(path, from_the_top(pattern))] == at_the_top
    assert [path for path in FILES if is_below(path, at_any_depth(pattern))] == anywhere


@pytest.mark.parametrize("pattern", [None, "", ".", "./"])
def test_no_pattern_means_every_path_of_a_listing(pattern: str | None) -> None:
    assert from_the_top(pattern) == []
    assert is_below("a/b", from_the_top(pattern))


def test_a_file_that_goes_while_it_is_looked_at_is_left_out_of_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = left_out_module._entries

    def entries(folder: str) -> list[os.DirEntry[str]]:
        found = real(folder)
        (run / "c.txt").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(left_out_module, "_entries", entries)
    paths = [path for path, _ in left_out(str(run), selection(["*.txt"]), False, 100)]
    assert paths == ["a/b/c.txt", "a/c.txt", "b/a/c.txt", "logs.txt"]
