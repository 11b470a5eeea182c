"""What the lines of a listing of all runs are made of: as of one run, and of few system calls."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from rundirs import A, B, make

from guild_sync.agent.catalog import describe
from guild_sync.agent.protocol import Plain, RunLine
from guild_sync.agent.remembering import beside

ENDED: Mapping[str, Plain] = {
    "initialized": 1,
    "started": 2,
    "stopped": 3,
    "exit_status": 0,
    "label": "lr=1",
    "flags": {"lr": 1},
    "tags": ["a"],
    "cmd": ["python", "-m", "train"],
    "comments": [],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were opened or looked for since."""
    found: list[str] = []
    for name in ("open", "access", "lstat", "stat"):
        real = getattr(os, name)

        def noting(path: str, *args: object, _real: object = real, **named: object) -> object:
            found.append(os.fspath(path))
            assert callable(_real)
            return _real(path, *args, **named)

        monkeypatch.setattr(os, name, noting)
    yield found


def is_as_all_of_it(home: Path, run_id: str, deleted: bool = False) -> bool:
    """Whether a run's line says what all that a listing shows of it says."""
    top = str(home)
    found = []
    for short in (False, True):
        (line,) = describe.lines(top, [run_id], deleted, short)
        whole = describe.summary(top, run_id, deleted, short)
        assert {*line} == {*RunLine.__annotations__}
        found.append({**whole, **line} == whole)
    return all(found)


@pytest.mark.parametrize("attributes", [ENDED, {**ENDED, "exit_status": 1}, {"initialized": 1}, {}])
@pytest.mark.parametrize(
    "marks",
    [
        *({}, {"PENDING": ""}, {"STAGED": ""}, {"LOCK.remote": "gpu1\n"}, {"LOCK.lost": "gpu1\n"}),
        *({"BATCH": ""}, {"LOCK.unreadable": '["x"]'}, {"PENDING": "", "LOCK.waits": "a GPU"}),
    ],
)
def test_a_line_says_what_all_that_is_shown_of_a_run_says(
    tmp_path: Path, marks: Mapping[str, str], attributes: Mapping[str, Plain]
) -> None:
    make(tmp_path, A, marks, **attributes)
    assert is_as_all_of_it(tmp_path, A)
    (tmp_path / "trash").mkdir()
    (tmp_path / "runs").rename(tmp_path / "trash/runs")
    assert is_as_all_of_it(tmp_path, A, deleted=True)


def test_a_batch_is_called_after_the_operation_that_it_has_trials_of(tmp_path: Path) -> None:
    run = make(tmp_path, A, {"BATCH": ""}, **ENDED)
    (run / ".guild/opref").write_text("builtin:'' '' '' +")
    make(run / ".guild", B)
    (run / ".guild/runs" / B).rename(run / ".guild/proto")
    (line,) = describe.lines(str(tmp_path), [A])
    assert (line["opref"]["name"], line["indexed"]) == ("op+", False)
    assert is_as_all_of_it(tmp_path, A)


@pytest.mark.parametrize("damage", ["no .guild", "a link", "no attributes", "no operation"])
def test_of_what_is_not_there_a_line_says_as_little(tmp_path: Path, damage: str) -> None:
    guild = make(tmp_path, A, {}, **ENDED) / ".guild"
    if damage == "no operation":
        (guild / "opref").unlink()
    elif damage == "a link":
        guild.rename(tmp_path / "elsewhere")
        guild.symlink_to(tmp_path / "elsewhere")
    else:
        shutil.rmtree(guild / "attrs" if damage == "no attributes" else guild)
    assert is_as_all_of_it(tmp_path, A)


def test_a_line_asks_for_no_more_than_it_shows(tmp_path: Path, asked: list[str]) -> None:
    """A listing of 100,000 runs spends its time on this."""
    run = make(tmp_path, A, {}, **ENDED)
    describe.lines(str(tmp_path), [A])
    assert [name for name in asked if name.startswith(str(run))] == [str(run / ".guild")]
    unseen = {"cmd", "flags", "comments", "marked", "started_by", "ended_by"}
    assert not unseen & {*asked}
    assert len(asked) <= 25


def test_of_many_runs_two_processes_tell_what_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = [{}, {"PENDING": ""}, {"LOCK.remote": "gpu1\n"}, {"BATCH": ""}, {"STAGED": ""}]
    ids = [f"{number:032x}" for number in range(len(marks))]
    for run_id, mark in zip(ids, marks, strict=True):
        make(tmp_path, run_id, mark, **{**ENDED, "label": f"é {run_id}"})
    tell: list[Callable[[], Sequence[RunLine]]] = [
        partial(describe.lines, str(tmp_path), ids),
        partial(describe.summaries, str(tmp_path), ids, short=True),
    ]
    by_one = [told() for told in tell]
    fork = mock.Mock(wraps=os.fork)
    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(beside, "is_sooner", lambda: True)
    assert [told() for told in tell] == by_one
    assert not fork.called, "of few one process is enough"
    monkeypatch.setattr(describe, "_BY_TWO", len(ids))
    assert [told() for told in tell] == by_one
    assert fork.call_count == 2
