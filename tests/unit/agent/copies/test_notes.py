"""What people wrote on two sides, merged: no word of either is lost."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rundirs import A, B, make
from support import at_every_line

from guild_sync.agent import protocol
from guild_sync.agent.catalog import changes
from guild_sync.agent.copies import notes
from guild_sync.agent.errors import AgentError
from guild_sync.agent.store import attrs, inside, rundir

REMOTE = "gpu"
NOTHING: dict[str, Any] = dict.fromkeys(protocol.NOTES)


def comment(text: str, time: int) -> dict[str, Any]:
    return {"body": text, "user": "me", "host": "h", "time": time}


ONE, TWO, THREE = comment("one", 1), comment("two", 2), comment("three", 3)


def merge(home: Path, **theirs: Any) -> dict[str, list[str]]:
    return notes.merge_notes(str(home), {A: {**NOTHING, **theirs}}, REMOTE)


def write(home: Path, **values: Any) -> None:
    folder = home / "runs" / A / ".guild/attrs"
    for name, value in values.items():
        if value is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_text(attrs.encode(value))


def here(home: Path) -> dict[str, Any]:
    found = rundir.notes(str(home / "runs" / A))
    return {name: value for name, value in found.items() if value is not None}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make(tmp_path, A, started=1)
    return tmp_path


CASES: list[tuple[str, Any, Any, Any, Any, list[str]]] = [
    # which, copied last, here, there: what is here then, and what is told of
    ("label", "a", "a", "b", "b", []),
    ("label", "a", "b", "a", "b", []),
    ("label", "a", "b", "c", "b", ["label"]),
    ("label", "a", "b", "b", "b", []),
    ("label", "a", None, "a", None, []),
    ("label", "a", "a", None, None, []),
    ("label", "a", None, "c", None, ["label"]),
    ("label", "a", "b", None, "b", ["label"]),
    ("label", None, None, "b", "b", []),
    ("label", None, "a", "b", "a", ["label"]),
    ("marked", None, True, None, True, []),
    ("marked", True, True, None, None, []),
    ("marked", True, None, True, None, []),
    ("tags", ["a"], ["a", "x"], ["a", "b"], ["a", "b", "x"], []),
    ("tags", ["a", "b"], ["a"], ["b"], None, []),
    ("tags", ["a", "b"], ["b"], ["a", "b", "c"], ["b", "c"], []),
    ("tags", None, ["a"], ["b"], ["a", "b"], []),
    ("comments", [ONE], [ONE, THREE], [ONE, TWO], [ONE, TWO, THREE], []),
    ("comments", [ONE], [], [ONE, TWO], [TWO], []),
    ("comments", [ONE, TWO], [ONE, TWO], [TWO], [TWO], []),
    ("comments", [ONE], [ONE], [ONE], [ONE], []),
    ("comments", None, [TWO], [ONE], [ONE, TWO], []),
    ("tags", ["a"], "odd", ["b"], "odd", ["tags"]),
]


@pytest.mark.parametrize(("name", "base", "mine", "theirs", "then", "told"), CASES)
def test_what_one_side_changed_counts_and_where_both_did_the_one_here_stays(
    home: Path, name: str, base: Any, mine: Any, theirs: Any, then: Any, told: list[str]
) -> None:
    write(home, **{name: base})
    merge(home, **{name: base})
    write(home, **{name: mine})
    assert merge(home, **{name: theirs}) == ({A: told} if told else {})
    assert here(home).get(name) == then
    assert merge(home, **{name: theirs}) == {}, "it is told of once"
    assert here(home).get(name) == then


@pytest.mark.parametrize(("name", "base", "mine", "theirs", "then", "told"), CASES[2::5])
def test_a_kill_at_any_moment_of_a_merge_loses_no_word(
    tmp_path: Path, name: str, base: Any, mine: Any, theirs: Any, then: Any, told: list[str]
) -> None:
    home = tmp_path / "home"
    make(home, A, started=1)
    write(home, **{name: base})
    merge(home, **{name: base})
    write(home, **{name: mine})
    moments: list[dict[str, bytes]] = []

    def look() -> None:
        files = {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
        if files not in moments:
            moments.append(files)

    with at_every_line(look):
        merge(home, **{name: theirs})
    assert moments
    for number, files in enumerate(moments):
        again = tmp_path / str(number)
        for path, data in files.items():
            (again / path).parent.mkdir(parents=True, exist_ok=True)
            (again / path).write_bytes(data)
        merge(again, **{name: theirs})
        assert here(again).get(name) == then, number


def test_a_run_that_is_new_here_gets_all(home: Path) -> None:
    theirs = {"label": "best", "tags": ["x"], "comments": [ONE], "marked": True}
    assert merge(home, **theirs) == {}
    assert here(home) == theirs


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"gpu": 5}', '{"gpu": {"label": {}}}'])
def test_a_copy_without_a_base_that_can_be_read_loses_nothing(home: Path, torn: str) -> None:
    write(home, label="mine", tags=["a"], comments=[ONE])
    (home / "runs" / A / ".guild" / notes.BASE).write_text(torn)
    told = merge(home, label="theirs", tags=["b"], comments=[TWO], marked=True)
    assert told == {A: ["label"]}
    assert here(home) == {
        "label": "mine",
        "tags": ["a", "b"],
        "comments": [ONE, TWO],
        "marked": True,
    }


def test_what_cannot_be_read_changes_nothing(home: Path) -> None:
    write(home, label="a", tags=["x"])
    merge(home, label="a", tags=["x"])
    folder = home / "runs" / A / ".guild/attrs"
    (folder / "tags").write_text("[\n")
    assert notes.merge_notes(str(home), {A: {"tags": ["y"]}}, REMOTE) == {}
    assert here(home)["label"] == "a", "the remote could not read its label"
    assert (folder / "tags").read_text() == "[\n", "what cannot be read here is nobody's word"


def test_what_a_power_cut_has_left_empty_comes_from_the_remote(home: Path) -> None:
    write(home, label="a", tags=["x"])
    merge(home, label="a", tags=["x"])
    (home / "runs" / A / ".guild/attrs/tags").write_text("")
    merge(home, label="a", tags=["x"])
    assert here(home)["tags"] == ["x"]


def test_of_a_copy_without_a_base_what_was_not_written_since_is_the_base(home: Path) -> None:
    """Earlier versions kept none."""
    write(home, label="old", tags=["x"])
    rundir.confirm(str(home / "runs" / A), REMOTE, time.time_ns() // 1000)
    past, later = 1, time.time() + 60
    attrs = home / "runs" / A / ".guild/attrs"
    os.utime(attrs / "label", (past, past))
    os.utime(attrs / "tags", (later, later))
    assert merge(home, label="new", tags=["y"]) == {}
    assert (here(home)["label"], here(home)["tags"]) == ("new", ["x", "y"])


def test_each_remote_has_a_base_of_its_own(home: Path) -> None:
    merge(home, label="a")
    notes.merge_notes(str(home), {A: {"label": "a"}}, "other")
    merge(home, label="b")
    assert here(home)["label"] == "b"
    assert notes.merge_notes(str(home), {A: {"label": "a"}}, "other") == {}
    assert here(home)["label"] == "b", "that remote has changed nothing"


def test_a_run_that_is_gone_is_passed_over(home: Path) -> None:
    assert notes.merge_notes(str(home), {B: {"label": "a"}}, REMOTE) == {}
    assert not (home / "runs" / B).exists()


def test_what_both_have_written_and_no_attribute_can_hold_together_stays_as_it_is(
    home: Path,
) -> None:
    mine, theirs = comment("m" * 600_000, 1), comment("t" * 600_000, 2)
    write(home, comments=[mine])
    assert merge(home, comments=[theirs], label="a") == {A: ["comments"]}
    assert here(home) == {"comments": [mine], "label": "a"}
    assert merge(home, comments=[theirs], label="a") == {}, "it is told of once"


def test_many_tags_are_merged_at_once(home: Path) -> None:
    names = [f"{number:06}" for number in range(80_000)]
    write(home, tags=names[:40_000])
    before = time.process_time()
    merge(home, tags=names[40_000:])
    assert time.process_time() - before < 15, "it grew with the square"
    assert here(home)["tags"] == names


def test_the_notes_of_many_runs_are_flushed_to_the_disk_at_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An fsync of each attribute would take a first pull of thousands of runs minutes."""
    ids = [f"{number:032x}" for number in range(50)]
    for run_id in ids:
        make(tmp_path, run_id)
    flushes: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: pytest.fail("one file by itself"))
    monkeypatch.setattr(inside, "flush", lambda paths: flushes.append(list(paths)))
    said = {**NOTHING, "label": "theirs", "tags": ["a"], "marked": True}
    notes.merge_notes(str(tmp_path), dict.fromkeys(ids, said), REMOTE)
    assert [len(paths) for paths in flushes] == [len(ids)]
    assert rundir.read_attr(str(tmp_path / "runs" / ids[-1]), "label") == "theirs"


def test_nobody_waits_for_another_change_where_there_is_nothing_to_merge(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(home, label="a")
    monkeypatch.setattr(changes, "_PATIENCE", 0.05)
    fd = os.open(home / "locks" / "changes.lock", os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert merge(home, label="a") == {}
        with pytest.raises(AgentError, match="another guild"):
            merge(home, label="b")
    finally:
        os.close(fd)
    assert here(home) == {"label": "a"}
    assert merge(home, label="b") == {}
    assert here(home) == {"label": "b"}


def test_what_was_written_between_the_look_and_the_lock_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(home, tags=["a"])

    @contextmanager
    def changing(folder: str) -> Iterator[None]:
        if here(home) == {"tags": ["a"]}:
            write(home, tags=["a", "mine"])
        with changes.changing(folder):
            yield

    monkeypatch.setattr(notes, "changing", changing)
    assert merge(home, tags=["a", "theirs"]) == {}
    assert here(home) == {"tags": ["a", "mine", "theirs"]}
