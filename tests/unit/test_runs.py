"""Run directories: a run's status, the order of a listing, and which runs are meant."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent import attrs, runs, survey
from guild_sync.agent.errors import AgentError

A, B, C = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def make(
    home: Path, run_id: str = A, marks: Mapping[str, str] | None = None, **attributes: Any
) -> Path:
    """A run with attributes, each as YAML, and with marks: LOCK, PENDING, ..."""
    guild = home / "runs" / run_id / ".guild"
    (guild / "attrs").mkdir(parents=True)
    (guild / "opref").write_text("package:gpkg.demo 1.0 '' op")
    for name, value in attributes.items():
        (guild / "attrs" / name).write_text(attrs.encode(value))
    for name, text in (marks or {}).items():
        (guild / name).write_text(text)
    return guild.parent


@pytest.fixture
def dead() -> str:
    """The pid of a process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return f"{child.pid}\n"


@pytest.fixture
def flocked() -> Iterator[Any]:
    """Has another process hold a flock on a run's LOCK."""
    children = []

    def hold(run: Path) -> None:
        program = (
            "import fcntl, os, sys\n"
            "f = open(sys.argv[1], 'a')\n"
            "fcntl.flock(f, fcntl.LOCK_EX)\n"
            "f.write('%d\\n' % os.getpid()); f.flush()\n"
            "print('held', flush=True); sys.stdin.read()\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(run / ".guild" / "LOCK")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        children.append(child)

    yield hold
    for child in children:
        child.communicate()


def status(run: Path) -> str:
    found = runs.status(str(run))
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
    runs.list_runs(str(home))
    runs.info(str(home), A)
    runs.states(str(home), [A, B])
    survey.tracked(str(home))
    assert snapshot(home) == before
    assert (run / ".guild" / "LOCK").read_text() == dead


def test_a_look_at_a_lock_leaves_it_to_whoever_wants_it(home: Path, dead: str) -> None:
    run = make(home, marks={"LOCK": dead})
    runs.status(str(run))
    with open(run / ".guild" / "LOCK") as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("name", ["label", "started", "exit_status"])
def test_an_attribute_that_is_a_link_is_none(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("0\n")
    run = make(home)
    (run / ".guild" / "attrs" / name).symlink_to(tmp_path / "secret")
    assert runs.read_attr(str(run), name) is None
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
    assert [run["label"] for run in runs.list_runs(str(home))["runs"]] in (["None"], [None], [""])
    assert time.monotonic() - started < 5


def test_a_lock_that_is_a_fifo_does_not_hold_up_a_listing(home: Path) -> None:
    run = make(home)
    os.mkfifo(run / ".guild" / "LOCK")
    program = f"from guild_sync.agent import runs; print(runs.status({str(run)!r}).text)"
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=5)
    except subprocess.TimeoutExpired:
        raise AssertionError("it waits for the other end") from None
    assert done.stdout == b"error\n"


def test_an_attribute_that_is_a_folder_is_none(home: Path) -> None:
    run = make(home)
    (run / ".guild" / "attrs" / "label").mkdir()
    assert runs.read_attr(str(run), "label") is None


def test_a_huge_attribute_is_not_read_whole(home: Path) -> None:
    run = make(home)
    with open(run / ".guild" / "attrs" / "label", "wb") as f:
        f.truncate(1 << 40)
    started = time.monotonic()
    assert runs.read_attr(str(run), "label") is None
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("size", [10, 4095, 4096, 4097, 100_000, 900_000])
def test_an_attribute_is_read_whole_whatever_its_size(home: Path, size: int) -> None:
    assert runs.read_attr(str(make(home, label="x" * size)), "label") == "x" * size


@pytest.mark.parametrize("text", ["!!python/object:os.x {}", "[", "&a [*a]", "\x00", "{a: 1"])
def test_an_attribute_that_cannot_be_read_is_none(home: Path, text: str) -> None:
    run = make(home)
    (run / ".guild" / "attrs" / "label").write_text(text)
    assert runs.read_attr(str(run), "label") is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "-x", "a b", "a\n"])
