"""Deleting, restoring and purging: a run is in one place, whole, or it is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support import wait_until

from guild_sync.agent import protocol
from guild_sync.agent.catalog import find, trash
from guild_sync.agent.copies import cleaned
from guild_sync.agent.store import locks, rundir

A, B = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def make(home: Path, run_id: str = A, deleted: bool = False, output: str = "output") -> Path:
    run = home / ("trash/runs" if deleted else "runs") / run_id
    (run / ".guild/attrs").mkdir(parents=True)
    (run / ".guild/attrs/started").write_text("1\n")
    (run / ".guild/attrs/exit_status").write_text("0\n")
    (run / ".guild/opref").write_text("package:gpkg.demo 1.0 '' op")
    (run / "out.txt").write_text(output)
    return run


def ids(home: Path, deleted: bool = False) -> list[str]:
    return find.run_ids(str(home), deleted)


def litter(home: Path) -> list[str]:
    """Whatever is beside the runs, or is left of a lock in one."""
    beside = [
        path.name
        for top in (home / "runs", home / "trash/runs")
        if top.is_dir()
        for path in top.iterdir()
        if not protocol.RUN_ID.match(path.name)
    ]
    return beside + [str(path) for path in home.rglob("LOCK*")]


def test_a_deleted_run_is_in_the_trash_as_it_was_and_comes_back_so(home: Path) -> None:
    make(home)
    make(home, B)
    assert trash.delete(str(home), [A]) == {"done": [A], "refused": {}}
    assert (ids(home), ids(home, deleted=True)) == ([B], [A])
    assert (home / "trash/runs" / A / "out.txt").read_text() == "output"
    assert litter(home) == []
    assert trash.restore(str(home), [A]) == {"done": [A], "refused": {}}
    assert (ids(home), ids(home, deleted=True)) == ([B, A], [])
    assert rundir.status(str(home / "runs" / A)).text == "completed"


def test_a_run_that_is_removed_for_good_is_nowhere(home: Path) -> None:
    make(home)
    make(home, B, deleted=True)
    assert trash.delete(str(home), [A], permanent=True) == {"done": [A], "refused": {}}
    assert trash.purge(str(home), [B]) == {"done": [B], "refused": {}}
    assert (ids(home), ids(home, deleted=True), litter(home)) == ([], [], [])


def test_the_later_one_of_two_deleted_runs_with_one_id_is_kept(home: Path) -> None:
    make(home, deleted=True, output="first")
    make(home, output="second")
    assert trash.delete(str(home), [A])["done"] == [A]
    assert (home / "trash/runs" / A / "out.txt").read_text() == "second"
    assert litter(home) == []


def test_a_run_is_not_restored_over_another(home: Path) -> None:
    make(home, deleted=True, output="deleted")
    make(home, output="here")
    make(home, B, deleted=True)
    answer = trash.restore(str(home), [A, B])
    assert answer == {"done": [B], "refused": {A: "a run with its id is there already"}}
    assert (home / "runs" / A / "out.txt").read_text() == "here"
    assert (home / "trash/runs" / A / "out.txt").read_text() == "deleted"


def test_runs_that_are_not_there_stop_no_other(home: Path) -> None:
    make(home)
    outside = home / "outside"
    outside.mkdir(parents=True)
    for permanent in (False, True):
        answer = trash.delete(str(home), ["../outside", B], permanent)
        assert answer["refused"] == {
            "../outside": "'../outside' is not a run id",
            B: "it is not there any more",
        }
    assert trash.delete(str(home), [B, A])["done"] == [A]
    assert outside.is_dir()


def test_a_running_run_is_not_deleted(home: Path) -> None:
    guild = rundir.guild_dir(str(make(home)))
    make(home, B)
    fd = locks.hold(guild)
    assert fd is not None
    for permanent in (False, True):
        answer = trash.delete(str(home), [A], permanent)
        assert answer == {"done": [], "refused": {A: "it is running"}}
    assert trash.delete(str(home), [A, B])["done"] == [B]
    rundir.write_waits(rundir.run_dir(str(home), A), "2 GPUs: none free")
    why = "it is to start, and waits for 2 GPUs: none free"
    assert trash.delete(str(home), [A])["refused"] == {A: why}
    locks.release(guild, fd)
    assert trash.delete(str(home), [A])["done"] == [A]


def test_a_run_that_is_being_copied_here_is_deleted_only_as_a_known_copy(home: Path) -> None:
    (make(home) / ".guild/LOCK.remote").write_text("gpu1\n")
    answer = trash.delete(str(home), [A])
    assert answer == {"done": [], "refused": {A: "it is just being copied here"}}
    assert trash.delete(str(home), [A], copies=[A])["done"] == [A]
    trash.restore(str(home), [A])
    assert rundir.status(str(home / "runs" / A)) == rundir.Status("running", "gpu1")


@pytest.mark.skipif(os.getuid() == 0, reason="root may remove what is read-only")
def test_a_run_with_read_only_folders_is_removed(home: Path) -> None:
    _read_only(make(home))
    assert trash.delete(str(home), [A], permanent=True)["done"] == [A]
    assert litter(home) == []


@pytest.mark.parametrize("name", ["x", "long" * 60])
def test_a_run_with_folders_in_folders_without_end_is_told_of_and_removed(
    home: Path, name: str, request: pytest.FixtureRequest
) -> None:
    """Python calls itself for each of them, and those of long names have no path."""
    deepen(make(home), name)
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", str(home)]))  # pytest could not
    assert trash.delete(str(home), [A])["done"] == [A]
    assert trash.in_trash(str(home), [A])[A]["bytes"] > 0
    trash.restore(str(home), [A])
    assert cleaned.linking(str(home), [A]) == {A: []}
    assert trash.delete(str(home), [A], permanent=True)["done"] == [A]
    assert litter(home) == []


def deepen(run: Path, name: str) -> None:
    """Make folders in folders, deeper than Python calls itself."""
    at = os.open(run, os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 500):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def _read_only(run: Path) -> None:
    deep = run / "deep/er"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    for folder in (deep, deep.parent):
        folder.chmod(0o500)


def test_a_link_in_a_run_is_removed_and_not_followed(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    run = make(home)
    (run / "link").symlink_to(kept)
    trash.delete(str(home), [A], permanent=True)
    assert (kept / "file").exists()
    assert kept.stat().st_mode & 0o777 != 0o700


def moved(home: Path, place: Path, run_id: str = A, is_relative: bool = False) -> Path:
    """A run that lies elsewhere, with a link in its place; the link."""
    link = make(home, run_id)
    rundir.write_attr(str(link), "id", run_id)
    (link / "deep/er").mkdir(parents=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    link.rename(place)
    link.symlink_to(os.path.relpath(place, link.parent) if is_relative else place)
    return link


@pytest.mark.parametrize("is_relative", [True, False])
@pytest.mark.parametrize("by_trash", [True, False])
def test_a_run_that_was_moved_is_removed_for_good_where_it_lies(
    home: Path, tmp_path: Path, by_trash: bool, is_relative: bool
) -> None:
    place = tmp_path / "disk" / "any-name"
    moved(home, place, is_relative=is_relative)
    kept = tmp_path / "kept"
    (kept / "folder").mkdir(parents=True)
    (place / "link").symlink_to(kept)
    if by_trash:
        trash.delete(str(home), [A])
        assert (place / "out.txt").exists()
    done = trash.purge(str(home), [A]) if by_trash else trash.delete(str(home), [A], permanent=True)
    assert done == {"done": [A], "refused": {}}
    assert (list(place.parent.iterdir()), ids(home), ids(home, deleted=True)) == ([], [], [])
    assert litter(home) == []
    assert (kept / "folder").is_dir()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda link, place: rundir.write_attr(str(place), "id", B), "no run of this id is there"),
        (lambda link, place: (place / ".guild/attrs/id").unlink(), "no run of this id is there"),
        (
            lambda link, place: (place.parent / ".home-id").touch(),
            "it is a run of another guild home",
        ),
        (lambda link, place: os.lchown(link, 12345, 12345), "a link of another user's"),
    ],
)
def test_of_a_link_to_what_is_not_the_run_itself_only_the_link_is_removed(
    home: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], why: str
) -> None:
    place = tmp_path / "disk" / A
    try:
        spoil(moved(home, place), place)
    except PermissionError:
        pytest.skip("only root can make a link another user's")
    done = trash.delete(str(home), [A], permanent=True)
    assert done["done"] == [A]
    assert " is left: " in done["left"][A]
    assert why in done["left"][A]
    assert (place / "out.txt").exists()
    assert (place / "deep/er").is_dir()
    assert ids(home) + litter(home) == []


def test_a_run_to_which_two_links_lead_is_removed_with_the_second(
    home: Path, tmp_path: Path
) -> None:
    place = tmp_path / "disk" / A
    link = moved(home, place)
    trash.delete(str(home), [A])
    link.symlink_to(place)
    assert "another link leads there" in trash.purge(str(home), [A])["left"][A]
    assert (place / "out.txt").exists()
    assert "left" not in trash.delete(str(home), [A], permanent=True)
    assert not place.exists()


def test_a_link_to_another_run_is_removed_alone(home: Path) -> None:
    make(home, B)
    rundir.write_attr(str(home / "runs" / B), "id", A)
    (home / "runs" / A).symlink_to(B)
    left = trash.delete(str(home), [A], permanent=True)["left"][A]
    assert "a link to another run" in left
    assert (home / "runs" / B / "out.txt").exists()


@pytest.mark.parametrize("calls", range(1, 6))
def test_a_kill_while_a_moved_run_is_removed_is_made_good_by_the_next_delete(
    home: Path, tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "disk" / A
    moved(home, place)
    make(home, B)
    removed = shutil.rmtree
    left = [calls]

    def killed(path: str, ignore_errors: bool) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        removed(path, ignore_errors)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        trash.delete(str(home), [A], permanent=True)
    assert A not in ids(home)
    assert trash.delete(str(home), [B], permanent=True) == {"done": [B], "refused": {}}
    assert litter(home) == []
    assert not place.exists()


def test_what_killed_deletes_left_is_removed_by_the_next_one(home: Path) -> None:
    make(home)
    left = home / "runs/.deleting-x" / B
    make(home, B).rename(left.parent.parent / "moved")
    left.parent.mkdir()
    (home / "runs/moved").rename(left)
    assert ids(home) == [A]
    trash.delete(str(home), [A], permanent=True)
    assert litter(home) == []


CALL = (
    "import sys; from guild_sync.agent.catalog import trash;"
    "trash.delete(sys.argv[1], sys.argv[2:], %s)"
)
FILES = 30


@pytest.mark.parametrize("permanent", [True, False])
def test_a_killed_delete_leaves_each_run_whole_in_one_place(home: Path, permanent: bool) -> None:
    wanted = [f"{number:032x}" for number in range(40)]
    for moment in range(12):
        if (home / "trash/runs").exists():
            trash.restore(str(home), ids(home, deleted=True))
        for run_id in set(wanted) - set(ids(home)):
            run = make(home, run_id)
            for number in range(FILES):
                (run / f"file{number}").touch()
        argv = [sys.executable, "-c", CALL % permanent, str(home), *wanted]
        child = subprocess.Popen(argv)
        first = home / "runs" / wanted[0]
        wait_until(lambda first=first: not first.exists())  # type: ignore[misc]
        time.sleep(moment * 0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for run_id in wanted:
            assert_whole_in_one_place(home, run_id)
    trash.delete(str(home), ids(home), permanent=True)
    assert [path.name for path in (home / "runs").iterdir()] == []


def assert_whole_in_one_place(home: Path, run_id: str) -> None:
    """Or nowhere at all."""
    places = [home / top / run_id for top in ("runs", "trash/runs")]
    found = [place for place in places if place.exists()]
    assert len(found) <= 1
    for place in found:
        files = {path.name for path in place.iterdir()}
        assert files == {".guild", "out.txt", *(f"file{n}" for n in range(FILES))}
        assert rundir.status(str(place)).text == "completed"


@pytest.mark.parametrize(("attribute", "status"), [("started", "staged"), ("id", "error")])
def test_a_run_that_was_deleted_while_it_was_made_waits_for_nobody_when_it_is_back(
    home: Path, attribute: str, status: str
) -> None:
    """Whoever made it, or made it again, has found it gone."""
    run = make(home)
    for name in ("started", "exit_status"):
        (run / ".guild/attrs" / name).unlink()
    rundir.write_attr(str(run), attribute, 1)
    rundir.mark(str(run), rundir.PENDING)
    trash.delete(str(home), [A])
    trash.restore(str(home), [A])
    assert rundir.status(str(run)) == (status, None)


@pytest.mark.parametrize("mark", [rundir.LOCK_REMOTE, rundir.LOCK_CONFIRMED])
def test_the_copy_of_a_run_that_waits_on_a_remote_waits_when_it_is_back(
    home: Path, mark: str
) -> None:
    run = make(home)
    rundir.mark(str(run), rundir.PENDING)
    (run / ".guild" / mark).write_text("1 gpu\n")
    trash.delete(str(home), [A], copies=[A])
    trash.restore(str(home), [A])
    assert rundir.status(str(run)).text == "pending"


@pytest.mark.parametrize("is_relative", [True, False])
def test_a_run_that_was_moved_is_deleted_and_comes_back_where_it_lies(
    home: Path, tmp_path: Path, is_relative: bool
) -> None:
    place = tmp_path / "disk" / A
    place.parent.mkdir()
    link = make(home)
    link.rename(place)
    link.symlink_to(f"../../disk/{A}" if is_relative else place)
    trash.delete(str(home), [A])
    assert (ids(home), ids(home, deleted=True)) == ([], [A])
    assert trash.restore(str(home), [A]) == {"done": [A], "refused": {}}
    assert (link / "out.txt").read_text() == "output"
    assert link.is_symlink()
    assert litter(home) + [str(path) for path in place.rglob("LOCK*")] == []


def test_a_link_that_a_kill_has_left_beside_the_runs_goes_and_not_what_it_leads_to(
    home: Path, tmp_path: Path
) -> None:
    make(home)
    make(home, B)
    (tmp_path / "disk").mkdir()
    (home / "runs" / f"{rundir.DELETING}{A}.1").symlink_to(tmp_path / "disk")
    trash.delete(str(home), [B], permanent=True)
    assert litter(home) == []
    assert (tmp_path / "disk").is_dir()
