"""Which files of a copy came from its remote, and are as they came."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rundirs import A, B, folders_opened, make

from guild_sync.agent.copies import copied


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = make(tmp_path, A, started=1)
    for name in ("one", "two", "folder/three"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text(name)
    return run


def found(home: Path) -> list[str]:
    return copied.copied_files(str(home), [A])[A]


def test_files_that_came_are_known_until_they_are_changed(tmp_path: Path, run: Path) -> None:
    copied.note_copied(str(tmp_path), {A: ["one", "folder/three"]})
    assert found(tmp_path) == ["folder/three", "one"]
    (run / "one").write_text("another")
    assert found(tmp_path) == ["folder/three"]
    copied.note_copied(str(tmp_path), {A: ["two"]})
    assert found(tmp_path) == ["folder/three", "two"]
    copied.note_copied(str(tmp_path), {A: ["one"]})
    assert found(tmp_path) == ["folder/three", "one", "two"]


def test_what_is_gone_is_forgotten(tmp_path: Path, run: Path) -> None:
    copied.note_copied(str(tmp_path), {A: ["one", "two"]})
    (run / "one").unlink()
    copied.note_copied(str(tmp_path), {A: []})
    assert list(json.loads((run / ".guild" / copied.COPIED).read_text())) == ["two"]


def test_nothing_outside_the_run_and_no_metadata_is_ever_known(tmp_path: Path, run: Path) -> None:
    (tmp_path / "runs" / B).mkdir()
    (tmp_path / "runs" / B / "file").touch()
    paths = [f"../{B}/file", f"{tmp_path}/runs/{B}/file", ".guild/opref", "none", "a\0b"]
    copied.note_copied(str(tmp_path), {A: paths, "f" * 32: ["x"]})
    assert found(tmp_path) == []
    assert not (tmp_path / "runs" / ("f" * 32)).exists()


def test_of_thousands_of_files_that_came_each_folder_is_opened_once(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"folder/{number}" for number in range(1000)]
    for name in names:
        (run / name).touch()
    opened = folders_opened(monkeypatch)
    copied.note_copied(str(tmp_path), {A: names})
    assert len(opened) < 20
    assert found(tmp_path) == sorted(names)