def test_an_attributes_name_stays_in_its_folder(home: Path, name: str) -> None:
    with pytest.raises(AgentError):
        runs.write_attr(str(make(home)), name, 1)


def test_an_attribute_is_written_whole_and_leaves_nothing_beside_it(home: Path) -> None:
    run = make(home, label="old")
    runs.write_attr(str(run), "label", "new")
    assert [p.name for p in (run / ".guild" / "attrs").iterdir()] == ["label"]
    assert runs.read_attr(str(run), "label") == "new"


@pytest.mark.parametrize(
    "run_id", ["", "..", "a" * 31, "a" * 33, "A" * 32, "../" + "a" * 29, f"{A}\n", "g" * 32]
)
def test_a_run_id_has_32_hex_digits_or_is_refused(home: Path, run_id: str) -> None:
    with pytest.raises(AgentError) as error:
        runs.run_dir(str(home), run_id)
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
        ("\xff:\x00 a", ("\xff", "\x00", "a", "", "")),
    ],
)
def test_an_opref_is_read_whatever_it_says(home: Path, text: str, found: tuple[str, ...]) -> None:
    run = make(home)
    (run / ".guild" / "opref").write_text(text)
    assert tuple(runs.opref(str(run)).values()) == found


# The order of a listing.


def listed(home: Path) -> list[str]:
    return [run["id"] for run in runs.list_runs(str(home))["runs"]]


def test_the_latest_run_comes_first(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=3)
    make(home, C, started=2)
    assert listed(home) == [B, C, A]


def test_a_run_that_has_not_started_is_in_its_place_by_when_it_was_made(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, initialized=2)
    make(home, C, initialized=1, started=3)
    assert listed(home) == [C, B, A]


def test_times_are_compared_as_numbers(home: Path) -> None:
    make(home, A, started=9)
    make(home, B, started=10)
    assert listed(home) == [B, A]


def test_runs_of_the_same_time_have_an_order_that_stays(home: Path) -> None:
    for run_id in (B, A, C):
        make(home, run_id, started=1)
    assert listed(home) == [C, B, A]


def test_a_run_without_a_time_comes_last(home: Path) -> None:
    make(home, A, started=1)
    make(home, B)
    make(home, C, started="?")
    assert listed(home) == [A, C, B]


@pytest.mark.parametrize("name", ["x", ".stage-" + A, ".incoming-1", "A" * 32, A + "0"])
def test_what_is_no_run_is_not_listed(home: Path, name: str) -> None:
    make(home, name, started=1)
    assert listed(home) == []


def test_an_empty_folder_is_no_run(home: Path) -> None:
    (home / "runs" / A).mkdir(parents=True)
    assert listed(home) == []


def test_a_run_whose_copy_has_just_begun_is_listed(home: Path) -> None:
    run = make(home, marks={"LOCK.remote": "gpu\n"})
    (run / ".guild" / "opref").unlink()
    assert listed(home) == [A]


def test_a_home_without_runs_has_none(home: Path) -> None:
    assert runs.list_runs(str(home)) == {"runs": [], "total": 0}


def test_a_limit_is_told_with_the_number_of_all(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=2)
    found = runs.list_runs(str(home), limit=1)
    assert ([run["id"] for run in found["runs"]], found["total"]) == ([B], 2)


# Which runs are meant.

IDS = ["00ab" + "0" * 28, "00ac" + "0" * 28, "123" + "0" * 29, "f" * 32]


@pytest.fixture
def four(home: Path) -> str:
    """A home with four runs, the latest first in IDS."""
    for age, run_id in enumerate(IDS):
        make(home, run_id, started=100 - age, exit_status=age % 2)
    return str(home)


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        ((), IDS),
        (("1",), IDS[:1]),
        (("4",), IDS[3:]),
        (("1:2",), IDS[:2]),
        (("2:",), IDS[1:]),
        ((":2",), IDS[:2]),
        ((":",), IDS),
        (("3:99",), IDS[2:]),
        ((IDS[2],), [IDS[2]]),
        (("f",), [IDS[3]]),
        (("00ab",), [IDS[0]]),
        (("1230",), [IDS[2]]),
        (("4", "1", "4", "f"), [IDS[3], IDS[0]]),
    ],
)
def test_runs_are_meant_by_index_range_id_or_its_beginning(
    four: str, specs: tuple[str, ...], found: list[str]
) -> None:
    assert runs.select(four, specs) == found


