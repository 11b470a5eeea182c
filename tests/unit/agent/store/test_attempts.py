"""The attempts of a run: kept once each, whatever was cut off, and read whatever is there."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from rundirs import A, make, state
from support import at_every_line

from guild_sync.agent.catalog import describe
from guild_sync.agent.copies import marks
from guild_sync.agent.staging import restage
from guild_sync.agent.store import attempts, rundir
from guild_sync.agent.store.attempts import Counts


def failed(home: Path, started: int = 10, output: str = "first\n") -> Path:
    run = make(home, started=started, stopped=started + 1, exit_status=3)
    (run / ".guild/output").write_text(output)
    return run


def record(run: Path, number: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (run / f".guild/attempts/{number}/attempt.json").read_text()
    )
    return found


def test_an_attempt_is_put_aside_with_its_end_and_its_output(tmp_path: Path) -> None:
    run = failed(tmp_path)
    rundir.put_attempt_aside(str(run))
    ended = {"started": 10, "stopped": 11, "exit_status": 3, "ended_by": None}
    assert record(run, 1) == ended
    assert (run / ".guild/attempts/1/output").read_text() == "first\n"
    assert not (run / ".guild/output").exists()
    rundir.write_attr(str(run), "started", 20)
    assert describe.info(str(tmp_path), A)["attempts"] == [
        {"number": 1, "status": "error", **ended, "retried": False}
    ]
    assert describe.summary(str(tmp_path), A)["attempt"] == 2


@pytest.mark.parametrize("again", [False, True])
def test_one_that_was_cut_off_is_put_aside_once(tmp_path: Path, again: bool) -> None:
    run = failed(tmp_path)
    guild = str(run / ".guild")
    attempts.note_end(guild, attempts.AttemptEnd(10, 11, 3))  # cut off here, say by a power cut
    assert describe.summary(str(tmp_path), A)["attempt"] == 1
    assert describe.info(str(tmp_path), A)["attempts"] == []
    rundir.put_attempt_aside(str(run), again)  # and here
    rundir.put_attempt_aside(str(run))
    assert [path.name for path in (run / ".guild/attempts").iterdir()] == ["1"]
    assert (run / ".guild/attempts/1/output").read_text() == "first\n"
    assert record(run, 1).get("retried", False) is again


def test_one_that_no_runner_lived_to_tell_the_end_of_is_kept_too(tmp_path: Path) -> None:
    run = make(tmp_path, started=10)
    rundir.put_attempt_aside(str(run))
    assert record(run, 1) == dict.fromkeys(("stopped", "exit_status", "ended_by")) | {"started": 10}
    assert (run / ".guild/attempts/1/output").read_text() == ""


def test_a_run_that_was_never_started_has_none(tmp_path: Path) -> None:
    run = make(tmp_path, marks={"STAGED": ""})
    rundir.put_attempt_aside(str(run))
    assert not (run / ".guild/attempts").exists()
    assert describe.summary(str(tmp_path), A)["attempt"] == 1


@pytest.mark.parametrize(
    "text",
    ["", "[1]", '{"started": {}, "ended_by": 7, "retried": 1}', "\0", "[" * 10000, '{"a": 1}'],
)
def test_what_a_remote_sends_in_place_of_an_attempt_is_read_as_far_as_it_goes(
    tmp_path: Path, text: str
) -> None:
    run = failed(tmp_path)
    (run / ".guild/attempts/7").mkdir(parents=True)
    (run / ".guild/attempts/7/attempt.json").write_text(text)
    (run / ".guild/attempts/x").mkdir()
    (run / ".guild/attempts/99999999999").mkdir()
    found = describe.info(str(tmp_path), A)
    assert found["attempt"] == 8
    assert all(each["ended_by"] is None and not each["retried"] for each in found["attempts"])
    rundir.put_attempt_aside(str(run))
    assert record(run, 8)["started"] == 10


@pytest.mark.parametrize("linked", ["attempts", "attempts/1", "attempts/1/attempt.json"])
def test_no_link_in_place_of_an_attempt_is_followed(tmp_path: Path, linked: str) -> None:
    other = failed(tmp_path)
    rundir.put_attempt_aside(str(other))
    rundir.write_attr(str(other), "started", 20)
    run = make(tmp_path, "b" * 32, started=10, stopped=11, exit_status=3)
    (run / ".guild" / linked).parent.mkdir(parents=True, exist_ok=True)
    (run / ".guild" / linked).symlink_to(other / ".guild" / linked)
    before = sorted((path, path.stat().st_mtime_ns) for path in other.rglob("*"))
    assert describe.info(str(tmp_path), "b" * 32)["attempts"] == []
    with suppress(OSError):
        rundir.put_attempt_aside(str(run))
    assert sorted((path, path.stat().st_mtime_ns) for path in other.rglob("*")) == before


def test_what_is_to_be_another_run_has_none(tmp_path: Path) -> None:
    run = failed(tmp_path)
    rundir.put_attempt_aside(str(run))
    rundir.forget_attempts(str(run))
    assert not (run / ".guild/attempts").exists()


def test_a_restart_is_no_retry(tmp_path: Path) -> None:
    run = failed(tmp_path)
    rundir.put_attempt_aside(str(run))
    assert rundir.state(str(run))["retries"] == 0
    rundir.write_attr(str(run), "started", 20)
    rundir.put_attempt_aside(str(run), again=True)
    rundir.write_attr(str(run), "started", 30)
    assert rundir.state(str(run))["retries"] == 1


def test_a_copy_has_the_counts_with_which_it_was_settled(tmp_path: Path) -> None:
    """Its files may be those of a later moment, of which nothing was told yet."""
    run = make(tmp_path, started=20, marks={"LOCK.remote": "gpu1\n"})
    (run / ".guild/attempts/1").mkdir(parents=True)
    (run / ".guild/attempts/1/attempt.json").write_text('{"started": 10, "retried": true}')
    assert rundir.attempt_counts(str(run), 20) == Counts(0, 0)
    there = state("running", started=20, retries=1, stalls=0)
    assert marks.begin(str(tmp_path), {A: there}, "gpu1")["counts"] == {A: (0, 0)}
    assert marks.settle(str(tmp_path), {A: there}, "gpu1", 1) == {}
    (run / ".guild/attempts/2").mkdir()
    (run / ".guild/attempts/2/attempt.json").write_text('{"started": 15, "retried": true}')
    assert rundir.attempt_counts(str(run), 20) == Counts(1, 0)
    assert marks.begin(str(tmp_path), {A: there}, "gpu1")["counts"] == {A: (1, 0)}


def test_a_copy_forgets_what_has_ended_an_earlier_attempt(tmp_path: Path) -> None:
    run = make(tmp_path, started=10, stopped=11, exit_status=-15, ended_by="time limit 1s")
    assert describe.summary(str(tmp_path), A)["ended_by"] == "time limit 1s"
    there = state("completed", started=20, stopped=21, exit_status=0)
    marks.begin(str(tmp_path), {A: there}, "gpu1")
    assert rundir.read_attr(str(run), "ended_by") is None


@pytest.mark.parametrize("again", [True, False])
def test_a_kill_at_any_moment_leaves_what_the_next_start_sorts_out(
    tmp_path: Path, again: bool
) -> None:
    """Each attempt is there once, with its own output, however far the first one came."""
    run = failed(tmp_path)
    homes: list[Path] = []
    seen = set()

    def cut_off() -> None:
        there = tuple(sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*")))
        if there in seen:
            return
        seen.add(there)
        home = tmp_path / f"cut{len(homes)}"
        shutil.copytree(run, home / "runs" / A)
        homes.append(home)

    with at_every_line(cut_off):
        attempts.note_end(str(run / ".guild"), attempts.AttemptEnd(10, 11, 3))
        rundir.put_attempt_aside(str(run), again)
        rundir.write_attrs(str(run), {"started": 20})
    for home in (*homes, tmp_path):
        restage.restage(str(home), A, {}, {"op": "op", "argv": ["true"]})
        found = describe.info(str(home), A)
        outputs = [
            path.read_text() for path in sorted(home.glob("runs/*/.guild/attempts/*/output"))
        ]
        started = [each["started"] for each in found["attempts"]]
        assert (started, outputs) in (([10], ["first\n"]), ([10, 20], ["first\n", ""]))
        assert found["attempts"][0]["exit_status"] == 3
    assert len(homes) > 5
