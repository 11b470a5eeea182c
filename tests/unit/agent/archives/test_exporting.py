"""Runs put into archives of each kind: the same run comes out, and nothing is ever half there."""

from __future__ import annotations

import fcntl
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from faults import change_a_byte
from packed import KINDS, export, import_, kinds
from rundirs import A, B, C, make

from guild_sync.agent.archives import exporting, writing
from guild_sync.agent.errors import AgentError
from guild_sync.agent.store import locks, rundir


def ended(home: Path, run_id: str = A) -> Path:
    """A run that has ended, with all kinds of files."""
    run = make(home, run_id, id=run_id, started=1, stopped=2, exit_status=0, label="the best")
    (run / "model.bin").write_bytes(os.urandom(70_000))
    (run / "tool").write_text("#!/bin/sh\n")
    (run / "tool").chmod(0o750)
    (run / "a" / "private").mkdir(parents=True)
    (run / "a" / "private").chmod(0o700)
    (run / "a" / "two\nlines\\\x1b[1m ü").write_text("odd")
    (run / "a" / ("long" * 60)).write_text("")
    (run / "latest").symlink_to("model.bin")
    (run / "a" / "other").symlink_to(f"../../{B}/model.bin")
    (run / ".guild" / "output").write_text("done\n")
    (run / ".guild" / "job-packages").mkdir()
    (run / ".guild" / "job-packages" / "p.py").write_text("")
    os.utime(run / "model.bin", ns=(1, 1_700_000_001_123_456_789))
    with open(run / "sparse", "wb") as f:
        f.truncate(1 << 22)
    return run


