"""The marks of a run that is a copy: no moment in between shows a wrong status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rundirs import make, state
from support import at_every_line

from guild_sync.agent.catalog import find
from guild_sync.agent.copies import expected, marks, tracked
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Begun, Confirmed, State
from guild_sync.agent.store import attrs, identity, inside, rundir

A, B = "a" * 32, "b" * 32
RUNNING = state("running")
COMPLETED = state("completed", exit_status=0, stopped=5)
PENDING = state("pending")
STAGED = state("staged")


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


def guild(home: str, run_id: str = A) -> Path:
    return Path(home, "runs", run_id, ".guild")


def begin(home: str, *states: State) -> Begun:
    return marks.begin(home, dict(zip((A, B), states, strict=False)), "gpu")


def settle(home: str, *states: State) -> dict[str, str]:
    return marks.settle(home, dict(zip((A, B), states, strict=False)))


def copy(home: str, told: State, run_id: str = A) -> None:
    """What rsync brings of a run in this state."""
    folder = guild(home, run_id)
    (folder / "attrs").mkdir(parents=True, exist_ok=True)
    (folder / "opref").write_text("package:gpkg.demo 1.0 '' op")
    for name, value in (("exit_status", told["exit_status"]), ("stopped", told["stopped"])):
        if value is not None:
            (folder / "attrs" / name).write_text(attrs.encode(value))


def status(home: str, run_id: str = A) -> rundir.Status:
    return rundir.status(rundir.run_dir(home, run_id))


@pytest.fixture
def runs_here(home: str) -> Iterator[str]:
    """A run that this machine itself runs."""
    guild(home).mkdir(parents=True)
    program = (
        "import sys\nfrom guild_sync.agent.store import locks\n"
        "locks.hold(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(guild(home))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    yield A
    child.communicate()


# Before the first byte.


@pytest.mark.parametrize("state", [RUNNING, COMPLETED, PENDING, STAGED])
def test_a_run_is_marked_before_the_first_byte_of_it_is_here(home: str, state: State) -> None:
    begin(home, state)
    assert (guild(home) / "LOCK.remote").read_text() == "gpu\n"
    waits = state["status"] in ("pending", "staged")
    assert status(home) == (state["status"] if waits else "running", "gpu")


def test_no_moment_shows_a_run_without_its_mark(home: str) -> None:
    seen = set()

    def check() -> None:
        if Path(home, "runs", A).exists():
            seen.add(status(home))

    with at_every_line(check):
        begun = begin(home, COMPLETED)
        marks.end(home, begun["incoming"], [A])
    assert seen == {("running", "gpu")}
    assert os.listdir(Path(home, "runs")) == []


def test_the_mark_is_all_that_is_written_of_a_run(home: str) -> None:
    begin(home, RUNNING)
    assert os.listdir(guild(home)) == ["LOCK.remote"]


def test_a_run_that_is_here_whole_is_not_marked_again(home: str) -> None:
    copy(home, COMPLETED)
    begin(home, COMPLETED)
    assert status(home) == ("completed", None)


def test_a_run_that_ended_otherwise_there_is_marked_again(home: str) -> None:
    copy(home, COMPLETED)
    begin(home, {**COMPLETED, "stopped": 6})
    assert status(home) == ("running", "gpu")


def test_a_run_that_was_restarted_there_is_marked_again(home: str) -> None:
    copy(home, COMPLETED)
    begin(home, RUNNING)
    assert status(home) == ("running", "gpu")


def test_a_run_of_which_only_its_end_is_here_is_marked(home: str) -> None:
    copy(home, COMPLETED)
    (guild(home) / "opref").unlink()
    begin(home, COMPLETED)
    assert status(home) == ("running", "gpu")


def test_a_run_that_runs_here_is_refused_and_left_alone(home: str, runs_here: str) -> None:
    before = sorted(os.listdir(guild(home)))
    begun = begin(home, COMPLETED, COMPLETED)
    assert begun["refused"] == {A: "it is running on this machine"}
    assert sorted(os.listdir(guild(home))) == before
    assert status(home) == ("running", None)
    assert (guild(home, B) / "LOCK.remote").exists()


def test_a_run_of_another_remote_takes_this_ones_name(home: str) -> None:
    guild(home).mkdir(parents=True)
    (guild(home) / "LOCK.remote").write_text("other\n")
    begin(home, RUNNING)
    assert status(home) == ("running", "gpu")


@pytest.mark.parametrize("run_id", ["..", "a", "../../x", "A" * 32])
def test_what_is_no_run_id_is_refused(home: str, run_id: str) -> None:
    with pytest.raises(AgentError):
        marks.begin(home, {run_id: RUNNING}, "gpu")
    assert not os.path.exists(os.path.join(home, "runs", run_id, ".guild"))


# Where unfinished files go.


def test_unfinished_files_have_a_folder_beside_the_runs(home: str) -> None:
    begun = begin(home, RUNNING)
    assert begun["runs_dir"] == f"{home}/runs"
    assert os.path.dirname(begun["incoming"]) == begun["runs_dir"]
    assert os.listdir(begun["incoming"]) == []
    assert os.stat(begun["incoming"]).st_mode & 0o777 == 0o700
    assert find.run_ids(home) == [A]
    marks.end(home, begun["incoming"], [])
    assert not os.path.exists(begun["incoming"])


def test_what_killed_copies_left_is_removed(home: str) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    stale = Path(home, "runs", f".incoming-{child.pid}")
    stale.mkdir(parents=True)
    (stale / "half").touch()
    begin(home, RUNNING)
    assert not stale.exists()


def test_what_live_copies_have_is_left_alone(home: str) -> None:
    others = Path(home, "runs", f".incoming-{os.getppid()}")
    others.mkdir(parents=True)
    (others / "half").touch()
    begin(home, RUNNING)
    assert (others / "half").exists()


@pytest.mark.parametrize("name", [".incoming-", ".incoming-x", "incoming-1"])
def test_what_only_looks_like_it_is_left_alone(home: str, name: str) -> None:
    Path(home, "runs", name).mkdir(parents=True)
    begin(home, RUNNING)
    assert Path(home, "runs", name).exists()


# After the last byte.


def test_a_run_that_was_running_keeps_its_mark(home: str) -> None:
    begin(home, RUNNING)
    copy(home, RUNNING)
    assert settle(home, RUNNING) == {}
    assert status(home) == ("running", "gpu")


def test_a_run_that_ended_while_it_was_copied_is_told_one_sync_later(home: str) -> None:
    begin(home, RUNNING)
    copy(home, COMPLETED)  # its exit status came along
    assert settle(home, RUNNING) == {}
    assert status(home) == ("running", "gpu")


@pytest.mark.parametrize(("name", "code"), [("completed", 0), ("error", 1), ("terminated", -15)])
def test_a_run_that_had_ended_has_its_status_now(home: str, name: str, code: int) -> None:
    told = state(name, exit_status=code, stopped=5)
    begin(home, told)
    copy(home, told)
    assert settle(home, told) == {}
    assert status(home) == (name, None)


@pytest.mark.parametrize(
    "arrived",
    [RUNNING, {**COMPLETED, "exit_status": 1}, {**COMPLETED, "stopped": 6}],
)
def test_a_run_that_is_not_what_its_remote_told_keeps_its_mark(home: str, arrived: State) -> None:
    begin(home, COMPLETED)
    copy(home, arrived)
    assert settle(home, COMPLETED) == {A: "it changed while it was copied"}
    assert status(home) == ("running", "gpu")


def test_one_run_that_changed_does_not_keep_another_from_its_end(home: str) -> None:
    begin(home, COMPLETED, COMPLETED)
    copy(home, RUNNING)
    copy(home, COMPLETED, B)
    assert set(settle(home, COMPLETED, COMPLETED)) == {A}
    assert status(home, B) == ("completed", None)


def test_a_killed_run_without_an_exit_status_is_an_error_here_as_there(home: str) -> None:
    told = state("error")
    begin(home, told)
    copy(home, told)
    assert settle(home, told) == {}
    assert status(home) == ("error", None)


def test_a_staged_run_is_staged_here(home: str) -> None:
    begin(home, STAGED)
    copy(home, STAGED)
    assert settle(home, STAGED) == {}
    assert status(home) == ("staged", "gpu")


def test_a_run_that_was_staged_here_and_ended_there_is_staged_no_more(home: str) -> None:
    begin(home, STAGED)
    copy(home, STAGED)
    settle(home, STAGED)
    begin(home, COMPLETED)
    copy(home, COMPLETED)
    settle(home, COMPLETED)
    assert status(home) == ("completed", None)


def test_a_pending_run_keeps_its_mark(home: str) -> None:
    begin(home, PENDING)
    copy(home, PENDING)
    assert settle(home, PENDING) == {}
    assert status(home) == ("pending", "gpu")


@pytest.mark.parametrize("state", [RUNNING, COMPLETED])
def test_a_copy_that_is_killed_at_any_moment_shows_no_end(home: str, state: State) -> None:
    begin(home, state)
    assert status(home) == ("running", "gpu")
    copy(home, state)
    assert status(home) == ("running", "gpu")
    begin(home, state)  # the next pull
    copy(home, state)
    settle(home, state)
    assert status(home).text == state["status"]
    assert tracked.tracked(home) == ([(A, "gpu")] if state is RUNNING else [])


def test_a_dead_runners_lock_here_does_not_keep_a_copy_from_its_end(home: str) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    guild(home).mkdir(parents=True)
    (guild(home) / "LOCK").write_text(f"{child.pid}\n")
    begin(home, COMPLETED)
    copy(home, COMPLETED)
    settle(home, COMPLETED)
    assert status(home) == ("completed", None)


# A run that was started again on its remote.


def test_the_end_of_an_earlier_start_is_forgotten_once_the_copy_is_marked(home: str) -> None:
    copy(home, COMPLETED)
    begin(home, RUNNING)
    assert status(home) == rundir.Status("running", "gpu")
    assert rundir.read_attr(rundir.run_dir(home, A), "exit_status") is None
    assert rundir.read_attr(rundir.run_dir(home, A), "stopped") is None
    assert settle(home, state("error")) == {}
    assert status(home) == rundir.Status("error")


def test_a_run_that_was_restarted_while_it_was_copied_is_not_settled(home: str) -> None:
    copy(home, COMPLETED)
    (guild(home) / "attrs/started").write_text("7")
    assert settle(home, {**COMPLETED, "started": 3}) == {A: "it changed while it was copied"}
    assert settle(home, {**COMPLETED, "started": 7}) == {}


def test_the_copy_of_a_run_that_its_remote_started_again_runs_there(home: str) -> None:
    copy(home, COMPLETED)
    assert not marks.reopen(home, A, "gpu"), "no remote has given its word for it"
    rundir.confirm(rundir.run_dir(home, A), "gpu", 5)
    assert not marks.reopen(home, A, "other")
    assert status(home) == rundir.Status("completed")
    assert marks.reopen(home, A, "gpu")
    assert status(home) == rundir.Status("running", "gpu")
    assert not marks.reopen(home, B, "gpu"), "it is not here"


# A run that another machine pushes here.

TOKEN = "0123456789abcdef"


def begin_push(home: str, *states: State, sender: str = "laptop") -> Any:
    return marks.begin_push(home, dict(zip((A, B), states, strict=False)), sender, TOKEN)


def test_a_pushed_run_shows_no_end_before_it_is_whole_and_no_sync_asks_for_it(home: str) -> None:
    begin_push(home, COMPLETED)
    copy(home, COMPLETED)
    assert status(home) == ("running", "push from laptop")
    assert tracked.tracked(home) == []
    begin_push(home, COMPLETED)  # after a kill
    assert settle(home, COMPLETED) == {}
    assert status(home) == ("completed", None)


def test_another_machine_may_end_what_a_push_began(home: str) -> None:
    begin_push(home, COMPLETED)
    assert begin_push(home, COMPLETED, sender="other")["refused"] == {}
    assert status(home) == ("running", "push from other")


def test_a_run_that_runs_where_it_is_pushed_to_is_refused(home: str, runs_here: str) -> None:
    assert begin_push(home, COMPLETED, COMPLETED)["refused"] == {A: "it is running there"}
    assert status(home) == ("running", None)
    assert status(home, B) == ("running", "push from laptop")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("PENDING", "", "it is pending there"),
        ("STAGED", "", "it is staged there"),
        ("LOCK.remote", "gpu\n", "it is running (gpu) there"),
    ],
)
def test_a_run_that_waits_or_goes_on_where_it_is_pushed_to_is_refused(
    home: str, name: str, text: str, why: str
) -> None:
    copy(home, COMPLETED)
    (guild(home) / name).write_text(text)
    assert begin_push(home, COMPLETED)["refused"] == {A: why}
    assert (guild(home) / name).read_text() == text


def test_the_next_push_of_a_machine_cleans_up_what_its_last_one_left(home: str) -> None:
    left = Path(begin_push(home, COMPLETED)["incoming"])
    assert left == Path(home, "runs", f".incoming-push-{TOKEN}")
    (left / "half").touch()
    begin(home, RUNNING)  # a pull there does not know whose it is
    assert (left / "half").exists()
    assert os.listdir(begin_push(home, COMPLETED)["incoming"]) == []


@pytest.mark.parametrize("token", ["", "..", "../../x", "A" * 16])
def test_a_token_that_is_none_is_refused(home: str, token: str) -> None:
    with pytest.raises(AgentError):
        marks.begin_push(home, {A: COMPLETED}, "laptop", token)


def test_what_is_only_half_pushed_there_is_not_pulled(home: str) -> None:
    copy(home, COMPLETED)
    half = state("running", remote="push from laptop")
    assert begin(home, half)["refused"] == {A: "it is not there whole yet (push from laptop)"}
    assert status(home) == ("completed", None)


def test_what_a_hub_is_just_getting_from_elsewhere_is_not_pulled_yet(home: str) -> None:
    copy(home, COMPLETED)
    half = state("running", remote="far")
    assert begin(home, half)["refused"] == {A: "it is not there whole yet (far)"}
    assert begin(home, state("running", remote="far", started=1))["refused"] == {}


def test_what_a_killed_guild_had_not_finished_writing_goes_with_the_mark(home: str) -> None:
    begin(home, COMPLETED)
    copy(home, COMPLETED)
    chance = "0123456789abcdef"
    names = ("LOCK.confirmed.4194305", f"LOCK.confirmed.{chance}.4194305")
    left = [guild(home) / f".{name}" for name in names]
    left.append(guild(home) / f"attrs/.label.{chance}.4194305")
    anothers = guild(home) / f".LOCK.x.{chance}.{os.getpid()}"
    for path in (*left, anothers):
        path.touch()
    settle(home, COMPLETED)
    assert [path for path in left if path.exists()] == []
    assert anothers.exists()


def test_a_run_has_its_mark_until_all_else_of_it_is_written(home: str) -> None:
    begin(home, COMPLETED)
    copy(home, COMPLETED)
    written = []

    def check() -> None:
        if not (guild(home) / "LOCK.remote").exists():
            written.append((guild(home) / "LOCK.confirmed").exists())

    with at_every_line(check):
        marks.settle(home, {A: COMPLETED}, "gpu", 5)
    assert written
    assert all(written)


# What a power cut leaves of files that were not on the disk yet.


def test_a_mark_that_is_empty_is_of_the_remote_that_the_copy_is_of(home: str) -> None:
    begin(home, RUNNING)
    copy(home, RUNNING)
    marks.settle(home, {A: RUNNING}, "gpu", 1)
    (guild(home) / "LOCK.remote").write_text("")
    assert status(home) == ("running", "gpu")
    assert tracked.tracked(home) == [(A, "gpu")]
    (guild(home) / "LOCK.remote").unlink()
    (guild(home) / "LOCK.lost").write_text("")
    assert status(home) == ("lost", "gpu")


def test_a_mark_that_is_empty_is_written_anew_by_the_next_copy(home: str) -> None:
    begin(home, RUNNING)
    copy(home, RUNNING)
    (guild(home) / "LOCK.remote").write_text("")
    assert tracked.tracked(home) == [(A, "")]  # any remote is asked for it
    begin(home, RUNNING)
    assert (guild(home) / "LOCK.remote").read_text() == "gpu\n"


def test_a_push_mends_the_empty_mark_of_an_earlier_one(home: str) -> None:
    begin_push(home, COMPLETED)
    (guild(home) / "LOCK.remote").write_text("")
    assert begin_push(home, COMPLETED)["refused"] == {}


@pytest.mark.parametrize("name", ["exit_status", "stopped", "started"])
def test_a_copy_without_its_end_is_asked_for_again(home: str, name: str) -> None:
    ended: State = {**COMPLETED, "started": 3}
    begin(home, ended)
    copy(home, ended)
    (guild(home) / "attrs/started").write_text(attrs.encode(3))
    assert marks.settle(home, {A: ended}, "gpu", 1) == {}
    assert tracked.tracked(home) == []
    (guild(home) / "attrs" / name).write_text("")
    assert tracked.tracked(home) == [(A, "gpu")]
    begin(home, ended)
    assert status(home) == ("running", "gpu")


def test_a_copy_with_an_empty_attribute_has_changed_whatever_its_stamp_says(home: str) -> None:
    known: State = {**RUNNING, "stamp": "f" * 32}
    begin(home, known)
    copy(home, known)
    (guild(home) / "attrs/label").write_text("mine\n")
    marks.settle(home, {A: known}, "gpu", 1)
    assert marks.confirm_unchanged(home, {A: known}, "gpu") == [A]
    (guild(home) / "attrs/label").write_text("")
    assert marks.confirm_unchanged(home, {A: known}, "gpu") == []


def test_a_copy_that_has_not_changed_gets_the_time_of_the_last_word_and_no_new_file(
    home: str,
) -> None:
    known: State = {**RUNNING, "stamp": "5" * 32}
    begin(home, known)
    copy(home, known)
    rundir.confirm(rundir.run_dir(home, A), "gpu", 10**15, known["stamp"])
    before = (guild(home) / "LOCK.confirmed").stat()
    assert marks.confirm_unchanged(home, {A: known}, "gpu") == [A]
    word = rundir.confirmed(rundir.run_dir(home, A))
    assert word is not None and word["time"] > 10**15
    assert (word["remote"], word["stamp"]) == ("gpu", known["stamp"])
    now = (guild(home) / "LOCK.confirmed").stat()
    assert (now.st_ino, now.st_size) == (before.st_ino, before.st_size)


@pytest.mark.parametrize("earlier", ["5 gpu", f"{10**15} former"])
def test_a_last_word_that_was_another_is_written_whole(home: str, earlier: str) -> None:
    known: State = {**RUNNING, "stamp": "5" * 32}
    begin(home, known)
    copy(home, known)
    (guild(home) / "LOCK.confirmed").write_text(f"{earlier}\n{known['stamp']}\n")
    assert marks.confirm_unchanged(home, {A: known}, "gpu") == [A]
    word = rundir.confirmed(rundir.run_dir(home, A))
    assert word is not None and word["time"] > 10**15
    assert (word["remote"], word["stamp"]) == ("gpu", known["stamp"])


def test_a_last_word_that_may_not_be_written_to_is_written_anew(home: str) -> None:
    known: State = {**RUNNING, "stamp": "5" * 32}
    begin(home, known)
    copy(home, known)
    elsewhere = Path(home) / "elsewhere"
    elsewhere.write_text(f"{10**15} gpu\n{known['stamp']}\n")
    (guild(home) / "LOCK.confirmed").unlink(missing_ok=True)
    told: Confirmed = {"time": 10**15, "remote": "gpu", "stamp": known["stamp"]}
    (guild(home) / "LOCK.confirmed").symlink_to(elsewhere)
    rundir.confirm_again(rundir.run_dir(home, A), "gpu", 10**15 + 1, told)
    word = rundir.confirmed(rundir.run_dir(home, A))
    assert word == {**told, "time": 10**15 + 1}
    assert elsewhere.read_text().startswith(f"{10**15} "), "guild writes through no link"


# Links that a copy brings.


@pytest.mark.parametrize("name", ["", ".guild"])
def test_a_link_that_comes_in_a_runs_place_goes_and_the_mark_is_there_again(
    home: str, name: str
) -> None:
    copy(home, COMPLETED, B)
    begun = begin(home, RUNNING)
    place = Path(rundir.run_dir(home, A), name)
    shutil.rmtree(place)
    place.symlink_to(Path("..", A, "..", B, name) if name else B)
    linked = marks.end(home, begun["incoming"], [A], "gpu")
    assert list(linked) == [A]
    assert not place.is_symlink()
    assert status(home) == ("running", "gpu")
    assert status(home, B) == ("completed", None)


def test_a_run_that_was_moved_is_marked_and_settled_where_it_lies(
    home: str, tmp_path: Path
) -> None:
    begin(home, RUNNING)
    copy(home, RUNNING)
    place = Path(rundir.run_dir(home, A))
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    begun = begin(home, COMPLETED)
    assert begun["moved"] == {A: str(tmp_path / "moved")}
    copy(home, COMPLETED)
    assert marks.end(home, begun["incoming"], [A], "gpu") == {}
    assert settle(home, COMPLETED) == {}
    assert place.is_symlink()
    assert status(home) == ("completed", None)


@pytest.mark.parametrize(
    ("status_there", "code"),
    [("completed", None), ("completed", 1), ("error", 0), ("terminated", None), ("error", -9)],
)
def test_an_end_without_the_exit_status_that_belongs_to_it_is_not_settled(
    home: str, status_there: str, code: int | None
) -> None:
    told: State = {**COMPLETED, "status": status_there, "exit_status": code}
    begin(home, told)
    copy(home, told)
    assert list(settle(home, told)) == [A]
    assert status(home) == ("running", "gpu")


def _of_place(home: str, place: identity.ProcessPlace, pid: int) -> Path:
    folder = Path(home, "runs", f".incoming-{place}-{pid}")
    folder.mkdir(parents=True)
    return folder


def test_a_run_of_another_machine_on_this_disk_is_not_copied_over(home: str) -> None:
    who = identity.of(os.getpid())._replace(host="login1", boot="another")
    guild(home).mkdir(parents=True)
    (guild(home) / "LOCK").write_text(f"{who.pid}\n")
    (guild(home) / "LOCK.owner").write_text(json.dumps({**who._asdict(), "flock": True}))
    assert begin(home, COMPLETED)["refused"] == {A: "it is running on login1"}
    assert not (guild(home) / "LOCK.remote").exists()


def test_what_copies_of_another_container_or_machine_have_is_left_alone(home: str) -> None:
    """Their numbers mean nothing here: a process that is dead here lives there."""
    child = subprocess.Popen(["true"])
    child.wait()
    here = identity.place()
    container = _of_place(home, here._replace(namespace="1"), child.pid)
    machine = _of_place(home, here._replace(host="0" * 8, boot="1" * 8), child.pid)
    killed = _of_place(home, here, child.pid)
    rebooted = _of_place(home, here._replace(boot="2" * 8), os.getpid())
    forgotten = _of_place(home, here._replace(namespace="2"), child.pid)
    os.utime(forgotten, (1, 1))
    begin(home, RUNNING)
    assert [container.exists(), machine.exists()] == [True, True]
    assert [killed.exists(), rebooted.exists(), forgotten.exists()] == [False] * 3


def test_what_a_remote_may_not_read_is_written_down_until_it_may(home: str) -> None:
    begin(home, COMPLETED)
    copy(home, COMPLETED)
    assert settle(home, {**COMPLETED, "unreadable": ["a", "b/"]}) == {}
    directory = rundir.run_dir(home, A)
    assert rundir.unreadable(directory) == ["a", "b/"]
    assert settle(home, COMPLETED) == {}
    assert rundir.unreadable(directory) == []


@pytest.mark.parametrize(
    ("mine", "whose"), [({}, ""), ({"LOCK.confirmed": "1 other\n"}, "other"), (None, None)]
)
def test_a_run_that_was_not_named_is_copied_only_over_a_copy_of_the_same_remotes(
    home: str, mine: dict[str, str] | None, whose: str | None
) -> None:
    """A remote may offer any id, and that of a run which was made here."""
    marked = {"LOCK.confirmed": "1 gpu\n"} if mine is None else mine
    run = make(Path(home), A, marked, exit_status=0, started=1, stopped=2)
    told = {A: state("running", started=3)}
    begun = marks.begin(home, told, "gpu", named=[])
    assert begun["foreign"] == ({} if whose is None else {A: whose})
    assert (rundir.status(str(run)).remote is None) == (whose is not None)
    assert marks.begin(home, told, "gpu", named=[A])["foreign"] == {}
    assert rundir.status(str(run)) == rundir.Status("running", "gpu")


def test_a_run_that_is_expected_from_another_remote_is_not_begun_unless_it_is_named(
    home: str,
) -> None:
    for run_id, remote in ((A, "other"), (B, "gpu")):
        expected.expect(home, run_id, remote)
    told = {A: RUNNING, B: RUNNING}
    begun = marks.begin(home, told, "gpu", named=[])
    assert (begun["foreign"], list(begun["before"])) == ({A: "other"}, [B])
    assert not guild(home).exists()
    assert marks.begin(home, told, "gpu", named=[A])["foreign"] == {}


#


def test_takes_no_step_for_each_run_that_is_not_copied(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync of many remotes begins a copy for each: with as many runs it would take for ever."""
    begin(home, RUNNING)
    steps: list[str] = []
    joined = os.path.join

    def join(*parts: str) -> str:
        steps.append(parts[-1])
        return joined(*parts)

    monkeypatch.setattr(os.path, "join", join)
    begin(home, RUNNING)
    of_few = len(steps)
    for number in range(1000):
        os.mkdir(joined(home, "runs", f"{number:032x}"))
    steps.clear()
    begin(home, RUNNING)
    assert len(steps) == of_few


