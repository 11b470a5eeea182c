"""What a sync asks of a host: how runs are, whether they changed, and which home it has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guild_sync.agent.copies import stamps, survey, tracked
from guild_sync.agent.protocol import Plain, SelectionForm
from guild_sync.agent.store import attrs, locks, rundir

A, B = "a" * 32, "b" * 32
NEVER = float("inf")


def make(home: Path, run_id: str = A, **attributes: Plain) -> Path:
    """A run with these attributes; its .guild folder."""
    guild = home / "runs" / run_id / ".guild"
    (guild / "attrs").mkdir(parents=True)
    (guild / "opref").write_text("package:gpkg.demo 1.0 '' op")
    for name, value in attributes.items():
        (guild / "attrs" / name).write_text(attrs.encode(value))
    return guild


def stamp(guild: Path) -> str:
    return stamps.look(str(guild.parent), NEVER).stamp


def test_a_run_for_whose_size_there_is_no_time_may_be_all_that_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    assert survey.survey(str(tmp_path), [A], room=1 << 60)["states"][A]["bytes"] is None
    told = survey.survey(str(tmp_path), [A], room=0)["states"][A]["bytes"]
    assert told is not None
    monkeypatch.setattr(survey, "STAMP_SECONDS", -1.0)
    most = survey.survey(str(tmp_path), [A], room=0)["states"][A]["bytes"]
    assert most is not None
    assert most > told


def test_the_files_of_a_run_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    looks = []

    def counted(top: str) -> Iterator[tuple[str, os.stat_result]]:
        looks.append(top)
        return files_of(top)

    files_of = stamps.files_of
    monkeypatch.setattr(stamps, "files_of", counted)
    make(tmp_path, B, exit_status=0)
    (tmp_path / "runs" / A / ".guild" / "STAGED").touch()
    told = survey.survey(str(tmp_path), [A, B], room=0)["states"]
    assert told[A]["stamp"] and told[A]["bytes"] and told[B]["bytes"]
    assert len(looks) == 2


def test_ten_thousand_runs_have_the_time_that_their_stamps_take() -> None:
    assert survey.stamp_seconds(1) < 6
    assert survey.stamp_seconds(1_000) >= survey.STAMP_SECONDS + 2
    assert survey.stamp_seconds(10_000) == survey.stamp_seconds(10**6) == 30, "a call has 60"


# Whether a run has changed.


@pytest.mark.parametrize(
    "change",
    [
        lambda guild: (guild / "output").write_text("more"),
        lambda guild: (guild.parent / "new").touch(),
        lambda guild: (guild.parent / "model").chmod(0o600),
        lambda guild: (guild.parent / "model").unlink(),
        lambda guild: (guild.parent / "model").rename(guild.parent / "best"),
        lambda guild: os.utime(guild.parent / "model", ns=(0, 1)),
        lambda guild: (guild.parent / "deep" / "in").mkdir(parents=True),
        lambda guild: (guild / "attrs" / "label").write_text("x"),
    ],
)
def test_the_stamp_of_a_run_is_another_once_any_of_it_is(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    guild = make(tmp_path)
    (guild.parent / "model").write_text("weights")
    os.utime(guild.parent / "model", ns=(0, 0))
    before = stamp(guild)
    assert before == stamp(guild)
    change(guild)
    assert stamp(guild) != before


@pytest.mark.parametrize("name", ["LOCK", "LOCK.remote", "PENDING", "STAGED", "job-packages"])
def test_what_no_copy_takes_does_not_change_the_stamp(tmp_path: Path, name: str) -> None:
    guild = make(tmp_path)
    before = stamp(guild)
    (guild / name).mkdir()
    assert stamp(guild) == before


def test_what_python_caches_does_not_change_the_stamp(tmp_path: Path) -> None:
    guild = make(tmp_path)
    before = stamp(guild)
    (guild.parent / "__pycache__").mkdir()
    (guild.parent / "__pycache__/a.pyc").touch()
    assert stamp(guild) == before


def test_a_run_that_takes_too_long_to_look_at_has_no_stamp(tmp_path: Path) -> None:
    assert stamps.look(str(make(tmp_path).parent), time.monotonic() - 1) == ("", None)


def test_only_a_run_that_may_change_is_stamped(tmp_path: Path) -> None:
    make(tmp_path, A, exit_status=0)
    (make(tmp_path, B) / "STAGED").touch()
    told = survey.survey(str(tmp_path), [A, B])["states"]
    assert told[A]["stamp"] == ""
    assert len(told[B]["stamp"]) == 32
    assert survey.survey(str(tmp_path), [B], stamps=False)["states"][B]["stamp"] == ""
    selection: SelectionForm = {
        "exclude": ["x"],
        "include": [],
        "max_size": None,
        "large": None,
        "delete": False,
        "inputs": True,
    }
    selected = survey.survey(str(tmp_path), [B], selection=selection)["states"][B]
    assert selected["stamp"] != told[B]["stamp"], "another selection is another copy"


# Which guild home it is.


def test_where_all_is_to_be_read_it_is_told_how_much_that_is(tmp_path: Path) -> None:
    make(tmp_path, exit_status=0)
    asked = survey.survey(str(tmp_path), [A, B], look_only=True, reading=True)["states"]
    size = len("package:gpkg.demo 1.0 '' op") + len(attrs.encode(0))
    assert (asked[A]["bytes"], asked[A]["unreadable"], asked[B]["bytes"]) == (size, [], None)
    assert not (tmp_path / "runs" / ".home-id").exists()


def test_a_home_in_which_a_run_is_found_gets_an_id_that_it_keeps(tmp_path: Path) -> None:
    make(tmp_path)
    first = survey.survey(str(tmp_path), [A])["home_id"]
    assert first is not None and len(first) == 32
    assert survey.survey(str(tmp_path), [B])["home_id"] == first, "also where that run is not"


def test_an_empty_home_gets_no_id(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert survey.survey(str(tmp_path), [A])["home_id"] is None
    assert survey.survey(str(tmp_path / "none"), [A])["home_id"] is None
    assert os.listdir(tmp_path / "runs") == []


# Runs that wait.


def test_a_run_that_nobody_makes_any_more_is_an_error(tmp_path: Path) -> None:
    guild = make(tmp_path)
    (guild / "PENDING").touch()
    assert survey.survey(str(tmp_path), [A])["states"][A]["status"] == "pending"
    long_ago = time.time() - survey.ABANDONED_SECONDS - 1
    os.utime(guild / "PENDING", (long_ago, long_ago))
    fd = locks.hold(str(guild))
    assert fd is not None
    assert survey.survey(str(tmp_path), [A])["states"][A]["status"] == "pending", "it starts now"
    locks.release(str(guild), fd)
    assert survey.survey(str(tmp_path), [A])["states"][A]["status"] == "error"


def test_copies_that_are_not_over_are_tracked_with_their_remote(tmp_path: Path) -> None:
    (make(tmp_path, A, started=1) / "LOCK.remote").write_text("gpu\n")
    old = make(tmp_path, B, started=2)
    (old / "STAGED").touch()
    rundir.confirm(str(old.parent), "other", 5)
    assert tracked.tracked(str(tmp_path)) == [(B, "other"), (A, "gpu")]


@pytest.mark.parametrize("host", [None, os.uname().nodename])
def test_runs_that_wait_on_this_machine_are_its_own(tmp_path: Path, host: str | None) -> None:
    (make(tmp_path, **({"host": host} if host else {})) / "PENDING").touch()
    assert tracked.tracked(str(tmp_path)) == []


def test_a_run_that_waited_on_another_machine_may_be_anybodys(tmp_path: Path) -> None:
    (make(tmp_path, host="elsewhere") / "PENDING").touch()
    assert tracked.tracked(str(tmp_path)) == [(A, "")]
    assert tracked.mend(str(tmp_path), [A]) == []


def test_a_mark_of_waiting_that_is_older_than_the_runs_end_is_removed(tmp_path: Path) -> None:
    for name, run_id in (("PENDING", A), ("STAGED", B)):
        guild = make(tmp_path, run_id, host="elsewhere", exit_status=0, stopped=10**6 * 1000)
        (guild / name).touch()
    os.utime(tmp_path / "runs" / A / ".guild" / "PENDING", (999, 999))
    assert tracked.mend(str(tmp_path), [A, B]) == [A]
    assert rundir.status(str(tmp_path / "runs" / A)) == ("completed", None)
    assert rundir.status(str(tmp_path / "runs" / B)) == ("staged", None), "it was staged again"


def test_a_run_tells_of_the_runs_that_it_has_links_to(tmp_path: Path) -> None:
    directory = make(tmp_path).parent
    links = {"step": f"../{B}", "trial": f"../{'c' * 32}", "out": f"../../{B}", "top": f"/{B}"}
    for name, target in {**links, "file": f"../{B}/x", "odd": "../x", "self": "."}.items():
        (directory / name).symlink_to(target)
    for asked in (True, False):
        told = survey.survey(str(tmp_path), [A], stamps=asked)["states"][A]
        assert told["children"] == [B, "c" * 32]


def test_a_run_is_absent_that_is_neither_here_nor_in_the_trash(tmp_path: Path) -> None:
    make(tmp_path, A)
    make(tmp_path / "trash", B)
    assert tracked.absent(str(tmp_path), [A, B, "c" * 32]) == ["c" * 32]
