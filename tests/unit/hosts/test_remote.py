"""A remote is asked once what its machine has, with whatever it is asked first."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.hosts.remote import RemoteHost, call_timeout
from guild_sync.transport.known import known_of

GPU = Remote("gpu", "ssh", host="gpu.example.com", rsync_path="/opt/rsync")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an `ssh` writes down each request, which it answers with what `answer` has."""
    ssh = tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\ncat >>{tmp_path}/asked\ncat {tmp_path}/answer\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "asked"


def answers(asked: Path, **more: object) -> None:
    answer = json.dumps({"ok": 1.5, "home": "/h", **more})
    asked.with_name("answer").write_text(f"\nGUILD-ANSWER {answer}\n")


def requests(asked: Path) -> list[object]:
    return [json.loads(line).get("abilities") for line in asked.read_text().splitlines()]


def known(remote: Remote) -> tuple[bool, bool]:
    """Whether its processor has what makes AES fast, and its rsync zstd, as far as is known."""
    there = known_of(remote)
    assert there is not None
    return there["aes"], there["zstd"]


def test_a_remote_is_asked_once_what_its_machine_has(asked: Path) -> None:
    answers(asked, abilities={"aes": True, "zstd": False, "more": 1})
    host = RemoteHost(GPU)
    assert [host.clock(), host.clock()] == [1.5, 1.5]
    assert requests(asked) == ["/opt/rsync", None]
    assert known(GPU) == (True, False)


@pytest.mark.parametrize(
    "told", [None, 7, [], {}, {"aes": True}, {"aes": 1, "zstd": True}, {"aes": {}, "zstd": "x"}]
)
def test_one_that_tells_nonsense_has_nothing_and_is_not_asked_again(
    asked: Path, told: object
) -> None:
    answers(asked, abilities=told)
    host = RemoteHost(GPU)
    assert [host.clock(), host.clock()] == [1.5, 1.5]
    assert requests(asked) == ["/opt/rsync", None]
    assert known(GPU) == (False, False)


def test_one_that_tells_nothing_is_asked_again(asked: Path) -> None:
    answers(asked)
    host = RemoteHost(GPU)
    assert [host.clock(), host.clock()] == [1.5, 1.5]
    assert requests(asked) == ["/opt/rsync", "/opt/rsync"]


def test_a_request_about_thousands_of_runs_has_more_time() -> None:
    assert call_timeout({}) == call_timeout({"ids": [], "stamps": True}) == 60
    assert call_timeout({"ids": ["a" * 32] * 10_000, "room": 10**12}) == 120
