"""What is remembered of runs never tells anything else than they do, whatever was done to them."""

from __future__ import annotations

import mmap
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from rundirs import make

from guild_sync.agent.catalog import describe, find
from guild_sync.agent.copies import tracked
from guild_sync.agent.protocol import Filters
from guild_sync.agent.remembering import beside, looks, remembered

IDS = ["a" * 32, "b" * 32, "c" * 32, "d" * 32, "e" * 32]
A, B, C, D, E = IDS
_opened: list[str] | None = None


def _note(event: str, args: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(args[0], str):
        _opened.append(args[0])


sys.addaudithook(_note)


@contextmanager
def opened() -> Iterator[list[str]]:
    """The files that are opened meanwhile."""
    global _opened  # a hook stays for as long as the process does
    found: list[str] = []
    _opened = found
    try:
        yield found
    finally:
        _opened = None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A guild home of runs that are over, two of them copies, all of which is remembered."""
    home = tmp_path / "home"
    for number, run_id in enumerate(IDS):
        marks = {"LOCK.confirmed": "5 gpu1\n\n"} if run_id in (D, E) else {}
        started = 1000 + number
        run = make(home, run_id, marks, started=started, stopped=started + 1, exit_status=0)
        (run / ".guild" / "opref").write_text(f"package:gpkg.demo 1.0 '' {'op' if number else 'x'}")
    if remembered.moment(str(home)) is None:
        pytest.skip("nothing is remembered on this file system")
    _remember_from(monkeypatch, 1)
    monkeypatch.setattr(remembered, "_TICK", -(10**15))  # what was written just now counts, too
    monkeypatch.setattr(looks, "_AT_A_TIME", 2)
    answers(home)
    return home


def _remember_from(monkeypatch: pytest.MonkeyPatch, runs: int) -> None:
    for module in (looks, tracked):
        monkeypatch.setattr(module, "MANY_RUNS", runs)


def kept(home: Path) -> Path:
    return home / "cache" / f"listing-{os.geteuid()}"


STATUSES = ("completed", "error", "running", "pending", "lost")
ASKED: list[Filters] = [{}]
ASKED += [{"status": [status]} for status in STATUSES]
ASKED += [
    {"operation": ["op"]},
    {"operation": ["op"], "expression": ["=", "op", "op"]},
    {"operation": ["x"], "status": ["completed", "terminated"]},
    {"expression": ["=", "status", "completed"]},
    {"expression": ["=", "op", "op"]},
    {"among": [A, D], "label": ["-"]},
]
# Of those that two processes may look at: each takes a fork of all that the tests have loaded.
ASKED_OF_TWO: list[Filters] = [
    {"status": [STATUSES[0]]},
    {"status": [*STATUSES[1:]]},
    {"operation": ["op"]},
]


def answers(home: Path, asked: Sequence[Filters] = ASKED) -> list[object]:
    """What is told of the runs, in each way that may be remembered."""
    return [
        *(
            find.select(str(home), [], filters, whole=whole)
            for filters in asked
            for whole in (False, True)
        ),
        find.run_ids(str(home)),
        [run["id"] for run in describe.list_runs(str(home), limit=1, counted=False)["runs"]],
        [run["id"] for run in describe.list_runs(str(home), limit=3, counted=False)["runs"]],
        describe.list_runs(str(home))["total"],
        tracked.tracked(str(home)),
    ]


def as_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, asked: Sequence[Filters] = ASKED
) -> list[object]:
    """The same where nothing is remembered."""
    with monkeypatch.context() as patch:
        _remember_from(patch, 10**9)
        return answers(home, asked)


def reads(names: list[str]) -> list[str]:
    return [
        name for name in names if name.rpartition("/")[2] in ("started", "exit_status", "opref")
    ]


@pytest.mark.parametrize(
    "filters", [{}, {"status": ["error"]}, {"operation": ["op"]}, {"status": ["completed"]}]
)
def test_what_is_remembered_is_not_read_again(home: Path, filters: Filters) -> None:
    with opened() as found:
        find.select(str(home), [], filters)
    assert not reads(found)


def test_of_the_latest_alone_is_read_what_it_is(home: Path) -> None:
    with opened() as found:
        describe.list_runs(str(home), limit=1, counted=False)
    assert reads(found)
    assert not [name for name in found if any(run_id in name for run_id in IDS[:-1])]


def test_a_sync_reads_nothing_of_runs_that_are_home(home: Path) -> None:
    with opened() as found:
        assert tracked.tracked(str(home)) == []
    assert not reads(found)


def test_many_runs_are_looked_at_by_two_processes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = partial(find.select, str(home), [])
    asked: list[tuple[int, Callable[[], object]]] = [
        (1, select),
        (1, partial(select, {"status": ["error"]})),
        (1, partial(select, {"operation": ["op"], "among": [*IDS]})),
        (0, partial(select, {"label": ["-"]})),  # reads more, and may have more to remember
        (1, partial(select, most=1)),
        (1, partial(find.run_ids, str(home))),
        (1, partial(tracked.tracked, str(home))),
    ]
    by_one = [look() for _, look in asked]
    fork = mock.Mock(wraps=os.fork)
    monkeypatch.setattr(os, "fork", fork)
    _by_two(monkeypatch)
    for (forks, look), result in zip(asked, by_one, strict=True):
        fork.reset_mock()
        assert look() == result
        assert fork.call_count == forks


def _by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs be looked at by two processes, as where there are very many."""
    monkeypatch.setattr(looks, "_BY_TWO", 2)
    monkeypatch.setattr(beside, "is_sooner", lambda: True)


# What others do to runs.


def _rewrite(path: Path, text: str) -> None:
    """In place, with size and times as they were."""
    before = path.stat()
    with path.open("r+") as f:
        f.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def _by_another_name(run: Path) -> None:
    other = run.parent.parent / "other"
    os.link(run / ".guild/attrs/exit_status", other)
    other.write_text("1\n")


def _by_memory(run: Path) -> None:
    with (run / ".guild/attrs/exit_status").open("r+b") as f, mmap.mmap(f.fileno(), 0) as memory:
        memory[0:1] = b"1"
        memory.flush()


def _replace(run: Path) -> None:
    (run / "new").write_text("1\n")
    os.replace(run / "new", run / ".guild/attrs/exit_status")


def _link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def _move_and_link(path: Path) -> None:
    away = Path(tempfile.mkdtemp(dir=path.parents[3])) / path.name
    path.rename(away)
    path.symlink_to(away)


def _swap(one: Path, other: Path) -> None:
    one.rename(one.parent / "aside")
    other.rename(one)
    (one.parent / "aside").rename(other)


def _to_trash_and_back(run: Path) -> None:
    trash = run.parent.parent / "trash" / "runs"
    trash.mkdir(parents=True)
    run.rename(trash / run.name)
    (trash / run.name).rename(run)


def _other_attrs(run: Path) -> None:
    (run / ".guild/attrs").rename(run / "old")
    shutil.copytree(run / "old", run / ".guild/attrs")
    (run / ".guild/attrs/exit_status").write_text("-15\n")


def _folder_for(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.mkdir()


def _mark(name: str, text: str = "") -> Callable[[Path], object]:
    return lambda run: (run / ".guild" / name).write_text(text)


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda run: None,
    "another end, in place": lambda run: _rewrite(run / ".guild/attrs/exit_status", "1\n"),
    "another end, by another name": _by_another_name,
    "another end, by memory": _by_memory,
    "another end, replaced": _replace,
    "an end that is none": lambda run: _rewrite(run / ".guild/attrs/exit_status", "?\n"),
    "an empty end": lambda run: (run / ".guild/attrs/exit_status").write_text(""),
    "no end": lambda run: (run / ".guild/attrs/exit_status").unlink(),
    "the end of another": lambda run: _link(
        run / ".guild/attrs/exit_status", run.parent / B / ".guild/attrs/exit_status"
    ),
    "another time, in place": lambda run: _rewrite(run / ".guild/attrs/started", "9999\n"),
    "no time": lambda run: (run / ".guild/attrs/started").unlink(),
    "an empty time": lambda run: (run / ".guild/attrs/started").write_text(""),
    "an empty end of time": lambda run: (run / ".guild/attrs/stopped").write_text(""),
    "a time that is a folder": lambda run: _folder_for(run / ".guild/attrs/started"),
    "another operation, in place": lambda run: _rewrite(
        run / ".guild/opref",
        (run / ".guild/opref").read_text().replace("op", "xx").replace("gxx", "gpk"),
    ),
    "no operation": lambda run: (run / ".guild/opref").unlink(),
    "other attributes": _other_attrs,
    "attributes that are a link": lambda run: _move_and_link(run / ".guild/attrs"),
    "a .guild that is a link": lambda run: _move_and_link(run / ".guild"),
    "a run that is a link": _move_and_link,
    "deleted": shutil.rmtree,
    "deleted and restored": _to_trash_and_back,
    "another id": lambda run: run.rename(run.parent / ("f" * 32)),
    "swapped": lambda run: _swap(run, run.parent / B),
    "pending": _mark("PENDING"),
    "staged": _mark("STAGED"),
    "lost": _mark("LOCK.lost", "gpu1\n"),
    "running elsewhere": _mark("LOCK.remote", "gpu1\n"),
    "a batch": _mark("BATCH"),
    "a copy": _mark("LOCK.confirmed", "7 gpu2\n\n"),
    "no copy": lambda run: (run / ".guild/LOCK.confirmed").unlink(missing_ok=True),
    "a new run": lambda run: make(run.parents[1], "9" * 32, started=99_999, exit_status=2),
    "a folder": _folder_for,
}


@pytest.mark.parametrize("run_id", [A, C, E])
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_done_to_a_run_is_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: str, run_id: str
) -> None:
    assert kept(home).exists()
    CHANGES[change](home / "runs" / run_id)
    expected = as_read(home, monkeypatch)
    assert answers(home) == expected
    assert answers(home) == expected, "as it is remembered now"


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_done_to_a_run_is_seen_by_two_processes(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    CHANGES[change](home / "runs" / A)  # the last of those that are remembered
    expected = as_read(home, monkeypatch, ASKED_OF_TWO)
    with monkeypatch.context() as patch:
        _by_two(patch)
        assert answers(home, ASKED_OF_TWO) == expected
    assert answers(home) == as_read(home, monkeypatch), "as it is remembered now"


@pytest.mark.parametrize("room", ["of a text", "of texts"])
def test_what_there_is_no_room_for_is_read_again_and_costs_the_others_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    """An operation of a long name, as that of a script far down, or one among ten thousand."""
    form = looks.form()._replace(longest=60)
    if room == "of a text":
        monkeypatch.setattr(looks, "form", lambda: form)
    else:
        monkeypatch.setattr(remembered, "_MAX_TEXTS", 3)
    (home / "runs" / C / ".guild/opref").write_text(f"script:{'x/' * 30}op 1.0 '' op")
    expected = as_read(home, monkeypatch)
    assert answers(home) == answers(home) == expected
    with opened() as found:
        find.select(str(home), [], {"operation": ["op"]})
    assert {*reads(found)} == {"opref"}  # its own; else the times of all would be read, too


def test_a_run_that_is_started_again_is_running(
    home: Path, monkeypatch: pytest.MonkeyPatch, flocked: Callable[[Path], None]
) -> None:
    (home / "runs" / C / ".guild/attrs/exit_status").unlink()
    flocked(home / "runs" / C)
    assert find.select(str(home), [], {"status": ["running"]}) == [C]
    assert answers(home) == as_read(home, monkeypatch)


def test_a_run_that_has_changed_just_now_is_read_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    _remember_from(monkeypatch, 1)
    kept(home).unlink()
    answers(home)
    now = remembered.moment(str(home))
    assert now is not None
    assert remembered.read(str(home), now, looks.form()).ids == []


# What may be with the file.


def test_it_is_for_its_user_alone(home: Path) -> None:
    """Who may not look into the runs' folder would read there which runs there are."""
    assert kept(home).stat().st_mode & 0o777 == 0o600


def test_another_boot_another_time_and_another_disk_forget_all(home: Path) -> None:
    now = remembered.moment(str(home))
    assert now is not None
    assert set(remembered.read(str(home), now, looks.form()).ids) == set(IDS)
    for other in (
        now._replace(boot="another"),
        now._replace(offset=now.offset + 1),
        now._replace(offset=now.offset - 1),
        now._replace(device=now.device + 1),
    ):
        assert remembered.read(str(home), other, looks.form()).ids == []


def _flipped(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 7):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_no_damage_is_believed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, whole, now = as_read(home, monkeypatch), kept(home).read_bytes(), None
    now = remembered.moment(str(home))
    assert now is not None
    head = whole[: whole.index(b"\n")]
    odd = [
        b"",
        b"\n",
        b"[]\n",
        b"[" * 100_000,
        head,
        whole * 2,
        head.replace(b", [", b", [-1, ") + whole[len(head) :],
        head.replace(b", [", b', ["x", ') + whole[len(head) :],
        head.replace(b", [", b', ["x"], [') + whole[len(head) :],
        head.replace(b"[2,", b"[1,") + whole[len(head) :],
        head.replace(b"[2,", b"[[2],") + whole[len(head) :],
        *(whole[:size] for size in range(0, len(whole), 50)),
    ]
    for data in (*odd, *_flipped(whole)):
        kept(home).write_bytes(data)
        table = remembered.read(str(home), now, looks.form())
        assert table.ids == [] or (table.ids, table.texts) == (IDS[::-1], table.texts)
        if table.ids:  # a digit of the offset, say, which counts for little
            again = remembered.read(str(home), now, looks.form())
            assert table.packed(range(len(IDS))) == again.packed(range(len(IDS)))
    for data in odd:
        kept(home).write_bytes(data)
        assert answers(home) == expected


@pytest.mark.parametrize("what", ["a link", "a pipe", "a folder", "a file for a folder"])
def test_what_is_no_file_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    expected = as_read(home, monkeypatch)
    file = kept(home)
    if what == "a link":
        file.rename(home / "elsewhere")
        file.symlink_to(home / "elsewhere")
    elif what == "a file for a folder":
        shutil.rmtree(file.parent)
        file.parent.write_text("")
    else:
        file.unlink()
        os.mkfifo(file) if what == "a pipe" else file.mkdir()
    assert answers(home) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_what_another_user_has_written_is_not_believed(home: Path) -> None:
    os.chown(kept(home), 12345, -1)
    now = remembered.moment(str(home))
    assert now is not None
    assert remembered.read(str(home), now, looks.form()).ids == []


def test_a_full_disk_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = as_read(home, monkeypatch)
    kept(home).unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        found = answers(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found == expected
    assert os.listdir(kept(home).parent) == []


def test_of_two_at_once_each_leaves_a_whole_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(home).unlink()
    with looks.of(str(home)) as one, looks.of(str(home)) as other:
        one.likely_times()
        other.with_status(other.names, ["completed"])
    now = remembered.moment(str(home))
    assert now is not None
    assert set(remembered.read(str(home), now, looks.form()).ids) == set(IDS)
    assert answers(home) == as_read(home, monkeypatch)


def test_runs_that_are_gone_are_forgotten(home: Path) -> None:
    shutil.rmtree(home / "runs" / A)
    answers(home)
    now = remembered.moment(str(home))
    assert now is not None
    assert A not in remembered.read(str(home), now, looks.form()).ids


def test_nothing_is_kept_of_few_runs_nor_of_deleted_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(home).unlink()
    (home / "runs").rename(home / "trash")
    (home / "runs").mkdir()
    (home / "trash").rename(home / "runs-of-trash")
    (home / "trash").mkdir()
    (home / "runs-of-trash").rename(home / "trash" / "runs")
    find.select(str(home), [], deleted=True)
    assert not kept(home).exists()
    _remember_from(monkeypatch, 10**9)
    (home / "runs").rmdir()
    (home / "trash" / "runs").rename(home / "runs")
    answers(home)
    assert not kept(home).exists()


def test_a_home_that_others_write_to_as_well_has_nothing_kept() -> None:
    assert remembered.file_system("/proc/self") == "proc"
    assert remembered.file_system("/") not in ("", "proc")
    assert remembered.moment("/proc/self") is None


def test_all_that_a_kill_may_leave_is_found(home: Path) -> None:
    left = kept(home).with_name(f".{kept(home).name}.0123456789abcdef.7")
    left.touch()
    (kept(home).parent / "digests.json").touch()
    assert remembered.kept(str(home)) == [str(left), str(kept(home))]
