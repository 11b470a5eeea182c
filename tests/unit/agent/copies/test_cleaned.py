"""Runs that are removed as long as they are what was verified, and that nothing here needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rundirs import A, B, C, make

from guild_sync.agent.copies import cleaned
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Child, RequirementForm
from guild_sync.agent.store import locks, rundir
from guild_sync.agent.store.home import home_id
from guild_sync.agent.store.job import write_job


def ended(home: Path, *ids: str) -> str:
    """Make runs that have ended; the name of their guild home."""
    for at, run_id in enumerate(ids, 1):
        run = make(home, run_id, started=at, exit_status=0, stopped=at)
        (run / "file").write_text("ten bytes.")
    return home_id(str(home), make=True) or ""


def in_trash(home: Path) -> set[str]:
    return {*rundir.names(rundir.runs_dir(str(home), deleted=True))}


def test_a_run_that_is_over_has_a_seal_which_no_set_time_hides_a_change_from(home: Path) -> None:
    ended(home, A)
    make(home, B, started=2, marks={"STAGED": ""})
    before = cleaned.seals(str(home), [A, B, C])
    assert list(before) == [A]
    assert cleaned.seals(str(home), [A]) == before
    file = home / "runs" / A / "file"
    times = file.stat()
    file.write_text("ten bytes!")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cleaned.seals(str(home), [A]) != before


def test_what_has_its_seal_still_goes(home: Path) -> None:
    name = ended(home, A, B, C)
    seals = cleaned.seals(str(home), [A, B, C])
    (home / "runs" / B / "new").touch()
    done = cleaned.clean(str(home), seals, name)
    assert done["done"] == [A, C]
    assert done["refused"] == {B: "it changed after it was verified"}
    assert in_trash(home) == {A, C}
    assert [path.name for path in (home / "runs").glob("[0-9a-f]*")] == [B]


def test_what_is_not_over_by_now_stays(home: Path) -> None:
    name = ended(home, A, B, C)
    seals = cleaned.seals(str(home), [A, B, C])
    (home / "runs" / A / ".guild/PENDING").touch()
    (home / "runs" / B / ".guild/LOCK.remote").write_text("push from other\n")
    held = locks.hold(str(home / "runs" / C / ".guild"))
    assert held is not None
    try:
        done = cleaned.clean(str(home), seals, name)
    finally:
        locks.release(str(home / "runs" / C / ".guild"), held)
    assert done["refused"] == {
        A: "it is pending",
        B: "it is just being copied here",
        C: "it is running",
    }


def test_a_run_that_was_killed_and_has_no_exit_status_may_go(home: Path) -> None:
    make(home, A, started=1)
    name = home_id(str(home), make=True) or ""
    assert cleaned.clean(str(home), cleaned.seals(str(home), [A]), name)["done"] == [A]


def test_a_guild_home_of_another_name_is_refused(home: Path) -> None:
    ended(home, A)
    seals = cleaned.seals(str(home), [A])
    for name in ("", "0" * 32):
        with pytest.raises(AgentError, match="another than the one"):
            cleaned.clean(str(home), seals, name)
    with pytest.raises(AgentError, match="not a run id"):
        cleaned.clean(str(home), {"../runs": "x"}, home_id(str(home), make=False) or "")


@pytest.mark.parametrize("form", ["../{}", "{home}/runs/{}/file", "deep/../../{}/file"])
def test_a_run_that_another_has_a_link_into_goes_with_it_alone(home: Path, form: str) -> None:
    name = ended(home, A, B, C)
    link = home / "runs" / B / "link"
    link.symlink_to(form.format(A, home=home))
    (home / "runs" / C / "own").symlink_to("file")
    (home / "runs" / C / "out").symlink_to("/etc/hostname")
    (home / "runs" / C / "gone").symlink_to("../nothing")
    assert cleaned.linking(str(home), [A, B, C]) == {A: [B], B: [], C: []}
    seals = cleaned.seals(str(home), [A, B, C])
    done = cleaned.clean(str(home), {A: seals[A]}, name)
    assert done["refused"] == {A: f"run {B} has a link into it, or requires it"}
    # One that stays after all, keeps what it needs.
    done = cleaned.clean(str(home), {A: seals[A], B: "other"}, name)
    assert done["done"] == []
    assert cleaned.clean(str(home), seals, name)["done"] == [B, C, A]


def test_a_run_that_one_which_waits_would_be_given_stays(home: Path) -> None:
    name = ended(home, A, B)
    waiting = make(home, C, flags={"model": A[:10]}, marks={"STAGED": ""})
    needed: RequirementForm = {
        "kind": "operation",
        "name": "m",
        "source": "op",
        "flag": "model",
        "select": [],
        "rename": [],
        "target_path": "",
        "keep_folders": False,
        "copy": False,
    }
    write_job(str(waiting), {"requires": [needed]})
    assert cleaned.linking(str(home), [A, B]) == {A: [C], B: []}
    seals = cleaned.seals(str(home), [A, B])
    done = cleaned.clean(str(home), {A: seals[A]}, name)
    assert done["refused"] == {A: f"run {C} has a link into it, or requires it"}

    rundir.write_attr(str(waiting), "flags", {})
    assert cleaned.linking(str(home), [A, B]) == {A: [], B: [C]}, "it is given the latest"
    trial = Child(attributes={"flags": {"model": A}}, job={"requires": [needed]})
    write_job(str(waiting), {"children": [trial]})
    assert cleaned.linking(str(home), [A, B]) == {A: [C], B: []}
    (waiting / ".guild/STAGED").unlink()
    rundir.write_attr(str(waiting), "exit_status", 0)
    assert cleaned.linking(str(home), [A, B]) == {A: [], B: []}, "it has what it took"


def test_links_are_followed_wherever_runs_were_moved(home: Path, tmp_path: Path) -> None:
    ended(home, A, B)
    (home / "runs" / A / "data").symlink_to(f"../{B}/file")
    for run_id in (A, B):
        (home / "runs" / run_id).rename(tmp_path / f"moved-{run_id}")
        (home / "runs" / run_id).symlink_to(tmp_path / f"moved-{run_id}")
    assert cleaned.linking(str(home), [A, B]) == {A: [], B: [A]}
    (home / "runs" / A / "data").unlink()
    (home / "runs" / A / "data").symlink_to(tmp_path / f"moved-{B}/file")
    assert cleaned.linking(str(home), [B]) == {B: [A]}


def test_a_link_to_a_link_needs_both_runs(home: Path) -> None:
    ended(home, A, B, C)
    (home / "runs" / C / "data").symlink_to(f"../{A}/file")
    (home / "runs" / B / "data").symlink_to(f"../{C}/data")
    assert cleaned.linking(str(home), [A, B, C]) == {A: [B, C], B: [], C: [B]}
