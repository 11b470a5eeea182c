"""label, tag, comment, mark, rm, restore and purge: here, and the same with -r."""

from __future__ import annotations

import getpass
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from support import Guild

from guild_sync.agent.catalog import find
from guild_sync.agent.store import attrs, rundir

ROW = r"  \[{id}\]  \S+  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {status}  {label}"


class Place:
    """Where runs are: here or on a remote, and how a command says so."""

    def __init__(self, guild: Guild, home: Path, remote: str | None) -> None:
        self.guild = guild
        self.home = home
        self.remote = remote
        self.on = f" on {remote}" if remote else ""
        self.words = ("-r", remote) if remote else ()

    def ok(self, *argv: str, stdin: str = "") -> list[str]:
        return self.guild.ok(*argv, *self.words, stdin=stdin).lines

    def fails(self, *argv: str) -> str:
        done = self.guild(*argv, *self.words)
        assert done.code == 1, done
        return done.err

    def asked(self, *argv: str) -> list[str]:
        """What is shown where the answer is no: the last line is the question."""
        before = self.attributes()
        lines = self.ok(*argv, stdin="n\n")
        assert self.attributes() == before
        return lines

    def make(self, number: int, label: str = "", **attributes: Any) -> str:
        """A run that ended well; those with a lower number started later."""
        run_id = f"{number:x}" * 32
        directory = self.home / "runs" / run_id
        (directory / ".guild/attrs").mkdir(parents=True)
        (directory / ".guild/opref").write_text("guildfile:'' '' '' op")
        values = {"started": 10**15 - number, "exit_status": 0, **attributes}
        for name, value in {**values, **({"label": label} if label else {})}.items():
            (directory / ".guild/attrs" / name).write_text(attrs.encode(value))
        return run_id

    def attr(self, run_id: str, name: str) -> Any:
        return rundir.read_attr(str(self.home / "runs" / run_id), name)

    def attributes(self) -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and path.parent.name == "attrs"
        }

    def ids(self, deleted: bool = False) -> list[str]:
        return find.run_ids(str(self.home), deleted)


@pytest.fixture(params=["here", "remote"])
def place(request: pytest.FixtureRequest, guild: Guild) -> Place:
    if request.param == "here":
        return Place(guild, guild.home, None)
    remote: str = request.getfixturevalue("remote")
    return Place(guild, request.getfixturevalue("there"), remote)


def row(run_id: str, status: str = "completed", label: str = "") -> str:
    return ROW.format(id=run_id[:8], status=status, label=label).rstrip()


# Labels.


def test_a_label_is_set_and_changed(place: Place) -> None:
    first, second = place.make(1, label="old"), place.make(2)
    shown = place.asked("label", "-s", "new one")
    assert shown[0] == f"You are about to label the following run{place.on}:"
    assert re.fullmatch(row(first, label="old"), shown[1])
    assert shown[2:] == ["Continue? (Y/n) "]

    assert place.ok("label", "-s", "new one", "-y") == [f"Labeled 1 run{place.on}"]
    assert place.attr(first, "label") == "new one"
    assert place.ok("runs", "label", "-p", "x", "1:2", "-y") == [f"Labeled 2 runs{place.on}"]
    assert (place.attr(first, "label"), place.attr(second, "label")) == ("x new one", "x")
    place.ok("label", "--append", "y", first, "-y")
    place.ok("label", "-rm", "new", "-rm", "x", first, "-y")
    assert place.attr(first, "label") == "one y"
    assert place.ok("label", "-c", "-y") == [f"Cleared the label of 1 run{place.on}"]
    assert place.attr(first, "label") is None
    assert place.attr(second, "label") == "x"


def test_filters_say_which_run_is_labeled(place: Place) -> None:
    latest, earlier = place.make(1, label="a"), place.make(2, label="b")
    place.ok("label", "-s", "found", "-Fl", "b", "-y")
    assert (place.attr(latest, "label"), place.attr(earlier, "label")) == ("a", "found")


