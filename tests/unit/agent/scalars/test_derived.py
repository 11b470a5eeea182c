"""Scalars read from files of a run later: kept below the guild home, as true as the file is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rundirs import give_scalars, make

from guild_sync.agent import leavings
from guild_sync.agent.protocol import NotedFile, Points
from guild_sync.agent.remembering import eventless
from guild_sync.agent.scalars import derived, kept, rereading

RUN, OTHER = "a" * 32, "b" * 32
EVENTS = "train/events.out.tfevents.1"
POINTS: Points = {"time": [5, 7, 8], "step": [0, 10, 20], "value": [1.0, 0.25, "nan"]}


def with_events(home: Path, run: str = RUN, ended: bool = True) -> Path:
    directory = make(home, run, {}, exit_status=0) if ended else make(home, run, {})
    (directory / "train").mkdir()
    (directory / EVENTS).write_text("x")
    return directory


def note(
    home: Path, path: str, stamp: str, found: dict[str, Points], partial: bool = False
) -> None:
    noted: NotedFile = {"stamp": stamp, "found": found, "partial": partial}
    derived.note_scalars(str(home), RUN, {path: noted})


def test_which_event_files_are_to_be_read(home: Path) -> None:
    directory = with_events(home)
    make(home, OTHER, {})
    (directory / ".guild" / "events.out.tfevents.2").write_text("y")
    (directory / ".guild" / "deep").mkdir()
    (directory / ".guild" / "deep" / "events.out.tfevents.3").write_text("z")
    os.symlink(directory / EVENTS, directory / "events.out.tfevents.link")
    found = eventless.unnoted(str(home), [RUN, OTHER])
    assert {run: sorted(paths) for run, paths in found.items()} == {
        RUN: [".guild/events.out.tfevents.2", EVENTS]
    }


def test_what_was_noted_is_told_until_its_file_is_another(home: Path) -> None:
    directory = with_events(home)
    stamp = eventless.unnoted(str(home), [RUN])[RUN][EVENTS]
    note(home, EVENTS, stamp, {"loss": POINTS})
    assert eventless.unnoted(str(home), [RUN]) == {}
    found = kept.summaries(str(directory))["loss"]
    assert (found["first"], found["last"], found["min"], found["count"]) == (1.0, "nan", 0.25, 3)
    assert (found["step"], found["min_step"], found["mean"]) == (20, 10, 0.625)
    assert kept.points_of(str(home), [RUN]) == {RUN: {"loss": POINTS}}
    assert not list(directory.rglob("*SCALARS*"))

    (directory / EVENTS).write_text("longer")
    assert list(eventless.unnoted(str(home), [RUN])) == [RUN]
    assert kept.summaries(str(directory)) == {}
    assert kept.points(str(directory)) == {}


def test_of_a_run_that_goes_on_what_was_read_counts_while_its_file_grows(home: Path) -> None:
    directory = with_events(home, ended=False)
    stamp = eventless.unnoted(str(home), [RUN])[RUN][EVENTS]
    note(home, EVENTS, stamp, {"loss": POINTS})
    (directory / EVENTS).write_text("longer")
    assert list(kept.summaries(str(directory))) == list(kept.points(str(directory))) == ["loss"]
    (directory / EVENTS).unlink()
    assert kept.summaries(str(directory)) == {}
    assert kept.points(str(directory)) == {}


def test_files_of_a_run_are_noted_beside_each_other(home: Path) -> None:
    directory = with_events(home)
    second = "events.out.tfevents.9"
    (directory / second).write_text("x")
    for path, stamp in eventless.unnoted(str(home), [RUN])[RUN].items():
        note(home, path, stamp, {path: POINTS})
    assert set(kept.summaries(str(directory))) == {EVENTS, second}
    assert set(kept.points(str(directory))) == {EVENTS, second}
    note(home, second, derived.stamp_of(str(directory), second), {})
    assert set(kept.summaries(str(directory))) == set(kept.points(str(directory))) == {EVENTS}


def test_what_is_damaged_is_not_told(home: Path) -> None:
    directory = with_events(home)
    stamp = eventless.unnoted(str(home), [RUN])[RUN][EVENTS]
    note(home, EVENTS, stamp, {"loss": POINTS})
    (summaries,) = (path for path in derived.remembered(str(home)) if not path.endswith("series"))
    whole = Path(summaries).read_bytes()
    for text in (b"", whole[:40], b"[]", b'{"version": 1, "sources": {"x": 5}}', b"[" * 9999):
        Path(summaries).write_bytes(text)
        assert kept.summaries(str(directory)) == {}
        assert kept.points(str(directory)) == {}
        assert list(eventless.unnoted(str(home), [RUN])) == [RUN]


def test_names_and_times_of_event_files_are_made_fit_to_be_shown(home: Path) -> None:
    directory = with_events(home)
    stamp = eventless.unnoted(str(home), [RUN])[RUN][EVENTS]
    strange: Points = {"time": [-5], "step": [1], "value": [2.0]}
    found = {"lo\x1b\x07ss": strange, "\n": strange, "x" * 101: strange}
    note(home, EVENTS, stamp, found)
    assert list(kept.summaries(str(directory))) == ["loss"]
    assert kept.points(str(directory))["loss"]["time"] == [0]


def test_what_was_read_goes_with_what_is_remembered_of_listings(home: Path) -> None:
    with_events(home)
    stamp = eventless.unnoted(str(home), [RUN])[RUN][EVENTS]
    note(home, EVENTS, stamp, {"loss": POINTS})
    kinds = {each["path"]: each["kind"] for each in leavings.leavings(str(home))}
    assert not set(kinds) & set(derived.remembered(str(home)))
    for path in derived.remembered(str(home)):
        os.utime(path, (1, 1))
    kinds = {each["path"]: each["kind"] for each in leavings.leavings(str(home), remove=True)}
    assert set(kinds.values()) == {"listing"}
    assert derived.remembered(str(home)) == []


def test_names_of_anothers_making_are_none_that_guild_does_not_give(home: Path) -> None:
    directory = make(home, RUN, {}, exit_status=0)
    give_scalars(directory, {"loss": (0.5,)})
    guild = directory / ".guild"
    summaries = json.loads((guild / "SCALARS").read_text())
    (line,) = (guild / "SCALARS.series").read_text().splitlines()
    strange = ["a\0b", "\x1b[31mred", "two\nlines", "n" * 101]
    summaries.update(dict.fromkeys(strange, summaries["loss"]))
    lines = [json.dumps({**json.loads(line), "name": name}) for name in strange]
    (guild / "SCALARS").write_text(json.dumps(summaries))
    (guild / "SCALARS.series").write_text("\n".join([*lines, line, ""]))
    assert list(kept.summaries(str(directory))) == ["loss"]
    assert list(kept.points(str(directory))) == ["loss"]
    assert list(kept.outlines(str(home), RUN, 10)) == ["loss"]
    summaries = {f"loss{at}": summaries["loss"] for at in range(1100)}
    (guild / "SCALARS").write_text(json.dumps(summaries))
    assert len(kept.summaries(str(directory))) == 1000


def test_what_there_is_no_room_for_is_partial_and_not_read_again(home: Path) -> None:
    directory = make(home, RUN, {}, exit_status=0)
    many: Points = {"time": [*range(40)], "step": [*range(40)], "value": [0.123456789] * 40}
    for folder in range(8):
        (directory / f"f{folder}").mkdir()
        (directory / f"f{folder}" / "events.out.tfevents.1").write_text("x")
    stamps = eventless.unnoted(str(home), [RUN])[RUN]
    files: dict[str, NotedFile] = {
        path: {
            "stamp": stamp,
            "found": {f"{path[:2]}-{at}-{'n' * 80}": many for at in range(900)},
            "partial": False,
        }
        for path, stamp in stamps.items()
    }
    half = {path: files[path] for path in sorted(files)[:4]}
    derived.note_scalars(str(home), RUN, half)
    derived.note_scalars(str(home), RUN, {**files})
    assert eventless.unnoted(str(home), [RUN]) == {}
    found = kept.summaries(str(directory))
    assert len(found) == 5000
    partial = {name[:2] for name, scalar in found.items() if scalar.get("partial")}
    assert len(partial) == 1  # that of which there are some
    assert sum(os.path.getsize(path) for path in derived.remembered(str(home))) < 10 << 20


def test_what_a_killed_runner_has_kept_is_partial_where_the_output_is_not_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make(home, RUN, {})
    give_scalars(directory, {"loss": (0.5,)})
    summaries = json.loads((directory / ".guild/SCALARS").read_text())
    summaries[""] = {"over": False}
    (directory / ".guild/SCALARS").write_text(json.dumps(summaries))
    (directory / ".guild/output").write_text("loss: 0.5\nloss: 0.25\n")
    monkeypatch.setattr(rereading, "_MOST_TIME", -1.0)
    early = kept.summaries(str(directory))["loss"]
    assert (early["last"], early.get("partial")) == (0.5, True)
    monkeypatch.undo()
    found = kept.summaries(str(directory))["loss"]
    assert (found["last"], found.get("partial")) == (0.25, None)
