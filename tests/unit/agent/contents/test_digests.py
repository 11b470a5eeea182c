"""Digests of files: read once, and again where a file may have changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from contents import form

from guild_sync.agent.contents import digests
from guild_sync.agent.contents.digests import LEAST


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"a" * LEAST)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def digest(home: Path, file: Path) -> str:
    return digests.digests_of(str(home), [str(file)])[str(file)]


def memory(home: Path) -> dict[str, list[object]]:
    found: dict[str, list[object]] = json.loads((home / "cache/digests.json").read_text())
    return found


def settle(home: Path, file: Path, lie: str = "0" * 64) -> None:
    """As if the file had been read long after it was changed; what is remembered is a lie."""
    known = memory(home)
    known[str(file)][-2:] = [time.time_ns() + 10**10, lie]
    (home / "cache/digests.json").write_text(json.dumps(known))


def test_a_large_file_is_read_once_while_it_is_as_it_was(home: Path, file: Path) -> None:
    assert digest(home, file) == form(file.read_bytes())["digest"]
    settle(home, file)
    assert digest(home, file) == "0" * 64, "it was not read"


def test_one_that_was_changed_just_before_is_read_again(home: Path, file: Path) -> None:
    digest(home, file)
    known = memory(home)
    known[str(file)][-1] = "0" * 64
    (home / "cache/digests.json").write_text(json.dumps(known))
    assert digest(home, file) == form(file.read_bytes())["digest"], "its ctime is as new as that"


@pytest.mark.parametrize("change", ["written", "same size and time", "another file"])
def test_one_that_has_changed_is_read_again(home: Path, file: Path, change: str) -> None:
    digest(home, file)
    settle(home, file)
    new = b"b" * LEAST
    if change == "another file":
        (file.parent / "new").write_bytes(new)
        os.replace(file.parent / "new", file)
    else:
        file.write_bytes(new)
    if change != "written":
        os.utime(file, (1_000_000_000, 1_000_000_000))
    assert digest(home, file) == form(new)["digest"]


@pytest.mark.parametrize("harm", ["", "{", "[]", '{"%s": 3}', '{"%s": [1, 2, 3, 4, 5, 6]}'])
def test_a_memory_that_makes_no_sense_is_none(home: Path, file: Path, harm: str) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache/digests.json").write_text(harm.replace("%s", str(file)))
    assert digest(home, file) == form(file.read_bytes())["digest"]
    assert [*memory(home)] == [str(file)]


def test_a_small_file_is_not_remembered_and_no_home_is_needed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    assert digest(home, tmp_path / "small") == form(b"x")["digest"]
    assert not (home / "cache").exists()