@pytest.mark.parametrize(
    "spec", ["0", "5", "999", "5:9", "0000", "e", "x", "", "-1", "1-2", "F", "2:1", "a" * 32, "é"]
)
def test_what_names_no_run_is_an_error(four: str, spec: str) -> None:
    with pytest.raises(AgentError) as error:
        runs.select(four, [spec])
    assert error.value.kind == "not-found"
    assert error.value.message.startswith(f"could not find a run matching {spec!r}")
    assert error.value.hint == "Show runs with 'guild runs'."


def test_an_index_beyond_the_last_says_how_many_there_are(four: str, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"matching '7' \(there are 4\)"):
        runs.select(four, ["7"])
    with pytest.raises(AgentError, match=r"matching '1' \(there are none\)"):
        runs.select(str(tmp_path / "empty"), ["1"])


def test_a_beginning_that_several_ids_have_is_an_error_that_names_them(four: str) -> None:
    with pytest.raises(AgentError) as error:
        runs.select(four, ["00a"])
    assert error.value.message == "'00a' is the beginning of 2 run ids"
    assert error.value.hint == "It could be 00ab00000000, 00ac00000000. Give more of it."


def test_one_spec_that_names_no_run_stops_all(four: str) -> None:
    with pytest.raises(AgentError):
        runs.select(four, ["1", "99"])


def test_filters_count_before_indexes_do(four: str) -> None:
    assert runs.select(four, ["2"], {"status": ["error"]}) == [IDS[3]]


def test_an_id_that_a_filter_leaves_out_is_not_found(four: str) -> None:
    with pytest.raises(AgentError):
        runs.select(four, [IDS[0]], {"status": ["error"]})


def test_an_index_of_digits_of_another_script_is_no_crash(four: str) -> None:
    for spec in ("²", "\u0663", "1:²", f"1:{'9' * 5000}"):
        with pytest.raises(AgentError):
            runs.select(four, [spec])


def test_one_run_is_one_run(four: str) -> None:
    assert runs.one(four, "1") == IDS[0]
    with pytest.raises(AgentError, match="'1:2' names 2 runs"):
        runs.one(four, "1:2")


# What a sync asks.


def test_states_tell_of_each_run_and_of_those_that_are_not_there(home: Path) -> None:
    make(home, A, exit_status=0, stopped=5)
    make(home, B, marks={"LOCK.remote": "gpu\n"})
    assert runs.states(str(home), [A, B, C]) == {
        A: {
            "status": "completed",
            "remote": None,
            "exit_status": 0,
            "started": None,
            "stopped": 5,
        },
        B: {
            "status": "running",
            "remote": "gpu",
            "exit_status": None,
            "started": None,
            "stopped": None,
        },
        C: {"status": None},
    }


def test_runs_that_run_on_a_remote_are_told_with_its_name_the_latest_first(home: Path) -> None:
    make(home, A, started=1, marks={"LOCK.remote": "gpu\n"})
    make(home, B, started=2)
    make(home, C, started=3, marks={"LOCK.remote": "other"})
    assert survey.tracked(str(home)) == [(C, "other"), (A, "gpu")]


def test_all_of_a_run_is_told_by_info(home: Path, flocked: Any) -> None:
    run = make(home, label="x", flags={"a": 1})
    (run / ".guild" / "manifest").write_text("s a b a\n")
    flocked(run)
    found = runs.info(str(home), "1")
    assert found["attrs"] == {"label": "x", "flags": {"a": 1}}
    assert found["manifest"] == ["s a b a"]
    assert str(found["pid"]) == (run / ".guild" / "LOCK").read_text().strip()
