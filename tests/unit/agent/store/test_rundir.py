"""A run's directory: its status, its attributes, what its operation is."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rundirs import A, B, C, make, state
from support import at_every_line

from guild_sync.agent.catalog import describe
from guild_sync.agent.copies import tracked
from guild_sync.agent.errors import AgentError
from guild_sync.agent.store import rundir


def status(run: Path) -> str:
    found = rundir.status(str(run))
    return f"{found.text} ({found.remote})" if found.remote else found.text


# A run's status: the first match wins.


def test_a_run_that_a_remote_has_is_running_there_whatever_else_is_marked(
    home: Path, dead: str
) -> None:
    marks = {"LOCK.remote": "gpu\n", "LOCK.lost": "gpu\n", "LOCK": dead}
    assert status(make(home, marks=marks, exit_status=0)) == "running (gpu)"


@pytest.mark.parametrize(("mark", "text"), [("PENDING", "pending"), ("STAGED", "staged")])
def test_a_run_that_waits_on_a_remote_waits_there(home: Path, mark: str, text: str) -> None:
    marks = {"LOCK.remote": "gpu\n", mark: ""}
    assert status(make(home, marks=marks, exit_status=0)) == f"{text} (gpu)"


def test_a_run_that_its_remote_has_no_more_is_lost_whatever_came_of_it(home: Path) -> None:
    assert status(make(home, marks={"LOCK.lost": "gpu\n"}, exit_status=0)) == "lost (gpu)"


def test_a_pending_run_is_pending_whatever_else_is_marked(home: Path, dead: str) -> None:
    marks = {"PENDING": "", "STAGED": "", "LOCK": dead}
    assert status(make(home, marks=marks, exit_status=0)) == "pending"


def test_a_staged_run_is_staged_whatever_else_is_marked(home: Path, dead: str) -> None:
    assert status(make(home, marks={"STAGED": "", "LOCK": dead}, exit_status=1)) == "staged"


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "completed"), (-15, "terminated"), (-1, "terminated"), (1, "error"), (255, "error")],
)
def test_a_run_that_ended_has_the_status_of_its_exit(home: Path, code: int, text: str) -> None:
    assert status(make(home, exit_status=code)) == text


@pytest.mark.parametrize("text", ["", "?", "[0]", "null", "0.0", "1" * 5000])
def test_an_exit_status_that_is_no_number_is_an_error(home: Path, text: str) -> None:
    run = make(home)
    (run / ".guild" / "attrs" / "exit_status").write_text(text)
    assert status(run) == "error"


def test_an_exit_status_counts_though_the_lock_is_still_held(home: Path, flocked: Any) -> None:
    run = make(home, exit_status=0)
    flocked(run)
    assert status(run) == "completed"


def test_a_run_whose_lock_is_held_is_running(home: Path, flocked: Any) -> None:
    run = make(home)
    flocked(run)
    assert status(run) == "running"


def test_a_run_whose_runner_is_dead_is_an_error(home: Path, dead: str) -> None:
    assert status(make(home, marks={"LOCK": dead})) == "error"


@pytest.mark.parametrize("text", ["", "0\n", "-1\n", "x", "9" * 40, "\xff", "1 2\n"])
def test_a_lock_that_names_no_process_is_held_by_none(home: Path, text: str) -> None:
    assert status(make(home, marks={"LOCK": text})) == "error"


def test_a_run_with_nothing_at_all_is_an_error(home: Path) -> None:
    assert status(make(home)) == "error"


def test_a_run_that_is_gone_is_an_error_and_no_exception(home: Path) -> None:
    assert status(home / "runs" / A) == "error"


# Reading changes nothing, waits for nothing and follows nothing.


def snapshot(run: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in run.rglob("*")
        if path.is_file()
    }


def test_a_look_at_a_run_changes_no_file(home: Path, dead: str, flocked: Any) -> None:
    run = make(home, marks={"LOCK": dead}, started=1, label="x")
    held = make(home, B)
    flocked(held)
    before = snapshot(home)
    describe.list_runs(str(home))
    describe.info(str(home), A)
    rundir.states(str(home), [A, B])
    tracked.tracked(str(home))
    assert snapshot(home) == before
    assert (run / ".guild" / "LOCK").read_text() == dead


def test_a_look_at_a_lock_leaves_it_to_whoever_wants_it(home: Path, dead: str) -> None:
    run = make(home, marks={"LOCK": dead})
    rundir.status(str(run))
    with open(run / ".guild" / "LOCK") as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("name", ["label", "started", "exit_status"])
def test_an_attribute_that_is_a_link_is_none(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("0\n")
    run = make(home)
    (run / ".guild" / "attrs" / name).symlink_to(tmp_path / "secret")
    assert rundir.read_attr(str(run), name) is None
    assert status(run) == "error"


@pytest.mark.parametrize("name", ["LOCK.remote", "LOCK"])
def test_a_mark_that_is_a_link_is_none(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(f"{os.getpid()}\n")
    run = make(home)
    (run / ".guild" / name).symlink_to(tmp_path / "secret")
    assert status(run) == "error"


def test_an_attribute_that_is_a_fifo_does_not_hold_up_a_listing(home: Path) -> None:
    run = make(home)
    (run / ".guild" / "opref").unlink()
    for name in ("attrs/label", "attrs/started", "attrs/exit_status", "LOCK.remote", "opref"):
        os.mkfifo(run / ".guild" / name)
    started = time.monotonic()
    assert [run["label"] for run in describe.list_runs(str(home))["runs"]] in (
        ["None"],
        [None],
        [""],
    )
    assert time.monotonic() - started < 5


def test_a_lock_that_is_a_fifo_does_not_hold_up_a_listing(home: Path) -> None:
    run = make(home)
    os.mkfifo(run / ".guild" / "LOCK")
    program = f"from guild_sync.agent.store import rundir; print(rundir.status({str(run)!r}).text)"
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=5)
    except subprocess.TimeoutExpired:
        raise AssertionError("it waits for the other end") from None
    assert done.stdout == b"error\n"


def test_an_attribute_that_is_a_folder_is_none(home: Path) -> None:
    run = make(home)
    (run / ".guild" / "attrs" / "label").mkdir()
    assert rundir.read_attr(str(run), "label") is None


def test_a_huge_attribute_is_not_read_whole(home: Path) -> None:
    run = make(home)
    with open(run / ".guild" / "attrs" / "label", "wb") as f:
        f.truncate(1 << 40)
    started = time.monotonic()
    assert rundir.read_attr(str(run), "label") is None
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("size", [10, 4095, 4096, 4097, 100_000, 900_000])
def test_an_attribute_is_read_whole_whatever_its_size(home: Path, size: int) -> None:
    assert rundir.read_attr(str(make(home, label="x" * size)), "label") == "x" * size


@pytest.mark.parametrize("text", ["!!python/object:os.x {}", "[", "&a [*a]", "\x00", "{a: 1"])
def test_an_attribute_that_cannot_be_read_is_none(home: Path, text: str) -> None:
    run = make(home)
    (run / ".guild" / "attrs" / "label").write_text(text)
    assert rundir.read_attr(str(run), "label") is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "-x", "a b", "a\n"])
def test_an_attributes_name_stays_in_its_folder(home: Path, name: str) -> None:
    with pytest.raises(AgentError):
        rundir.write_attr(str(make(home)), name, 1)


def test_an_attribute_is_written_whole_and_leaves_nothing_beside_it(home: Path) -> None:
    run = make(home, label="old")
    rundir.write_attr(str(run), "label", "new")
    assert [p.name for p in (run / ".guild" / "attrs").iterdir()] == ["label"]
    assert rundir.read_attr(str(run), "label") == "new"


@pytest.mark.parametrize(
    "run_id", ["", "..", "a" * 31, "a" * 33, "A" * 32, "../" + "a" * 29, f"{A}\n", "g" * 32]
)
def test_a_run_id_has_32_hex_digits_or_is_refused(home: Path, run_id: str) -> None:
    with pytest.raises(AgentError) as error:
        rundir.run_dir(str(home), run_id)
    assert error.value.message == f"{run_id!r} is not a run id"


# What an operation is.


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("package:gpkg.demo 1.0 '' op", ("package", "gpkg.demo", "1.0", "", "op")),
        ("guildfile:'/a b/guild.yml' abc m op", ("guildfile", "/a b/guild.yml", "abc", "m", "op")),
        ("script:/x.py", ("script", "/x.py", "", "", "")),
        ("package:'unfinished", ("package", "", "", "", "")),
        ("", ("", "", "", "", "")),
        ("package:" + "x" * 20_000, ("package", "", "", "", "")),  # splitting is quadratic
        ("\xff:\x00 a", ("\xff", "\x00", "a", "", "")),
    ],
)
def test_an_opref_is_read_whatever_it_says(home: Path, text: str, found: tuple[str, ...]) -> None:
    run = make(home)
    (run / ".guild" / "opref").write_text(text)
    assert tuple(rundir.opref(str(run)).values()) == found


# What a sync asks.


def test_states_tell_of_each_run_and_of_those_that_are_not_there(home: Path) -> None:
    make(home, A, exit_status=0, stopped=5)
    make(home, B, marks={"LOCK.remote": "gpu\n"})
    assert rundir.states(str(home), [A, B, C]) == {
        A: state("completed", exit_status=0, stopped=5),
        B: state("running", remote="gpu"),
        C: state(None),
    }


# A status is read whole.


def _start_again(run: Path) -> None:
    """What a restart does to a run, in its order, up to the operation's start."""
    (run / ".guild/PENDING").touch()
    rundir.remove_attrs(str(run), rundir.END)
    rundir.write_attr(str(run), "started", 3)
    (run / ".guild/PENDING").unlink()


