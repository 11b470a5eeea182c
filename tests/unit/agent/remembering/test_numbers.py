"""Runs are ordered and filtered by what they say, whatever is remembered of their scalars."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

import pytest
from rundirs import give_scalars, make

from guild_sync.agent.catalog import find
from guild_sync.agent.comparing import listed, ranking
from guild_sync.agent.copies import tracked
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Filters, Points
from guild_sync.agent.remembering import eventless, figures, looks, numbers, remembered
from guild_sync.agent.scalars import derived, kept, rereading
from guild_sync.agent.store import attrs, rundir
from guild_sync.cli import expressions

IDS = [letter * 32 for letter in "abcdef0123"]
OWN, FLAGGED, PRINTED, NONE, EVENTS, ODD, WHOLE, CUT, RUNS, BARE = IDS
SORTS = (
    "loss",
    "-loss",
    "min loss",
    "-max acc",
    "loss step",
    "mean loss",
    "count acc",
    "lr",
    "label",
)
FILTERS = ("loss < 0.4", "max loss >= 1", "lr > 0.01", "acc is undefined")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A guild home of runs with scalars of each kind, all of which is remembered."""
    home = tmp_path / "home"
    _give(home)
    if remembered.moment(str(home)) is None:
        pytest.skip("nothing is remembered on this file system")
    for module in (looks, tracked):
        monkeypatch.setattr(module, "MANY_RUNS", 1)
    monkeypatch.setattr(remembered, "_TICK", -(10**15))  # what was written just now counts, too
    monkeypatch.setattr(rereading, "_MOST_TIME", 1e9)
    for _ in range(2):  # what is read of an output is remembered once it is kept
        answers(home)
    return home


def _give(home: Path) -> None:
    for number, run_id in enumerate(IDS):
        flags = {"lr": number / 100} if run_id != BARE else {}
        started = 1000 + number
        run = make(home, run_id, started=started, stopped=started + 1, exit_status=0, flags=flags)
        if run_id not in (PRINTED, NONE, EVENTS):
            give_scalars(run, {"loss": [1.5, 0.25 + number / 50], "acc": [0.5, number / 10]})
    runs = home / "runs"
    (runs / FLAGGED / ".guild/attrs/flags").write_text(attrs.encode({"loss": 0.1, "lr": 0.5}))
    (runs / PRINTED / ".guild/output").write_text("loss: 3\nloss: 0.125\n")
    (runs / NONE / ".guild/output").write_text("")
    (runs / EVENTS / "events.out.tfevents.1").write_text("x")
    _note(home, 0.75)
    nan, inf = float("nan"), float("inf")
    give_scalars(runs / ODD, {"loss": [nan], "acc": [1.0, -inf], "": [], "x": [inf, nan, 2.0]})
    give_scalars(runs / WHOLE, {"loss": [3, 1], "acc": [7]})
    kept.write(str(runs / CUT), {}, is_over=True)
    (runs / RUNS / ".guild/attrs/exit_status").unlink()
    (runs / RUNS / ".guild/attrs/stopped").unlink()
    kept.write(str(runs / RUNS), {}, is_over=False)


def _note(home: Path, last: float) -> None:
    stamps = eventless.unnoted(str(home), [EVENTS])
    for path, stamp in stamps.get(EVENTS, {}).items():
        points: Points = {"time": [1, 2], "step": [0, 1], "value": [2.0, last]}
        noted = {path: {"stamp": stamp, "found": {"loss": points}, "partial": False}}
        derived.note_scalars(str(home), EVENTS, noted)  # type: ignore[arg-type]


def file_of(home: Path) -> Path:
    return home / "cache" / f"figures-{os.geteuid()}"


def answers(home: Path) -> list[object]:
    """What is told of the runs, in each way that may be remembered."""
    told: list[object] = []
    for sort in SORTS:
        found = listed.listed(str(home), sort=sort)
        told.append([(run["id"], repr(run["order"])) for run in found["runs"]])
        told.append([found["unknown"], found["there"]])
    for text in FILTERS:
        filters: Filters = {"expression": expressions.parse(text)}
        told.append(find.select(str(home), [], filters))
    for column in ("min acc", "x"):
        try:
            told.append([run["id"] for run in ranking.choose(str(home), highest=column)])
        except AgentError as e:
            told.append(e.message)
    return told


