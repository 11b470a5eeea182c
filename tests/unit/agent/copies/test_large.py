"""The large files of a run: the largest, for so long, and none that a copy does not bring alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rundirs import A, B

from guild_sync.agent.copies import large
from guild_sync.agent.copies.survey import survey
from guild_sync.agent.protocol import LARGE, SelectionForm

ALL: SelectionForm = {
    "exclude": [],
    "include": [],
    "max_size": None,
    "large": None,
    "delete": False,
    "inputs": True,
}


def run(home: Path, run_id: str = A) -> Path:
    found = home / "runs" / run_id
    (found / ".guild").mkdir(parents=True)
    (found / ".guild" / "opref").write_text("package:gpkg.demo 1.0 '' op")
    return found


def sparse(path: Path, size: int = LARGE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)


def has_holes(home: Path) -> bool:
    """Whether a run there is told as sparse, to who asks for large files."""
    return survey(str(home), [A], large=True)["states"][A]["sparse"]


def found(home: Path, *ids: str, selection: SelectionForm = ALL) -> dict[str, list[str]]:
    told = survey(str(home), ids or (A,), look_only=True, selection=selection, large=True)
    return {i: sorted(path for path, _ in state["large"]) for i, state in told["states"].items()}


def test_files_from_a_size_on_are_told_with_their_sizes(tmp_path: Path) -> None:
    here = run(tmp_path)
    sparse(here / "sub" / "model", LARGE + 7)
    sparse(here / "small", LARGE - 1)
    told = survey(str(tmp_path), [A], large=True)["states"][A]["large"]
    assert told == [("sub/model", LARGE + 7)]
    assert survey(str(tmp_path), [A])["states"][A]["large"] == []


def test_what_is_a_copys_only_together_or_guilds_own_is_none(tmp_path: Path) -> None:
    here = run(tmp_path)
    sparse(here / "one")
    os.link(here / "one", here / "two")
    sparse(here / ".guild" / "output")
    sparse(here / ".guild" / "LOCK.remote")
    sparse(here / "__pycache__" / "x.pyc")
    (here / "link").symlink_to("one")
    assert found(tmp_path) == {A: []}


def test_what_is_left_out_of_the_copy_is_none(tmp_path: Path) -> None:
    here = run(tmp_path)
    for name in ("out/a", "out/b", "outer", "kept", "dropped"):
        sparse(here / name)
    assert found(tmp_path, selection={**ALL, "exclude": ["out", "dropped"]}) == {
        A: ["kept", "outer"]
    }


def test_a_run_that_is_a_link_has_none(tmp_path: Path) -> None:
    sparse(run(tmp_path) / "model")
    (tmp_path / "runs" / A).rename(tmp_path / "moved")
    (tmp_path / "runs" / A).symlink_to(tmp_path / "moved")
    assert found(tmp_path) == {A: []}


def test_of_many_the_largest_of_all_runs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "MOST_LARGE", 3)
    here = run(tmp_path)
    for number in range(4):
        sparse(here / f"a{number}")
    sparse(run(tmp_path, B) / "b", 2 * LARGE)
    told = found(tmp_path, A, B)
    assert told[B] == ["b"]
    assert len(told[A]) == 2


def test_no_longer_is_looked_than_there_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run(tmp_path)
    for number in range(300):
        (here / f"{number:03}").touch()
    sparse(here / "zz")
    monkeypatch.setattr(large, "LOOK_SECONDS", 1e-9)
    assert found(tmp_path) == {A: []}


def test_a_run_is_sparse_where_a_file_of_it_has_holes_or_it_was_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run(tmp_path)
    (here / "dense").write_bytes(b"x" * 100_000)
    (here / "few").write_bytes(b"x")
    (here / "link").symlink_to("dense")
    (here / "none").touch()
    assert not has_holes(tmp_path)
    assert survey(str(tmp_path), [A])["states"][A]["sparse"]  # who does not ask is not told
    with monkeypatch.context() as patched:
        patched.setattr(large, "LOOK_SECONDS", 0)
        assert has_holes(tmp_path)
    sparse(here / "holes", 100_000)
    os.link(here / "holes", here / ".guild" / "holes")
    (here / "holes").unlink()
    assert has_holes(tmp_path)


def test_a_run_that_is_a_link_may_be_sparse(tmp_path: Path) -> None:
    run(tmp_path).rename(tmp_path / "moved")
    (tmp_path / "runs" / A).symlink_to(tmp_path / "moved")
    assert has_holes(tmp_path)


def test_a_run_whose_look_was_cut_short_may_be_sparse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run(tmp_path)
    for number in range(300):
        (here / f"{number:03}").touch()
    monkeypatch.setattr(large, "LOOK_SECONDS", 1e-9)
    assert has_holes(tmp_path)
