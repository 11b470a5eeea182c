"""What guild opens, writes and removes in a run, it reaches through no link."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rundirs import A, B, folders_opened, give_scalars, make, state
from support import at_every_line

from guild_sync.agent import trees
from guild_sync.agent.catalog import changes
from guild_sync.agent.comparing import compared
from guild_sync.agent.copies import marks
from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import last_line, left_out, output, reading
from guild_sync.agent.scalars import kept
from guild_sync.agent.staging import source
from guild_sync.agent.store import atomic, inside, job, locks, manifest, rundir

WRITERS: dict[str, Callable[[str], object]] = {
    "attribute": lambda run: rundir.write_attr(run, "label", "evil"),
    "attributes": lambda run: rundir.write_attrs(run, {"label": "evil"}),
    "removed attribute": lambda run: rundir.remove_attrs(run, ["exit_status"]),
    "mark": lambda run: rundir.mark(run, "PENDING"),
    "removed mark": lambda run: rundir.unmark(run, "LOCK.remote"),
    "word": lambda run: rundir.confirm(run, "gpu", 1),
    "note": lambda run: left_out.write_note(run, left_out.LINKS, [("a", "b")]),
    "job": lambda run: job.write_job(run, {}),
    "manifest": lambda run: manifest.write_manifest(run, ["s a - a"]),
    "lock": lambda run: locks.hold(rundir.guild_dir(run)),
    "output": lambda run: inside.create(rundir.guild_dir(run), "output"),
    "unfinished": lambda run: atomic.remove_unfinished(run + "/.guild", "attrs", lambda pid: True),
}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another run, with all that could be changed of it."""
    run = make(tmp_path, B, {"LOCK.remote": "gpu\n"}, label="mine", exit_status=0)
    (run / ".guild/attrs/.label.4194305").touch()
    (run / ".guild/output").write_text("output")
    (run / ".guild/manifest").write_text("s b - b\n")
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make(tmp_path, A, exit_status=0)


def content(run: Path) -> dict[str, str]:
    return {str(p.relative_to(run)): p.read_text() for p in run.rglob("*") if p.is_file()}


def linked(run: Path, name: str, other: Path) -> None:
    """Have `name` in the run be a link to the other run's, as a remote can have it made here."""
    place = run / name
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(other / name, place.parent))


@pytest.mark.parametrize("name", [".guild", ".guild/attrs"])
@pytest.mark.parametrize("what", WRITERS)
def test_nothing_of_another_run_is_changed_through_a_link(
    run: Path, other: Path, what: str, name: str
) -> None:
    before = content(other)
    linked(run, name, other)
    try:
        WRITERS[what](str(run))
    except OSError as e:
        assert e.strerror == "guild follows no link in a run"
    assert content(other) == before


@pytest.mark.parametrize("name", ["attrs/label", "LOCK.remote", "LOCK", "output", "manifest"])
@pytest.mark.parametrize("what", WRITERS)
def test_a_link_in_a_files_place_is_replaced_or_refused(
    run: Path, other: Path, what: str, name: str
) -> None:
    before = content(other)
    linked(run, f".guild/{name}", other)
    try:
        WRITERS[what](str(run))
    except OSError as e:
        assert e.strerror == "guild follows no link in a run"
    assert content(other) == before


@pytest.mark.parametrize("name", [".guild", ".guild/attrs", ".guild/attrs/label"])
def test_nothing_of_another_run_is_read_through_a_link(run: Path, other: Path, name: str) -> None:
    linked(run, name, other)
    assert rundir.read_attr(str(run), "label") is None
    assert rundir.attr_names(str(run)) in ([], ["exit_status", "label"])


def test_a_runs_status_is_not_that_of_another_through_a_link(run: Path, other: Path) -> None:
    linked(run, ".guild", other)
    assert rundir.status(str(run)) == rundir.Status("error")
    assert rundir.time_of(str(run)) is None
    assert manifest.manifest_lines(str(run)) == []


@pytest.mark.parametrize("name", [".guild/output", ".guild/manifest"])
def test_the_output_of_another_run_is_not_shown_through_a_link(
    tmp_path: Path, run: Path, other: Path, name: str
) -> None:
    linked(run, name, other)
    with pytest.raises(AgentError, match="guild follows no link in a run"):
        reading.open_file(str(tmp_path), A, name)