def test_hostile_labels_are_kept_as_they_are_and_shown_harmlessly(place: Place) -> None:
    run_id = place.make(1)
    label = "\x1b[2J$(touch x) '; \"\n- a: &b"
    place.ok("label", "--set", label, "-y")
    assert place.attr(run_id, "label") == label
    assert place.asked("label", "-s", "x")[1].endswith("?[2J$(touch x) '; \"?- a: &b")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["label"], "say what to do: --set, --prepend, --append, --remove or --clear"),
        (["label", "-s", "x", "-c"], "--set and --clear exclude each other"),
        (["label", "-s"], "-s requires argument"),
        (["tag"], "say what to do: --add, --delete, --clear or --list-all"),
        (["tag", "-a", ""], "a tag cannot be empty"),
        (["tag", "-l", "-a", "x"], "--list-all and --add exclude each other"),
        (["comment"], "say what to do: --list, --add, --delete or --clear"),
        (["comment", "-a", " "], "a comment cannot be empty"),
        (["comment", "-d", "x"], "--delete takes a whole number, not 'x'"),
        (["comment", "-c", "-u", "ann"], "--user belongs to --add"),
        (["mark", "--bogus"], "unrecognized option '--bogus'"),
        (["runs", "rm", "-a"], "unrecognized option '-a'"),
        (["restore", "-p"], "unrecognized option '-p'"),
        (["purge", "--started", "x"], "'x' is not a range of time"),
    ],
)
def test_a_wrong_argument_is_refused(guild: Guild, argv: list[str], said: str) -> None:
    done = guild(*argv)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0] == f"guild: {said}"


def test_a_run_that_is_not_there_is_an_error(place: Place) -> None:
    where = f"remote {place.remote!r}: " if place.remote else ""
    for argv in (
        *(["label", "-s", "x"], ["tag", "-a", "x"], ["comment", "-l"], ["mark"]),
        *(["rm"], ["restore"], ["purge"]),
    ):
        said = f"guild: {where}could not find a run matching '9' (there are none)"
        assert place.fails(*argv, "9", "-y").splitlines()[0] == said


def test_where_there_are_no_runs_nothing_is_done(place: Place) -> None:
    for argv, said in (
        (["label", "-c"], ["Nothing to label."]),
        (["tag", "-a", "x"], ["Nothing to tag."]),
        (["tag", "-l"], []),
        (["comment", "-a", "x"], ["Nothing to comment on."]),
        (["comment", "-l"], []),
        (["mark"], ["Nothing to mark."]),
        (["mark", "-c"], ["Nothing to unmark."]),
        (["rm"], ["Nothing to delete."]),
        (["runs", "delete", "-Fl", "x"], ["Nothing to delete."]),
        (["runs", "restore"], ["Nothing to restore."]),
        (["runs", "purge"], ["Nothing to purge."]),
    ):
        assert place.ok(*argv) == said


def test_a_name_that_no_run_has_changes_nothing(place: Place) -> None:
    run_id = place.make(1, flags={"lr": 0.1})
    for argv in (
        *(["rm"], ["label", "-s", "x"], ["tag", "-a", "x"], ["comment", "-a", "x"], ["mark"]),
        *(["rm", "-p"], ["stop"]),
    ):
        assert place.fails(*argv, "-F", "lrr != 0.1", "-y").splitlines() == [
            f"guild: the filter asks for 'lrr', which no run{place.on} has",
            "Did you mean 'lr'?",
        ]
    assert place.ids() == [run_id]
    assert place.ok("rm", "-F", "lr != 0.1", "-y") == ["Nothing to delete."]
    assert place.ok("rm", "-F", "lr is 0.1", "-y") == [f"Deleted 1 run{place.on}"]
    for command in ("restore", "purge"):
        assert "lrr" in place.fails("runs", command, "-F", "lrr != 0.1", "-y")
    assert place.ids(deleted=True) == [run_id]
    assert place.ok("restore", "-F", "lr = 0.1", "-y") == [f"Restored 1 run{place.on}"]


def test_a_name_that_no_run_has_copies_nothing(place: Place) -> None:
    place.make(1, flags={"lr": 0.1})
    if place.remote:
        commands = [["pull", place.remote]]
    else:
        place.guild.configure(x={"type": "ssh", "host": "nowhere.invalid"})
        commands = [["push", "x"], ["sync"]]
    for command in commands:
        done = place.guild(*command, "-F", "lrr != 0.1", *(["-y"] if len(command) == 2 else []))
        assert done.code == 1
        assert done.err.splitlines()[0] == (
            f"guild: the filter asks for 'lrr', which no run{place.on} has"
        )
    assert not place.remote or not list((place.guild.home / "runs").glob("[0-9a-f]*"))


def test_an_operation_is_meant_by_whole_parts_of_its_name(place: Place) -> None:
    for number, name in enumerate(("train", "pretrain", "train-final"), 1):
        run_dir = place.home / "runs" / place.make(number)
        (run_dir / ".guild/opref").write_text(f"package:gpkg.demo 1.0 '' {name}")
    assert place.ok("rm", "-Fo", "train", "-y") == [f"Deleted 1 run{place.on}"]
    assert len(place.ids()) == 2


# Tags.


