"""What is remembered of a remote from one sync to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.errors import Busy, Unreachable
from guild_sync.hosts import locking
from guild_sync.sync import ledger

A, B = "a" * 32, "b" * 32
NOW = 1_700_000_000.0
DOWN = Unreachable("cannot reach it")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUILD_HOME", str(tmp_path))
    return tmp_path


def test_a_remote_that_was_never_synced_with_has_an_empty_entry() -> None:
    assert ledger.read("gpu") == ledger.Entry("gpu")
    assert ledger.entries() == {}


def test_what_is_written_is_read() -> None:
    entry = ledger.Entry("gpu ü/..", home_id="x", missing={A: NOW})
    entry.was_reached(NOW, 10, 0.5)
    entry.failed(NOW + 1, DOWN)
    ledger.write(entry)
    assert ledger.read("gpu ü/..") == entry
    assert ledger.entries() == {"gpu ü/..": entry}


def test_what_had_no_room_is_kept_until_it_is_asked_for_again() -> None:
    entry = ledger.Entry("gpu")
    entry.note_room([A, B], {A: 10, B: 20})
    entry.note_room([A], {})
    ledger.write(entry)
    assert ledger.read("gpu").cramped == {B: 20}


def test_the_wait_doubles_from_a_minute_to_an_hour_and_varies_by_a_tenth() -> None:
    entry = ledger.Entry("gpu")
    waits = []
    for _ in range(9):
        entry.failed(NOW, DOWN)
        assert entry.next_try is not None
        waits.append(entry.next_try - NOW)
    for wait, meant in zip(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600], strict=True):
        assert 0.9 * meant <= wait <= 1.1 * meant
    assert len({wait / meant for wait, meant in zip(waits, [60, 120], strict=False)}) == 2


def test_a_remote_is_left_alone_until_its_next_try() -> None:
    entry = ledger.Entry("gpu")
    assert not entry.is_left_alone(NOW)
    entry.failed(NOW, DOWN)
    assert entry.is_left_alone(NOW + 50)
    assert not entry.is_left_alone(NOW + 70)


def test_a_remote_that_can_be_reached_now_is_tried_soon() -> None:
    ledger.try_soon("gpu")
    assert ledger.entries() == {}
    entry = ledger.Entry("gpu")
    entry.failed(NOW, DOWN)
    ledger.write(entry)
    with locking.remote_lock("gpu", wait=False), pytest.raises(Busy):
        ledger.try_soon("gpu")
    ledger.try_soon("gpu")
    found = ledger.read("gpu")
    assert not found.is_left_alone(NOW)
    assert (found.failures, found.down_since) == (1, NOW), "it has not answered yet"


def test_a_clock_that_was_set_back_keeps_no_remote_waiting() -> None:
    entry = ledger.Entry("gpu")
    entry.failed(NOW, DOWN)
    assert not entry.is_left_alone(NOW - 2 * 3600)


def test_a_success_resets_it_all() -> None:
    entry = ledger.Entry("gpu")
    assert entry.failed(NOW, DOWN), "that is news"
    assert not entry.failed(NOW + 100, DOWN)
    assert entry.down_since == NOW
    assert entry.was_reached(NOW + 200, 0, 0.0), "and so is this"
    assert (entry.failures, entry.reason) == (0, "")
    assert [entry.next_try, entry.down_since] == [None, None]
    assert not entry.was_reached(NOW + 300, 0, 0.0)
    assert (entry.syncs, entry.failed_syncs) == (4, 2)


def test_a_run_is_lost_once_it_was_missing_twice_a_minute_apart() -> None:
    entry = ledger.Entry("gpu")
    assert entry.lost([A], [A, B], NOW) == []
    assert entry.lost([A], [A, B], NOW + 59) == []
    assert entry.lost([A, B], [A, B], NOW + 60) == [A]
    assert entry.missing == {B: NOW + 60}


def test_a_run_that_was_found_again_must_be_missing_twice_anew() -> None:
    entry = ledger.Entry("gpu")
    entry.lost([A], [A], NOW)
    entry.lost([], [A], NOW + 50)
    assert entry.lost([A], [A], NOW + 100) == []
    assert entry.lost([A], [A], NOW - 1000) == [], "the clock was set back"
    assert entry.lost([A], [A], NOW - 950) == []
    assert entry.lost([A], [A], NOW - 940) == [A], "a minute by the clock as it is now"


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", "{}", '{"remote": 3}', "[" * 99999, '{"remote": "other"}', "\udcff"]
)
def test_an_entry_that_cannot_be_read_is_as_none(home: Path, text: str) -> None:
    ledger.write(ledger.Entry("gpu"))
    (path,) = (home / "remotes").iterdir()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert ledger.read("gpu") == ledger.Entry("gpu")


def test_values_of_another_type_are_passed_over(home: Path) -> None:
    ledger.write(ledger.Entry("gpu"))
    (path,) = (home / "remotes").iterdir()
    path.write_text(
        '{"remote": "gpu", "failures": "many", "next_try": [], "missing": {"a": "b"},'
        ' "reason": 3, "bytes": true, "seconds": 2.5, "home_id": 7, "unknown": 1}'
    )
    assert ledger.read("gpu") == ledger.Entry("gpu", seconds=2.5)