@pytest.mark.parametrize("name", ["SCALARS", "SCALARS.series", "output", "manifest", "attrs/label"])
def test_a_pipe_that_somebody_holds_open_keeps_nobody_from_reading_of_the_other_runs(
    tmp_path: Path, run: Path, other: Path, name: str
) -> None:
    give_scalars(other, {"loss": [0.5]})
    place = run / ".guild" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    holding = os.open(place, os.O_RDWR)
    found = compared.compared(str(tmp_path))["runs"]
    assert {one["id"]: [*one["scalars"]] for one in found} == {A: [], B: ["loss"]}
    points = kept.points_of(str(tmp_path), [A, B])
    assert [*points[A]] == [] and points[B]["loss"]["value"] == [0.5]
    assert output.ending(str(tmp_path), A, 100) == ""
    assert last_line.last_line(str(run)) == last_line.NOTHING
    assert manifest.manifest_lines(str(run)) == []
    os.close(holding)


def test_a_changed_label_of_a_linked_run_is_refused_in_a_line(
    tmp_path: Path, run: Path, other: Path
) -> None:
    linked(run, ".guild/attrs", other)
    result = changes.label(str(tmp_path), [A], "set", ["evil"])
    assert result == {"done": [], "refused": {A: "guild follows no link in a run"}}
    linked(run, ".guild", other)
    refused = changes.label(str(tmp_path), [A], "set", ["evil"])["refused"]
    assert refused == {A: "its .guild is a link, and guild follows no link in a run"}


def test_source_code_is_not_copied_into_another_run_through_a_link(
    tmp_path: Path, run: Path, other: Path
) -> None:
    (tmp_path / "project/pkg").mkdir(parents=True)
    (tmp_path / "project/pkg/label").write_text("evil")
    (run / ".guild/job.json").write_text("{}")
    (run / "pkg").symlink_to(os.path.relpath(other / ".guild/attrs", run))
    with pytest.raises(OSError, match="guild follows no link in a run"):
        source.copy_source(str(tmp_path), A, str(tmp_path / "project"), ["pkg/label"])
    assert rundir.read_attr(str(other), "label") == "mine"


def test_a_run_that_lies_elsewhere_is_reached_through_the_link_in_its_place(
    tmp_path: Path, run: Path
) -> None:
    run.rename(tmp_path / "elsewhere")
    run.symlink_to(tmp_path / "elsewhere")
    rundir.write_attr(str(run), "label", "mine")
    assert (tmp_path / "elsewhere/.guild/attrs/label").read_text() == "mine\n"
    assert rundir.read_attr(str(run), "label") == "mine"


def test_nobody_can_foresee_the_name_of_a_file_that_is_being_written(run: Path) -> None:
    seen: set[str] = set()

    def look() -> None:
        seen.update(name for name in os.listdir(run / ".guild/attrs") if name.startswith("."))

    for _ in range(2):
        with at_every_line(look):
            rundir.write_attr(str(run), "label", "mine")
    assert len(seen) == 2
    assert all(re.fullmatch(rf"\.label\.[0-9a-f]{{16}}\.{os.getpid()}", name) for name in seen)


def test_what_could_not_be_written_leaves_nothing_behind(run: Path) -> None:
    (run / ".guild/attrs/label").mkdir()
    with pytest.raises(OSError, match="label"):
        rundir.write_attr(str(run), "label", "mine")
    assert sorted(os.listdir(run / ".guild/attrs")) == ["exit_status", "label"]


def test_who_may_not_write_a_lock_may_not_read_it_either(run: Path) -> None:
    lock = run / ".guild/LOCK"
    lock.touch()
    lock.chmod(0o644)  # as earlier versions, and Guild AI, have it
    held = locks.hold(str(run / ".guild"))
    assert held is not None
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    locks.release(str(run / ".guild"), held)


def test_a_note_that_a_run_brings_as_a_link_tells_nothing(run: Path, other: Path) -> None:
    left_out.write_note(str(other), left_out.LINKS, [("a", "b")])
    linked(run, ".guild/LOCK.links", other)
    assert left_out.links_of(str(run)) == []