def test_tags_are_added_deleted_and_listed(place: Place) -> None:
    first, second = place.make(1, label="old"), place.make(2)
    shown = place.asked("tag", "-a", "x")
    assert shown[0] == f"You are about to change the tags of the following run{place.on}:"
    assert shown[2] == "Their labels stay as they are; --sync-labels changes them too."

    done = place.ok("tag", "-a", "b", "--add", "a", "1", "2", "-y")
    assert done == [f"Changed the tags of 2 runs{place.on}"]
    assert place.attr(second, "tags") == ["a", "b"]
    place.ok("runs", "tag", "-d", "b", "-a", "c", "-y")
    assert place.attr(first, "tags") == ["a", "c"]
    assert place.ok("tag", "--list-all") == ["a", "b", "c"]
    assert place.ok("tag", "-l", "1") == ["a", "c"]
    assert place.attr(first, "label") == "old"

    place.ok("tag", "-s", "-a", "new", "-y")
    assert place.attr(first, "label") == "new old"
    place.ok("tag", "-sc", "-y")
    assert (place.attr(first, "tags"), place.attr(first, "label")) == ([], "old")


# Comments.


def test_comments_are_added_listed_and_deleted(place: Place) -> None:
    first, second = place.make(1, label="x"), place.make(2)
    shown = place.asked("comment", "-a", "hello")
    assert shown[0] == f"You are about to add a comment to the following run{place.on}:"

    assert place.ok("comment", "-a", "hello", "-y") == [f"Added a comment to 1 run{place.on}"]
    place.ok("runs", "comment", "-a", "two\n\x1b[2Jlines", "-u", "bob@desk", "1:2", "-y")
    listed = place.ok("comment", "-l", "1:2")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    me = re.escape(f"{getpass.getuser()}@{socket.gethostname()}")
    assert re.fullmatch(row(first, label="x").removeprefix("  "), listed[0])
    assert re.fullmatch(rf"  1: {me} {time}", listed[1])
    assert listed[2] == "     hello"
    assert re.fullmatch(rf"  2: bob@desk {time}", listed[3])
    assert listed[4:6] == ["     two", "     ?[2Jlines"]
    assert len(listed) == 10

    assert place.ok("comment", "-d", "1", "-y") == [f"Deleted comment 1 of 1 run{place.on}"]
    assert [c["body"] for c in place.attr(first, "comments")] == ["two\n\x1b[2Jlines"]
    done = place.guild("comment", "-d", "2", "1:2", "-y", *place.words)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"guild: run {run_id}{place.on} was not changed: it has no comment 2"
        for run_id in (first, second)
    ]
    assert place.asked("comment", "-c")[-1] == "Continue? (y/N) "
    assert place.ok("comment", "-c", "-y") == [f"Deleted all comments of 1 run{place.on}"]
    assert place.ok("comment", "-l")[1:] == ["  no comments"]


# Marks.


def test_runs_are_marked_and_unmarked(place: Place) -> None:
    first, second, third = (place.make(number) for number in (1, 2, 3))
    assert place.asked("mark")[0] == f"You are about to mark the following run{place.on}:"
    assert place.ok("mark", "-y") == [f"Marked 1 run{place.on}"]
    assert place.ok("runs", "mark", "2", "-y") == [f"Marked 1 run{place.on}"]
    assert [place.attr(i, "marked") for i in (first, second, third)] == [True, True, None]
    assert place.asked("mark", "-c")[0] == f"You are about to unmark the following runs{place.on}:"
    assert place.ok("mark", "-c", "-y") == [f"Unmarked 2 runs{place.on}"]
    assert place.attr(first, "marked") is None
    place.ok("mark", "1:2", "-y")
    place.ok("mark", "--clear", "1", "-y")
    assert [place.attr(i, "marked") for i in (first, second)] == [None, True]


# Deleting, restoring, purging.


def test_a_run_is_deleted_restored_and_purged(place: Place) -> None:
    first, second = place.make(1, label="x"), place.make(2)
    shown = place.asked("runs", "rm", "1")
    assert shown[0] == f"You are about to delete the following run{place.on}:"
    assert re.fullmatch(row(first, label="x"), shown[1])
    assert shown[2:] == ["Delete 1 run? (Y/n) "]
    assert place.ids() == [first, second]

    assert place.ok("rm", "1", "-y") == [f"Deleted 1 run{place.on}"]
    assert (place.ids(), place.ids(deleted=True)) == ([second], [first])
    assert place.ok("runs", "delete", "-y") == [f"Deleted 1 run{place.on}"]
    assert (place.ids(), place.ids(deleted=True)) == ([], [first, second])

    assert place.asked("restore", "2")[-1] == "Restore 1 run? (Y/n) "
    assert place.ok("runs", "restore", second, "-y") == [f"Restored 1 run{place.on}"]
    assert place.ids() == [second]

    assert place.asked("purge")[-1] == "Permanently delete 1 run? (y/N) "
    assert place.ok("purge", stdin="\n")[-1] == "Permanently delete 1 run? (y/N) "
    assert place.ids(deleted=True) == [first]
    assert place.ok("runs", "purge", "-y") == [f"Permanently deleted 1 run{place.on}"]
    assert place.ids(deleted=True) == []
    assert place.asked("rm", "-p")[-1] == "Permanently delete 1 run? (y/N) "
    assert place.ok("rm", "-py") == [f"Permanently deleted 1 run{place.on}"]
    assert (place.ids(), place.ids(deleted=True)) == ([], [])


