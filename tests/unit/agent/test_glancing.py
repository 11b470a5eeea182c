"""A host at one glance: which runs are told of, and what of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rundirs import A, B, C, make

from guild_sync.agent import forms, glancing, protocol
from guild_sync.agent.scalars import kept
from guild_sync.agent.scalars.series import ScalarSeries

NOW = protocol.now()
AGO = NOW - 7200 * 1_000_000


def scalars(run: Path, *steps: int | None, **values: float) -> None:
    found = {name: ScalarSeries() for name in values}
    for name, value in values.items():
        for step in steps or (None,):
            found[name].add(value, NOW, step)
    kept.write(str(run), found)


def test_open_runs_come_first_and_then_those_that_have_just_ended(home: Path) -> None:
    make(home, A, started=NOW, stopped=NOW, exit_status=1)
    make(home, B, {"PENDING": ""}, initialized=NOW - 5)
    make(home, C, started=AGO, stopped=NOW - 9, exit_status=0)
    found = glancing.glance(str(home), {})
    assert [run["id"] for run in found["runs"]] == [B, A, C]
    assert found["open"] == {"pending": 1}
    assert (found["ended"], found["failed"]) == (2, 1)
    assert found["free"] is not None
    assert found["free"]["cores"] > 0
    assert forms.read(protocol.Glance, json.loads(json.dumps(found))) == found


def test_what_ended_longer_ago_is_left_out(home: Path) -> None:
    make(home, A, started=AGO, stopped=AGO + 1, exit_status=0)
    assert glancing.glance(str(home), {})["runs"] == []
    assert len(glancing.glance(str(home), {}, lately=9000)["runs"]) == 1


def test_a_copy_of_another_machines_run_is_none_of_this_hosts(home: Path) -> None:
    make(home, A, {"LOCK.remote": "gpu1\n"}, started=NOW)
    found = glancing.glance(str(home), {})
    assert (found["runs"], found["open"]) == ([], {})


def test_what_was_open_before_is_looked_at_however_long_ago_it_began(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glancing, "_LATEST", 1)
    make(home, A, started=AGO, stopped=NOW, exit_status=0)
    make(home, B, started=NOW, stopped=NOW, exit_status=0)
    assert [run["id"] for run in glancing.glance(str(home), {})["runs"]] == [B]
    found = glancing.glance(str(home), {}, known=[A, "../x", C])
    assert {run["id"] for run in found["runs"]} == {A, B}


def test_no_more_runs_are_told_of_than_are_looked_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glancing, "MOST", 2)
    for run_id in (A, B, C):
        make(home, run_id, {"PENDING": ""}, initialized=NOW)
    found = glancing.glance(str(home), {})
    assert (len(found["runs"]), found["open"]) == (2, {"pending": 3})


def test_a_run_has_its_last_line_and_its_scalars(home: Path) -> None:
    run = make(home, A, {"PENDING": ""}, initialized=NOW)
    (run / ".guild" / "output").write_text("loss: 0.5 (step 7)\n")
    scalars(run, 6, 7, loss=0.5)
    (found,) = glancing.glanced(str(home), [A, B])
    assert (found["said"], found["step"]) == ("loss: 0.5 (step 7)", 7)
    assert found["scalars"]["loss"]["last"] == 0.5


def test_steps_that_may_only_have_been_counted_are_none(home: Path) -> None:
    scalars(make(home, A, {"PENDING": ""}), None, None, loss=0.5)
    assert glancing.glanced(str(home), [A])[0]["step"] is None


def test_of_many_scalars_some_are_told(home: Path) -> None:
    scalars(make(home, A, {"PENDING": ""}), **{f"s{n}": 1.0 for n in range(50)})
    assert list(glancing.glanced(str(home), [A])[0]["scalars"]) == [f"s{n}" for n in range(8)]


def test_what_is_free_is_not_known_where_the_environment_is_not_there(home: Path) -> None:
    make(home, A, {"PENDING": ""})
    found = glancing.glance(str(home), {"venv-path": "/nowhere"})
    assert found["free"] is None
    assert len(found["runs"]) == 1


def test_a_host_that_was_never_used_has_none(home: Path) -> None:
    assert glancing.glance(str(home), {})["runs"] == []


def test_no_output_is_read_for_scalars_that_nobody_has_kept(home: Path) -> None:
    run = make(home, A, {"PENDING": ""}, initialized=NOW)
    (run / ".guild" / "output").write_text("loss: 0.5\n")
    assert glancing.glanced(str(home), [A])[0]["scalars"] == {}
    assert not (home / "cache").exists()
    assert sorted(path.name for path in home.iterdir()) == ["runs"]