def tree(run: Path, whole_seconds: bool = False) -> dict[str, tuple[object, ...]]:
    """All that is in a run: kind, mode, and what it holds; of files their time too.

    But for the mark that it was imported.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(run.rglob("*")):
        if path.name == rundir.LOCK_IMPORTED:
            continue
        status = path.lstat()
        name, mode = str(path.relative_to(run)), stat.S_IMODE(status.st_mode)
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", mode)
        else:
            at = status.st_mtime_ns // 10**9 if whole_seconds else status.st_mtime_ns
            found[name] = ("file", mode, at, path.read_bytes())
    return found


@kinds
def test_what_is_imported_is_the_same_run(home: Path, tmp_path: Path, name: str) -> None:
    run = ended(home)
    there = tmp_path / "there"

    done = export(home, tmp_path / name)
    assert (done["done"], done["refused"], done["fits"]) == ([A], {}, True)
    assert import_(there, tmp_path / name)["done"] == [A]

    imported = there / "runs" / A
    in_seconds = name.endswith(".zip")  # which has no more of a time
    assert tree(imported, in_seconds) == tree(run, in_seconds)
    assert rundir.status(str(imported)).text == "completed"
    assert [p.name for p in (there / "runs").iterdir()] == [A]


@kinds
def test_holes_of_files_stay_holes(home: Path, tmp_path: Path, name: str) -> None:
    ended(home)
    export(home, tmp_path / name)
    import_(tmp_path / "there", tmp_path / name)

    assert (tmp_path / "there" / "runs" / A / "sparse").stat().st_blocks < 64


@kinds
def test_an_archive_that_is_there_gets_the_runs_that_it_lacks(
    home: Path, tmp_path: Path, name: str
) -> None:
    for run_id in (A, B):
        ended(home, run_id)
    export(home, tmp_path / name, A)
    (home / "runs" / A / "model.bin").write_text("changed")

    done = export(home, tmp_path / name, A, B)

    assert (done["done"], done["there"]) == ([B], [A])
    assert import_(tmp_path / "there", tmp_path / name, [A, B])["done"] == [A, B]
    assert (tmp_path / "there" / "runs" / A / "model.bin").stat().st_size == 70_000
    assert tree(tmp_path / "there" / "runs" / B, True) == tree(home / "runs" / B, True)


@kinds
def test_marks_of_a_host_and_of_remotes_stay_here(home: Path, tmp_path: Path, name: str) -> None:
    run = ended(home)
    marks = (
        *("LOCK", "LOCK.owner", "LOCK.operation", "LOCK.confirmed", "LOCK.base", "LOCK.copied"),
        *("LOCK.imported", "LOCK.unreadable", "LOCK.left-out"),
    )
    for mark in marks:
        (run / ".guild" / mark).write_text("[]")

    export(home, tmp_path / name)
    import_(tmp_path / "there", tmp_path / name)

    found = {p.name for p in (tmp_path / "there" / "runs" / A / ".guild").glob("LOCK*")}
    assert found == {"LOCK.imported", "LOCK.unreadable", "LOCK.left-out"}


@kinds
def test_a_staged_run_stays_staged_and_a_batch_one(home: Path, tmp_path: Path, name: str) -> None:
    make(home, A, {"STAGED": "", "BATCH": ""}, id=A, staged=1)
    export(home, tmp_path / name)
    import_(tmp_path / "there", tmp_path / name)

    imported = str(tmp_path / "there" / "runs" / A)
    assert rundir.status(imported).text == "staged"
    assert (Path(imported) / ".guild" / "BATCH").exists()


@kinds
def test_a_running_run_is_exported_as_it_is_and_that_is_told(
    home: Path, tmp_path: Path, name: str
) -> None:
    run = make(home, A, id=A, started=1)
    held = locks.hold(str(run / ".guild"))
    assert held is not None
    try:
        assert export(home, tmp_path / name)["running"] == {A: "running"}
        refused = export(home, tmp_path / f"2{name}", move=True)["refused"]
    finally:
        locks.release(str(run / ".guild"), held)

    assert refused == {A: "it is running"}
    assert not (tmp_path / f"2{name}").exists()
    assert import_(tmp_path / "there", tmp_path / name)["open"] == [A]
    assert rundir.status(str(tmp_path / "there" / "runs" / A)).text == "error"


@kinds
def test_the_copy_of_a_remotes_run_is_no_copy_once_it_is_imported(
    home: Path, tmp_path: Path, name: str
) -> None:
    make(home, A, {"LOCK.remote": "gpu1\n", "STAGED": "", "LOCK.confirmed": "1 gpu1\n"}, id=A)

    assert export(home, tmp_path / name)["running"] == {A: "staged (gpu1)"}
    assert import_(tmp_path / "there", tmp_path / name)["open"] == [A]
    assert rundir.status(str(tmp_path / "there" / "runs" / A)) == rundir.Status("error")


def test_a_run_that_is_just_being_made_is_not_exported(home: Path, tmp_path: Path) -> None:
    make(home, A, {"PENDING": ""})
    assert export(home, tmp_path / "out.zip")["refused"] == {A: "it is just being made"}
    assert not (tmp_path / "out.zip").exists()


@kinds
def test_a_moved_run_is_in_the_archive_and_here_no_more(
    home: Path, tmp_path: Path, name: str
) -> None:
    before = tree(ended(home), True)

    assert export(home, tmp_path / name, move=True)["done"] == [A]

    assert not (home / "runs" / A).exists()
    import_(home, tmp_path / name)
    assert tree(home / "runs" / A, True) == before


@kinds
def test_a_move_that_was_killed_is_ended_by_the_next_where_both_are_the_same(
    home: Path, tmp_path: Path, name: str
) -> None:
    for run_id in (A, B, C):
        ended(home, run_id)
    export(home, tmp_path / name, A, B, C)
    (home / "runs" / B / "new").touch()
    (home / "runs" / C / "model.bin").write_bytes(bytes(70_000))

    found = export(home, tmp_path / name, A, B, C, move=True)

    assert (found["done"], found["there"]) == ([A], [B, C])
    assert {p.name for p in (home / "runs").iterdir()} == {B, C}


def test_a_run_that_changes_while_it_is_moved_stays_here_too(home: Path, tmp_path: Path) -> None:
    run = ended(home)
    found = export(home, tmp_path / "out")
    before = exporting._begun(str(home), A, True, found)
    change_a_byte(run / ".guild/opref")

    exporting._remove(str(home), {A: before}, found)

    assert found["refused"] == {A: "it changed while it was exported, and stays here too"}
    assert run.exists()


@pytest.mark.parametrize("deleted", [False, True])
def test_the_folder_of_runs_is_no_archive_of_them(
    home: Path, tmp_path: Path, deleted: bool
) -> None:
    run = ended(home)
    folder = Path(rundir.runs_dir(str(home), deleted))
    folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "link").symlink_to(folder)
    for file in (folder, tmp_path / "link", home / "runs" / ".." / folder.relative_to(home)):
        with pytest.raises(AgentError, match="has the runs of this guild home"):
            export(home, file, move=True)
    assert (run / "model.bin").exists()


def test_a_run_is_not_moved_into_itself(home: Path, tmp_path: Path) -> None:
    run = ended(home)
    disk = tmp_path / "disk"
    disk.mkdir()
    run.rename(disk / A)
    run.symlink_to(disk / A)
    export(home, run / "out.tar")
    for file in (disk, run / "out.tar", disk / A / "new.zip", run / "folder"):
        found = export(home, file, move=True)
        why = "the archive is that run itself, or is in it"
        assert (found["done"], found["refused"]) == ([], {A: why})
    assert (disk / A / "model.bin").exists()


@pytest.mark.parametrize("move", [False, True])
def test_a_run_whose_attributes_are_elsewhere_is_not_exported(
    home: Path, tmp_path: Path, move: bool
) -> None:
    """As a remote may send it: what a link in it leads to is not this run's to tell."""
    attributes = ended(home) / ".guild" / "attrs"
    attributes.rename(tmp_path / "attrs")
    attributes.symlink_to(tmp_path / "attrs")
    found = export(home, tmp_path / "out.zip", move=move)
    why = "its .guild/attrs is a link, and guild follows no link in a run"
    assert (found["done"], found["refused"]) == ([], {A: why})
    assert [*(tmp_path / "attrs").iterdir()]