def as_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The same where nothing is remembered."""
    with monkeypatch.context() as patch:
        for module in (looks, tracked):
            patch.setattr(module, "MANY_RUNS", 10**9)
        return answers(home)


def reads(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> list[str]:
    """The runs whose scalars are read meanwhile."""
    found: list[str] = []
    told = kept.told

    def noted(directory: str) -> kept.ToldScalars:
        found.append(os.path.basename(directory))
        return told(directory)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "told", noted)
        ask()
    return found


def test_what_is_remembered_is_not_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of what goes on or what somebody else reads."""
    for sort in ("loss", "-min acc", "mean loss", "loss step"):
        found = reads(monkeypatch, partial(listed.listed, str(home), limit=0, sort=sort))
        assert {*found} <= {EVENTS, RUNS}, sort
    filters: Filters = {"expression": expressions.parse("loss < 0.4")}
    assert {*reads(monkeypatch, lambda: find.select(str(home), [], filters))} <= {EVENTS, RUNS}


def test_neither_flags_nor_attributes_are_opened_to_tell_that_a_name_is_none_of_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    texts = rundir.attr_texts

    def noted(directory: str, names: Sequence[str]) -> object:
        opened.append(os.path.basename(directory))
        return texts(directory, names)

    monkeypatch.setattr(rundir, "attr_texts", noted)
    find.select(str(home), [], {"expression": expressions.parse("loss < 0.4")})
    assert {*opened} <= {FLAGGED}


# What others do to runs.


def _rewrite(path: Path, before: str, after: str) -> None:
    """In place, with size and times as they were."""
    if not path.exists():
        return
    was = path.stat()
    text = path.read_text()
    assert len(before) == len(after)
    with path.open("r+") as f:
        f.write(text.replace(before, after))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _own(run: Path) -> Path:
    return run / ".guild" / kept.SUMMARIES


def _replace(run: Path) -> None:
    give_scalars(run, {"loss": [0.01], "new": [5.0]})


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _swap(one: Path, other: Path) -> None:
    one.rename(one.parent / "aside")
    other.rename(one)
    (one.parent / "aside").rename(other)


def _move_and_link(path: Path) -> None:
    if path.exists():
        path.rename(path.parents[3] / f"away-{path.name}")
        path.symlink_to(path.parents[3] / f"away-{path.name}")


def _to_trash_and_back(run: Path) -> None:
    trash = run.parent.parent / "trash" / "runs"
    trash.mkdir(parents=True, exist_ok=True)
    run.rename(trash / run.name)
    (trash / run.name).rename(run)


def _folder_for(path: Path) -> None:
    _unlink(path)
    path.mkdir()


def _flags(run: Path) -> None:
    (run / ".guild/attrs/flags").write_text(attrs.encode({"loss": 0.33, "lr": 9}))


def _later(run: Path) -> Path:
    return Path(derived.place_in(str(run.parents[1]), run.name))


def _unread(run: Path) -> None:
    if _later(run).parent.is_dir():
        _later(run).unlink(missing_ok=True)


def _edit_later(run: Path) -> None:
    if _later(run).exists():
        _rewrite(_later(run), '"count": 2', '"count": 7')


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda run: None,
    "another number, in place": lambda run: _rewrite(_own(run), '"last": 0', '"last": 9'),
    "other scalars": _replace,
    "torn scalars": lambda run: _own(run).write_text('{"loss": '),
    "hostile scalars": lambda run: _own(run).write_text(
        json.dumps({"": {"over": True}, "loss": {"last": 10**400}, "acc": []})
    ),
    "no scalars": lambda run: _unlink(_own(run)),
    "scalars that are a link": lambda run: _move_and_link(_own(run)),
    "scalars that are a folder": lambda run: _folder_for(_own(run)),
    "a .guild that is a link": lambda run: _move_and_link(run / ".guild"),
    "attributes that are a link": lambda run: _move_and_link(run / ".guild/attrs"),
    "deleted": shutil.rmtree,
    "deleted and restored": _to_trash_and_back,
    "another id": lambda run: run.rename(run.parent / ("9" * 32)),
    "swapped": lambda run: _swap(run, run.parent / (PRINTED if run.name == OWN else OWN)),
    "more output": lambda run: (run / ".guild/output").open("a").write("loss: 0.5\n"),
    "another output": lambda run: (run / ".guild/output").write_text("acc: 0.5\n"),
    "no output": lambda run: _unlink(run / ".guild/output"),
    "what was read forgotten": _unread,
    "what was read edited": _edit_later,
    "other flags": _flags,
    "no flags": lambda run: _unlink(run / ".guild/attrs/flags"),
    "an attribute of that name": lambda run: (run / ".guild/attrs/loss").write_text("0.001\n"),
    "it runs": lambda run: kept.write(str(run), {}, is_over=False),
    "started anew": lambda run: _unlink(run / ".guild/attrs/exit_status"),
    "a copy": lambda run: (run / ".guild/LOCK.remote").write_text("gpu1\n"),
}