def _end_again(run: Path) -> None:
    rundir.write_attr(str(run), "stopped", 4)
    rundir.write_attr(str(run), "exit_status", 1)


@pytest.mark.parametrize("look", [rundir.state, lambda d: describe.summary(*_home_and_id(d))])
def test_a_status_comes_with_the_end_that_belongs_to_it(home: Path, look: Any) -> None:
    """The run is started again, and then ends again, before any two lines of the look."""
    ends = {("completed", 0, 1, 2), ("error", 1, 3, 4), ("error", None, 3, None)}
    lines = _lines_of(look, make(home, exit_status=0, started=1, stopped=2))
    run = home / "runs" / A
    for again in range(0, lines, 3):
        for end in (again + 2, again + 30):
            for name, value in {"exit_status": 0, "started": 1, "stopped": 2}.items():
                rundir.write_attr(str(run), name, value)
            at = {again: [_start_again]}
            at.setdefault(end, []).append(_end_again)
            seen = _looked(look, run, at)
            if seen["status"] in ("completed", "error"):
                found = tuple(seen[k] for k in ("status", "exit_status", "started", "stopped"))
                assert found in ends, (again, end)


def _home_and_id(directory: str) -> tuple[str, str]:
    top, run_id = os.path.split(directory)
    return os.path.dirname(top), run_id