def test_filters_say_which_runs_are_deleted(place: Place) -> None:
    place.make(1, label="keep")
    failed, also = place.make(2, exit_status=1), place.make(3, exit_status=2)
    assert place.ok("rm", "-Se", "-y") == [f"Deleted 2 runs{place.on}"]
    assert place.ids(deleted=True) == [failed, also]
    assert place.ok("restore", "-F", "exit_status = 2", "-y") == [f"Restored 1 run{place.on}"]
    assert place.ids(deleted=True) == [failed]


def test_a_running_run_is_not_deleted_and_the_others_are(place: Place) -> None:
    place.make(1)
    running = place.guild.started("sleep=600", remote=place.remote)
    for argv in (["rm", "-y"], ["rm", "-py"]):
        done = place.guild(*argv, *place.words)
        assert done.code == 1
        assert done.err.splitlines() == [
            f"guild: run {running}{place.on} was not deleted: it is running",
            f"To stop it, use 'guild stop {running}{' -r ' if place.remote else ''}"
            f"{place.remote or ''}'.",
        ]
    assert place.ids() == [running]
    assert len(place.ids(deleted=True)) == 1
    assert rundir.status(str(place.home / "runs" / running)).text == "running"


def test_a_remote_that_cannot_be_reached_is_said_so(guild: Guild) -> None:
    guild.configure(lost={"type": "ssh", "host": "127.0.0.1", "port": 1})
    for argv in (["label", "-s", "x"], ["runs", "rm"], ["tag", "-l"], ["purge"]):
        done = guild(*argv, "-r", "lost", "-y")
        assert done.code == 3
        assert done.err.startswith("guild: ")


def test_of_a_run_on_a_remote_only_the_copy_here_is_deleted(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "-y")
    note = f"Of a run that is running on {remote}, only the copy here is deleted."
    assert guild.ok("rm", stdin="n\n").lines[2] == note
    alone = f"Of a run that is running on {remote}, the copy here alone is changed."
    assert guild.ok("label", "-s", "x", stdin="n\n").lines[2] == alone

    assert guild.ok("rm", "-y").lines == ["Deleted 1 run"]
    assert guild.ok("sync").out == ""
    assert rundir.status(str(there / "runs" / run_id)).text == "running"
    guild.ok("restore", "-y")
    assert guild.status(run_id) == f"running ({remote})"
    assert f"Copying {run_id}" in guild.ok("sync").lines


def test_a_copy_is_not_deleted_while_it_is_written(guild: Guild, remote: str) -> None:
    guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, "-y")
    os.environ["GUILD_HOME"] = str(guild.home)
    from guild_sync.hosts.locking import remote_lock

    with remote_lock(remote, wait=False):
        deleting = guild.popen("rm", "-y")
        assert deleting.stdout is not None
        assert deleting.stdout.readline().startswith(b"Waiting for another guild")
        assert len(find.run_ids(str(guild.home))) == 1
    assert deleting.communicate(timeout=20)[0] == b"Deleted 1 run\n"
    assert find.run_ids(str(guild.home)) == []


def test_a_later_copy_of_a_deleted_run_takes_its_place_in_the_trash(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = Place(guild, there, remote).make(1)
    (there / "runs" / run_id / "out").write_text("1")
    for text in ("1", "2"):
        (there / "runs" / run_id / "out").write_text(text)
        guild.ok("pull", remote, "--deleted", "-y")
        guild.ok("rm", "-y")
    assert (guild.home / "trash/runs" / run_id / "out").read_text() == "2"


def test_tags_and_comments_of_commands_at_once_are_all_there(place: Place) -> None:
    run_id = place.make(1)
    place.ok("runs")  # a remote has the agent then
    started = [
        place.guild.popen(*argv, "-y", *place.words)
        for i in range(4)
        for argv in (("tag", "-a", f"t{i}"), ("comment", "-a", f"c{i}"))
    ]
    assert [command.wait(60) for command in started] == [0] * len(started)
    for command in started:
        assert command.stdout is not None
        command.stdout.close()
    assert place.attr(run_id, "tags") == ["t0", "t1", "t2", "t3"]
    assert {c["body"] for c in place.attr(run_id, "comments")} == {"c0", "c1", "c2", "c3"}
