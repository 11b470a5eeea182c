"""Event files are looked for in every run of which it is not known that it has none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rundirs import make

from guild_sync.agent.remembering import eventless, remembered
from guild_sync.agent.scalars import derived

A, B, C = IDS = ["a" * 32, "b" * 32, "c" * 32]
NAME = "events.out.tfevents.1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A guild home of runs with folders, of which one has an event file; that is remembered."""
    home = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    for run_id in IDS:
        run = make(home, run_id, exit_status=0)
        (run / "logs/train").mkdir(parents=True)
        (run / "logs/link").symlink_to(tmp_path / "elsewhere")
        (run / "out.txt").write_text("x")
    (home / "runs" / C / "logs/train" / NAME).write_text("x")
    if remembered.moment(str(home)) is None:
        pytest.skip("nothing is remembered on this file system")
    monkeypatch.setattr(eventless, "MANY_RUNS", 1)
    monkeypatch.setattr(remembered, "_TICK", -(10**15))  # what was made just now counts, too
    eventless.unnoted(str(home))
    return home


def as_walked(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    with monkeypatch.context() as patch:
        patch.setattr(eventless, "MANY_RUNS", 10**9)
        return eventless.unnoted(str(home))


def walked(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose folders are gone through."""
    found: list[str] = []
    event_files = derived.event_files

    def noted(directory: str) -> derived.EventFiles:
        found.append(os.path.basename(directory))
        return event_files(directory)

    with monkeypatch.context() as patch:
        patch.setattr(derived, "event_files", noted)
        eventless.unnoted(str(home))
    return found


def test_what_has_none_is_not_gone_through_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert walked(home, monkeypatch) == [C]
    assert list(eventless.unnoted(str(home))) == [C]


def _copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to, symlinks=True)


def _replace(path: Path, folder: Path) -> None:
    os.rename(path, path.with_name("old"))
    _copy(folder, path)


def _moved_behind_a_link(run: Path) -> None:
    away = run.parents[1] / "away"
    run.rename(away)
    run.symlink_to(away)
    (away / "logs" / NAME).write_text("x")


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda run: None,
    "one that comes": lambda run: (run / NAME).write_text("x"),
    "one far down": lambda run: (run / "logs/train" / NAME).write_text("x"),
    "one in .guild": lambda run: (run / ".guild" / NAME).write_text("x"),
    "one in a new folder": lambda run: _copy(run.parent / C / "logs", run / "new"),
    "one that another file becomes": lambda run: (run / "out.txt").rename(run / NAME),
    "a folder in place of another": lambda run: _replace(run / "logs", run.parent / C / "logs"),
    "a folder in place of a link": lambda run: _replace(
        run / "logs/link", run.parent / C / "logs/train"
    ),
    "a run that is a link": _moved_behind_a_link,
    "deleted": shutil.rmtree,
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_comes_into_a_run_is_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    CHANGES[change](home / "runs" / A)
    for _ in range(2):
        assert eventless.unnoted(str(home)) == as_walked(home, monkeypatch)


def test_what_was_just_made_is_not_remembered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "cache" / f"eventless-{os.geteuid()}").unlink()
    monkeypatch.setattr(remembered, "_TICK", 10**15)
    for _ in range(2):
        assert sorted(walked(home, monkeypatch)) == IDS


def test_no_damage_is_believed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "cache" / f"eventless-{os.geteuid()}"
    expected, whole = as_walked(home, monkeypatch), file.read_bytes()
    for at in range(0, len(whole), 23):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert eventless.unnoted(str(home)) == expected


@pytest.mark.parametrize("text", ["x", "5", "null", "[[1]]", '["a\\u0000"]', '["\\ud800"]'])
def test_folders_that_are_none_are_looked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    now = remembered.moment(str(home))
    assert now is not None
    table, file = remembered.opened(str(home), now, eventless.form(), remembered.EVENTLESS)
    assert file is not None
    file.close()
    table.texts[1:] = [text] * (len(table.texts) - 1)
    parts = table.packed(range(len(table.ids)))
    remembered.write_with(str(home), now, remembered.EVENTLESS, parts, (), 0)
    assert eventless.unnoted(str(home)) == as_walked(home, monkeypatch)