def test_a_copy_into_a_run_with_a_link_is_refused_before_its_first_byte(
    tmp_path: Path, run: Path, other: Path
) -> None:
    before = content(other)
    linked(run, ".guild/attrs", other)
    refused = marks.begin(str(tmp_path), {A: state("running")}, "gpu")["refused"]
    assert refused == {
        A: "here its .guild/attrs is a link, and guild follows no link in a run",
    }
    assert content(other) == before


def test_a_walk_tells_what_os_walk_does_and_goes_where_that_cannot(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name in ("b/c/d", "a", "e", "pruned/x"):
        (top / name).mkdir(parents=True)
    for name in ("f", "b/f", "e/f"):
        (top / name).touch()
    (top / "b/link").symlink_to(top / "e")
    (top / "b/round").symlink_to("round")
    told = []
    for walk in (os.walk, inside.walk):
        found = []
        for folder, folders, files in walk(str(top)):
            folders[:] = sorted(name for name in folders if name != "pruned")
            found.append((folder, [*folders], sorted(files)))
        told.append(found)
    assert told[0] == told[1]
    assert len(told[0]) == 6

    deep = tmp_path / "deep"
    for at in (400, 800, 1200):  # deeper than Python calls itself
        (deep / "/".join("x" * at)).mkdir(parents=True)
    try:
        (deep / "x/file").write_text("ten bytes.")
        (deep / "x/link").symlink_to("file")
        assert len([*inside.walk(str(deep))]) == 1201
        assert inside.bytes_of(str(deep)) == len("ten bytes.") + len("file")
        assert inside.bytes_of(str(deep / "x/file")) == len("ten bytes.")
        assert inside.bytes_of(str(deep / "gone")) == 0
    finally:  # pytest could not
        assert trees.remove_tree(str(deep))


# Many files at once.


def test_of_many_files_a_folder_is_opened_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{folder}/{number}" for folder in ("a", "b/c") for number in range(100)]
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    opened = folders_opened(monkeypatch)
    found = {name: now.st_size for name, now in inside.statuses(str(run), names) if now}
    assert found == {name: len(name) for name in names}
    assert len(opened) == 2 + 3, "the run and what is in it on the way, for each of two folders"


def test_of_many_files_each_is_what_it_is_by_itself(run: Path, other: Path) -> None:
    (run / "sub").mkdir()
    (run / "sub/file").write_text("x")
    (run / "file").symlink_to(other)
    (run / "link").symlink_to(other)
    names = ["sub/file", "link/.guild", "sub/none", "file", "sub", "no/file", "no/more", "\0/x"]
    names += ["sub/\0", "sub/file", f"../{other.name}/.guild", "sub/file/x"]
    before = set(os.listdir("/dev/fd"))
    for name, now in inside.statuses(str(run), names):
        expected = None if "\0" in name else inside.status(str(run), name)
        assert (now and now.st_ino) == (expected and expected.st_ino), name
    assert set(os.listdir("/dev/fd")) == before


def test_of_several_that_write_a_file_at_once_one_is_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with ThreadPoolExecutor(8) as pool:
        texts = [str(number) for number in range(8)]
        first = [*pool.map(lambda text: inside.write_first(str(folder), "it", text), texts)]
    assert first.count(True) == 1
    assert (folder / "it").read_text() == texts[first.index(True)]
    assert os.listdir(folder) == ["it"], "nothing else is left"
    assert not inside.write_first(str(folder), "it", "again")


@pytest.mark.parametrize("number", [errno.ELOOP, errno.EMLINK, errno.ENOTDIR])
def test_a_link_is_told_as_one_however_a_system_refuses_to_open_it(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    def refuse(*_args: object, **_named: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(inside.Linked):
        inside.opened(str(tmp_path / "link"))


def test_what_is_not_to_be_replaced_is_left_as_it_is(tmp_path: Path) -> None:
    os.close(inside.create(str(tmp_path), "new", replace=False))
    (tmp_path / "new").write_text("mine")
    with pytest.raises(FileExistsError):
        inside.create(str(tmp_path), "new", replace=False)
    assert (tmp_path / "new").read_text() == "mine"