@kinds
def test_an_archive_by_another_name_is_the_one_that_it_leads_to(
    home: Path, tmp_path: Path, name: str
) -> None:
    for run_id in (A, B):
        ended(home, run_id)
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / name, tmp_path / name
    export(home, real, A)
    link.symlink_to(real)

    assert export(home, link, B)["done"] == [B]

    assert link.is_symlink()
    assert exporting.ids_in(str(real)) == {A, B}


@kinds
def test_a_run_of_which_not_all_can_be_looked_at_is_not_exported(
    home: Path, tmp_path: Path, name: str
) -> None:
    ended(home, B)
    folder = ended(home)
    while len(str(folder)) < 4096 - 250:
        folder /= "deep" * 50
        folder.mkdir()
    at = os.open(folder, os.O_RDONLY)
    os.close(os.open("x" * 255, os.O_CREAT | os.O_WRONLY, dir_fd=at))  # of too long a path
    os.close(at)

    found = export(home, tmp_path / name, A, B, move=True)

    assert found["done"] == [B]
    assert found["refused"][A].startswith("cannot read its file ")
    assert (home / "runs" / A).exists()


@kinds
def test_resources_are_copied_where_that_is_asked_for(
    home: Path, tmp_path: Path, name: str
) -> None:
    run = ended(home)
    data = tmp_path / "data"
    data.mkdir()
    (data / "x.csv").write_text("x")
    (data / "round").symlink_to(data)
    (run / "data").symlink_to(data)
    (run / "gone").symlink_to("nowhere")

    export(home, tmp_path / name, copy_resources=True)
    import_(tmp_path / "there", tmp_path / name)

    imported = tmp_path / "there" / "runs" / A
    assert not (imported / "data").is_symlink()
    assert [p.name for p in (imported / "data").iterdir()] == ["x.csv"]
    assert (imported / "latest").read_bytes() == (run / "model.bin").read_bytes()
    assert not (imported / "latest").is_symlink()
    assert os.readlink(imported / "gone") == "nowhere"


@kinds
def test_what_is_no_file_is_left_out_and_told(home: Path, tmp_path: Path, name: str) -> None:
    run = ended(home)
    os.mkfifo(run / "pipe")

    assert export(home, tmp_path / name)["others"] == {A: ["pipe"]}
    import_(tmp_path / "there", tmp_path / name)
    assert not (tmp_path / "there" / "runs" / A / "pipe").exists()


