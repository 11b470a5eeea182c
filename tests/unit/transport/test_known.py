"""What is kept of a remote's machine, and when it is asked anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.protocol import Abilities
from guild_sync.config.remotes import Remote
from guild_sync.transport.known import known_of, note, note_speed

GPU = Remote("gpu", "ssh", host="gpu.example.com")
BOTH: Abilities = {"aes": True, "zstd": True}


def kept(home: Path) -> Path:
    (path,) = home.glob("machines/*")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "here"


def has(remote: Remote) -> tuple[bool, bool] | None:
    there = known_of(remote)
    return there and (there["aes"], there["zstd"])


def test_what_a_remote_says_is_known_until_it_is_another_machine(home: Path) -> None:
    assert has(GPU) is None
    note(GPU, BOTH)
    assert has(GPU) == (True, True)
    assert has(GPU._replace(timeout=5)) == (True, True)
    assert has(GPU._replace(host="other")) is None
    assert has(GPU._replace(port=23)) is None
    assert has(GPU._replace(proxy_jump="gate")) is None
    assert has(GPU._replace(rsync_path="/opt/rsync")) is None


@pytest.mark.parametrize("days", [8, -8])
def test_it_is_asked_anew_after_a_week_and_where_a_clock_was_set(home: Path, days: int) -> None:
    note(GPU, BOTH)
    data = json.loads(kept(home).read_text())
    kept(home).write_text(json.dumps({**data, "since": data["since"] - days * 24 * 3600}))
    note_speed(GPU, "to", 1e6)
    assert has(GPU) is None


def test_a_speed_is_kept_beside_what_the_machine_has(home: Path) -> None:
    note_speed(GPU, "to", 1e6)
    assert has(GPU) is None, "of a machine that nobody knows there is nothing to keep"
    note(GPU, BOTH)
    note_speed(GPU, "to", 1e6)
    note_speed(GPU, "from", 2e6)
    there = known_of(GPU)
    assert there is not None
    assert (there["from"], there["to"], has(GPU)) == (2e6, 1e6, (True, True))


def test_a_speed_that_is_about_the_same_is_not_written_again(home: Path) -> None:
    note(GPU, BOTH)
    note_speed(GPU, "to", 1e6)
    before = kept(home).stat().st_ino
    note_speed(GPU, "to", 1.1e6)
    assert kept(home).stat().st_ino == before


@pytest.mark.parametrize("told", ["x", None, [], float("inf"), float("nan"), 10**400])
def test_a_speed_that_is_none_is_not_believed(home: Path, told: Any) -> None:
    note(GPU, BOTH)
    data = json.loads(kept(home).read_text())
    kept(home).write_text(json.dumps({**data, "from": told}))
    there = known_of(GPU)
    assert there is None or there["from"] == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"machine": []}', "[" * 4000, "\0"])
def test_what_is_no_memory_is_none(home: Path, text: str) -> None:
    note(GPU, BOTH)
    kept(home).write_text(text)
    assert known_of(GPU) is None


def test_a_guild_home_that_cannot_be_written_to_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUILD_HOME", "/proc/guild")
    note(GPU, BOTH)
    assert has(GPU) is None