def test_the_mark_of_a_copy_goes_once_all_of_it_is_on_the_disk(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, RUNNING)
    copy(home, COMPLETED)
    flush = inside.flush
    seen: list[str] = []

    def looked(paths: Iterable[str]) -> None:
        seen.append(status(home).text)
        flush(paths)

    monkeypatch.setattr(inside, "flush", looked)
    assert settle(home, COMPLETED) == {}
    assert set(seen) == {"running"}
    assert status(home).text == "completed"


def test_no_run_is_lost_that_is_none_of_the_remotes(home: str) -> None:
    """One that was made here, or has come home meanwhile, or from another."""
    make(Path(home), exit_status=0)
    marks.begin(home, {B: RUNNING}, "other")
    assert marks.lose(home, [A, B], "gpu") == []
    assert (status(home).text, status(home, B).text) == ("completed", "running")
    assert marks.lose(home, [A, B], "other") == [B]
    assert status(home, B) == rundir.Status("lost", "other")


def test_a_run_whose_folder_has_become_a_link_is_not_settled_and_the_others_are(home: str) -> None:
    begin(home, RUNNING, COMPLETED)
    copy(home, COMPLETED, B)
    guild(home).rename(guild(home).with_name("theirs"))
    guild(home).symlink_to("theirs")
    assert [*settle(home, RUNNING, COMPLETED)] == [A]
    assert status(home, B).text == "completed"


def test_a_copy_that_is_running_here_is_not_taken_for_one_that_was_started_there(
    home: str, runs_here: str
) -> None:
    make(Path(home), B)
    for run_id in (runs_here, B):
        rundir.confirm(rundir.run_dir(home, run_id), "gpu", 1)
    assert [marks.reopen(home, run_id, "gpu") for run_id in (runs_here, B)] == [False, True]
    assert status(home, B) == rundir.Status("running", "gpu")
    assert not (guild(home) / "LOCK.remote").exists()
