"""What is kept of a remote's machine, and when it is asked anew."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from guild_sync.agent.protocol import Abilities
from guild_sync.config.remotes import Remote
from guild_sync.transport.known import known_of, note

GPU = Remote("gpu", "ssh", host="gpu.example.com")
BOTH: Abilities = {"aes": True, "zstd": True}


def kept(home: Path) -> Path:
    (path,) = home.glob("machines/*")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "here"


def test_what_a_remote_says_is_known_until_it_is_another_machine(home: Path) -> None:
    assert known_of(GPU) is None
    note(GPU, BOTH)
    assert known_of(GPU) == BOTH
    assert known_of(dataclasses.replace(GPU, timeout=5)) == BOTH
    assert known_of(dataclasses.replace(GPU, host="other")) is None
    assert known_of(dataclasses.replace(GPU, port=23)) is None
    assert known_of(dataclasses.replace(GPU, proxy_jump="gate")) is None
    assert known_of(dataclasses.replace(GPU, rsync_path="/opt/rsync")) is None


@pytest.mark.parametrize("days", [8, -8])
def test_it_is_asked_anew_after_a_week_and_where_a_clock_was_set(home: Path, days: int) -> None:
    note(GPU, BOTH)
    then = time.time() - days * 24 * 3600
    os.utime(kept(home), (then, then))
    assert known_of(GPU) is None


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
    assert known_of(GPU) is None