def _lines_of(look: Any, run: Path) -> int:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    with at_every_line(step):
        look(str(run))
    return count


def _looked(look: Any, run: Path, at: dict[int, list[Any]]) -> Any:
    count = 0

    def step() -> None:
        nonlocal count
        for change in at.get(count, ()):
            change(run)
        count += 1

    with at_every_line(step):
        return look(str(run))


@pytest.mark.parametrize(
    ("opref", "marks", "code", "has_index"),
    [
        ("guildfile:g.yml 1 '' op", {}, 0, True),
        ("guildfile:g.yml 1 '' op+", {"BATCH": ""}, 0, False),
        ("guildfile:g.yml 1 '' op+", {"BATCH": ""}, 1, True),
        ("guildfile:g.yml 1 '' op+", {"BATCH": "", "LOCK.remote": "gpu"}, 0, True),
        ("guildfile:g.yml 1 '' op+", {}, 0, True),  # of guild 0.1
        ("builtin:guildai 0.9.0 '' +", {}, 0, True),  # of Guild AI, which lists it, too
    ],
)
def test_a_batch_that_ended_well_has_no_index_and_what_had_one_keeps_it(
    home: Path, opref: str, marks: dict[str, str], code: int, has_index: bool
) -> None:
    run = make(home, marks=marks, exit_status=code)
    (run / ".guild/opref").write_text(opref)
    assert rundir.is_indexed(str(run)) == has_index
    assert rundir.indexed(str(home / "runs"), [A]) == [A] * has_index


def test_a_run_that_changes_at_each_look_is_not_called_ended(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(home, exit_status=0, started=1, stopped=2)
    times = iter(range(10, 10**6))
    whole = rundir._status

    def status_of_another_start(guild: str, handle: int, marks: rundir._Marks) -> rundir.Status:
        rundir.write_attr(str(run), "started", next(times))
        return whole(guild, handle, marks)

    monkeypatch.setattr(rundir, "_status", status_of_another_start)
    assert rundir.state(str(run))["status"] == "running"


def test_an_attribute_is_read_whole_or_not_at_all(home: Path) -> None:
    """Characters of several bytes: one that is cut is never taken for a shorter one."""
    run = make(home, tags=["€" * 90] * 9_000)
    found = rundir.read_attr(str(run), "tags")
    assert isinstance(found, list)
    assert len(found) == 9_000
    path = run / ".guild/attrs/tags"
    path.write_text(path.read_text() * 2)
    assert rundir.read_attr(str(run), "tags") is None


def test_a_run_of_which_nothing_has_come_yet_is_there_and_on_its_way(home: Path) -> None:
    """A hub that has begun a copy has the run: one that asks for it must not take it for lost."""
    run = make(home, marks={"LOCK.remote": "far\n"})
    (run / ".guild/opref").unlink()
    found = rundir.state(str(run))
    assert (found["status"], found["remote"], found["started"]) == ("running", "far", None)
    (run / ".guild/LOCK.remote").unlink()
    assert rundir.state(str(run))["status"] is None