def test_a_name_that_is_no_text_goes_into_all_but_a_zip(home: Path, tmp_path: Path) -> None:
    run = ended(home)
    odd = os.fsdecode(b"odd-\xff")
    (run / odd).write_text("x")

    refused = export(home, tmp_path / "out.zip")["refused"]
    assert refused == {A: "a .zip cannot have the name of its file 'odd-\\udcff'"}
    for name in ("out", "out.tar", "out.tar.zst"):
        assert export(home, tmp_path / name)["refused"] == {}
        import_(tmp_path / f"there-{name}", tmp_path / name)
        assert (tmp_path / f"there-{name}" / "runs" / A / odd).read_text() == "x"


@kinds
def test_where_there_is_no_room_nothing_is_written(home: Path, tmp_path: Path, name: str) -> None:
    ended(home)
    found = export(home, tmp_path / name, room=1000)
    if name in ("out", "out.tar"):  # what is packed may need less
        assert (found["fits"], found["done"]) == (False, [])
        assert not (tmp_path / name).exists()
    else:
        assert found["fits"]


@kinds
def test_what_a_killed_export_has_left_goes_with_the_next(
    home: Path, tmp_path: Path, name: str
) -> None:
    ended(home)
    above = tmp_path / name if name == "out" else tmp_path
    above.mkdir(exist_ok=True)
    (above / f"{writing._UNFINISHED}1" / A).mkdir(parents=True)

    export(home, tmp_path / name)
    assert not list(above.glob(f"{writing._UNFINISHED}*"))
    (above / f"{writing._UNFINISHED}2").mkdir()
    assert export(home, tmp_path / name)["there"] == [A]
    assert not list(above.glob(f"{writing._UNFINISHED}*"))


def test_a_folder_of_something_else_stays_what_it_is(home: Path, tmp_path: Path) -> None:
    ended(home)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "guild.yml").touch()
    export(home, tmp_path / "project")
    assert {p.name for p in (tmp_path / "project").iterdir()} == {A, "guild.yml"}


def test_one_guild_at_a_time_writes_into_a_folders_archives(home: Path, tmp_path: Path) -> None:
    ended(home)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(AgentError, match="another guild is writing an archive in"):
            export(home, tmp_path / "out.zip")
    finally:
        os.close(handle)
    assert not (tmp_path / "out.zip").exists()


def test_an_archive_that_changes_meanwhile_is_not_replaced(home: Path, tmp_path: Path) -> None:
    ended(home)
    export(home, tmp_path / "out.zip")
    with (
        pytest.raises(AgentError, match="has changed meanwhile"),
        writing.writing(str(tmp_path / "out.zip"), ".zip", {B}),
    ):
        os.utime(tmp_path / "out.zip", (1, 1))
    assert exporting.ids_in(str(tmp_path / "out.zip")) == {A}
    assert not list(tmp_path.glob(f"{writing._UNFINISHED}*"))


@pytest.mark.parametrize("name", ["x.tar.gz", "x.TGZ", "x.7z"])
def test_a_kind_that_is_not_written_is_one_line(home: Path, tmp_path: Path, name: str) -> None:
    ended(home)
    with pytest.raises(AgentError, match="is no kind of archive that guild knows"):
        export(home, tmp_path / name)


def test_a_folder_that_is_not_there_is_one_line(home: Path, tmp_path: Path) -> None:
    ended(home)
    with pytest.raises(AgentError, match="is no folder"):
        export(home, tmp_path / "not" / "there" / "x.zip")


@pytest.mark.parametrize("name", ["out.zip", "out.tar", "out.tar.zst"])
def test_what_is_there_and_no_archive_stays_as_it_is(home: Path, tmp_path: Path, name: str) -> None:
    ended(home)
    (tmp_path / name).write_text("the only copy of my thesis")
    with pytest.raises(AgentError, match="cannot unpack"):
        export(home, tmp_path / name)
    assert (tmp_path / name).read_text() == "the only copy of my thesis"


def test_other_programs_read_what_is_written(home: Path, tmp_path: Path) -> None:
    ended(home, C)
    for name in KINDS[1:3]:
        export(home, tmp_path / name, C)
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert packed.testzip() is None
        assert f"{C}/.guild/attrs/label" in packed.namelist()
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert tar.getmember(f"{C}/latest").linkname == "model.bin"