@pytest.mark.parametrize("run_id", [OWN, PRINTED, EVENTS])
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_done_to_a_run_is_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: str, run_id: str
) -> None:
    assert file_of(home).exists()
    CHANGES[change](home / "runs" / run_id)
    found = answers(home)
    assert found == as_read(home, monkeypatch)
    assert found == answers(home), "as it is remembered now"


def test_runs_that_were_written_at_one_moment_are_told_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (home / "runs" / run_id for run_id in (OWN, FLAGGED))
    for _ in range(1000):
        times = [_touched(_own(run)) for run in (one, other)]
        if times[0] == times[1]:
            break
    else:
        pytest.skip("this system tells of no two changes that they were at one moment")
    answers(home)
    _swap(one / ".guild", other / ".guild")
    assert answers(home) == as_read(home, monkeypatch)


def _touched(path: Path) -> int:
    os.utime(path)
    return path.stat().st_ctime_ns


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_without_what_is_remembered_over_many_changes(
    home: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(8):
        change = draw.choice([*CHANGES])
        run = draw.choice([path for path in (home / "runs").iterdir() if len(path.name) == 32])
        try:
            CHANGES[change](run)
        except (OSError, AssertionError):
            continue  # an earlier change has left nothing for it
        assert answers(home) == as_read(home, monkeypatch), change


def test_what_is_imported_counts_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(home, "7" * 32, started=5000, exit_status=0, flags={"lr": 3})
    give_scalars(run, {"loss": [0.0625]})
    assert answers(home) == as_read(home, monkeypatch)
    assert listed.listed(str(home), sort="loss")["runs"][0]["id"] == "7" * 32


# What may be with the file.


def test_what_was_just_written_is_not_remembered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of(home).unlink()
    monkeypatch.setattr(remembered, "_TICK", 10**15)
    answers(home)
    assert not file_of(home).exists()


def _flipped(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 397):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_no_damage_is_believed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, whole = as_read(home, monkeypatch), file_of(home).read_bytes()
    head = whole[: whole.index(b"\n")]
    odd = [b"", b"\n", b"[]\n", head, whole + b"x", whole[:-1], head.replace(b"[2,", b"[1,")]
    for data in (*odd, *_flipped(whole)):
        file_of(home).write_bytes(data)
        assert answers(home) == expected


def _directory(entries: str, columns: bytes = b"") -> bytes:
    data = entries.encode()
    return struct.pack("<II", len(data), crc32(data)) + data + columns


def _columns(number: float) -> bytes:
    """Columns in which each run has this number, said to be a whole one."""
    found = b""
    for name, code in figures._CODES.items():
        values = {"rows": [*range(len(IDS))], "signs": [255] * len(IDS)}
        fill = number if code == "d" else 5
        data = array(code, values.get(name, [fill] * len(IDS))).tobytes()
        found += struct.pack("<I", crc32(data)) + data
    return found


@pytest.mark.parametrize(
    "behind",
    [
        *(_directory(f'[["loss", {count}]]') for count in (-5, 10**15, 10**30, "Infinity", '"x"')),
        *(_directory(text) for text in ("5", "[5]", '[["loss"]]', '{"loss": 1}', "[" * 100_000)),
        *(_directory(f'[["loss", {len(IDS)}]]', _columns(float(n))) for n in ("nan", "inf")),
        struct.pack("<II", 4_000_000_000, 0),
    ],
)
def test_figures_that_are_whole_and_make_no_sense_are_no_fault(home: Path, behind: bytes) -> None:
    _forge(home, lambda table: None, behind)
    answers(home)


def _forge(home: Path, change: Callable[[remembered.Table], None], behind: bytes = b"") -> None:
    now = remembered.moment(str(home))
    assert now is not None
    table, file = remembered.opened(str(home), now, numbers.form(), remembered.SCALARS)
    assert file is not None
    behind = behind or file.read()
    file.close()
    change(table)
    parts = table.packed(range(len(table.ids)))
    remembered.write_with(str(home), now, remembered.SCALARS, parts, [behind], len(behind))


@pytest.mark.parametrize("text", ["x", "5", "null", "[[1]]", '["a", 1]', "[" * 4000])
def test_names_that_are_none_are_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def change(table: remembered.Table) -> None:
        table.texts[1:] = [text] * (len(table.texts) - 1)

    _forge(home, change)
    assert answers(home) == as_read(home, monkeypatch)


def test_damage_of_what_was_not_asked_for_does_not_stay(home: Path) -> None:
    """Else nothing more could be remembered."""
    whole = file_of(home).read_bytes()
    file_of(home).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # of the last name, `x`
    for run_id in (OWN, FLAGGED):
        give_scalars(home / "runs" / run_id, {"loss": [0.5]})
    listed.listed(str(home), limit=0, sort="loss")
    listed.listed(str(home), limit=0, sort="loss")
    now = remembered.moment(str(home))
    assert now is not None
    table, file = remembered.opened(str(home), now, numbers.form(), remembered.SCALARS)
    assert file is not None
    size, parts = figures.ScalarColumns(file).packed({row: row for row in range(len(table.ids))})
    assert size == sum(map(len, parts))
    file.close()


@pytest.mark.parametrize("what", ["a link", "a pipe", "a folder", "not to be written"])
def test_what_is_no_file_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    expected, file = as_read(home, monkeypatch), file_of(home)
    file.rename(home / "elsewhere")
    if what == "a link":
        file.symlink_to(home / "elsewhere")
    elif what == "not to be written":
        file.parent.chmod(0o500)
    else:
        os.mkfifo(file) if what == "a pipe" else file.mkdir()
    assert answers(home) == expected
    file.parent.chmod(0o700)


def test_a_full_disk_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = as_read(home, monkeypatch)
    file_of(home).unlink()
    before = {*os.listdir(file_of(home).parent)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
    try:
        assert answers(home) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {*os.listdir(file_of(home).parent)} == before


def test_of_two_at_once_each_leaves_a_whole_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_of(home).unlink()
    with looks.of_values(str(home), 10) as one, looks.of_values(str(home), 10) as other:
        for seen, run_id in ((one, OWN), (other, FLAGGED)):
            known = seen.scalars()
            assert known is not None
            known.read(str(home / "runs" / run_id))
    assert file_of(home).stat().st_mode & 0o777 == 0o600
    assert answers(home) == as_read(home, monkeypatch)


def test_runs_that_are_gone_are_forgotten(home: Path) -> None:
    shutil.rmtree(home / "runs" / OWN)
    give_scalars(home / "runs" / FLAGGED, {"loss": [0.5]})
    answers(home)
    now = remembered.moment(str(home))
    assert now is not None
    table, file = remembered.opened(str(home), now, numbers.form(), remembered.SCALARS)
    assert OWN not in table.ids
    assert file is not None
    file.close()


@pytest.mark.parametrize("gone", [[OWN], [OWN, FLAGGED]])
def test_runs_that_go_while_others_are_read_are_forgotten(
    home: Path, monkeypatch: pytest.MonkeyPatch, gone: list[str]
) -> None:
    """Of some names no run that is left has a number."""
    give_scalars(home / "runs" / OWN, {"its own": [1.0], "loss": [2.0]})
    for name in ("with a file", "without one"):
        with looks.of_values(str(home), 10) as seen:
            known = seen.scalars()
            assert known is not None
            for run_id in (OWN, FLAGGED):
                known.read(str(home / "runs" / run_id))
            for run_id in gone:
                (home / "runs" / run_id).rename(home / run_id)
        assert answers(home) == as_read(home, monkeypatch), name
        for run_id in gone:
            (home / run_id).rename(home / "runs" / run_id)
        file_of(home).unlink()


@pytest.mark.parametrize("room", ["_MOST", "_MOST_NAMES"])
def test_what_there_is_no_room_for_is_read_each_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    file_of(home).unlink()
    monkeypatch.setattr(figures, room, 4 if room == "_MOST" else 2)
    expected = as_read(home, monkeypatch)
    assert answers(home) == answers(home) == expected
    found = reads(monkeypatch, lambda: listed.listed(str(home), limit=0, sort="loss"))
    assert 0 < len(found) < len(IDS)


def test_what_is_kept_is_found_among_what_is_left(home: Path) -> None:
    assert str(file_of(home)) in remembered.kept(str(home))
