"""How fast a line is, measured by what a remote does: nothing of it is believed for long."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.monitoring import speed
from guild_sync.rsync import channels

Ssh = Callable[[str], Remote]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ssh:
    """Has the remote behind an `ssh` do what some lines of sh say; $C is what it is asked to do."""
    monkeypatch.setattr(channels, "_round_trips", {})
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def made(lines: str) -> Remote:
        (tmp_path / "ssh").write_text(f"#!/bin/sh\nfor C; do :; done\n{lines}\n")
        (tmp_path / "ssh").chmod(0o755)
        return Remote("gpu", "ssh", host="gpu.example.com")

    return made


def test_a_line_is_measured_there_and_back(ssh: Ssh) -> None:
    found = speed.measure(ssh('eval "$C"'))
    assert found.round_trip and found.down and found.up


def test_what_a_login_shell_prints_is_in_nobodys_way(ssh: Ssh) -> None:
    found = speed.measure(ssh('echo Welcome 1; eval "$C"'))
    assert found.round_trip and found.down and found.up


@pytest.mark.parametrize("lines", ["exec sleep 600", "exit 1", "exit 255"])
def test_what_does_not_answer_is_not_measured(
    ssh: Ssh, lines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.5)
    monkeypatch.setattr(channels, "SECONDS", 0.5)
    assert speed.measure(ssh(lines)) == speed.Speed(None, None, None)


def test_what_sends_without_an_end_is_not_measured(
    ssh: Ssh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.5)
    monkeypatch.setattr(channels, "SECONDS", 0.5)
    assert speed.measure(ssh("exec yes")) == speed.Speed(None, None, None)


def test_what_sends_less_than_it_was_asked_for_is_not_measured(ssh: Ssh) -> None:
    assert speed.measure(ssh('case $C in head*) echo x;; *) eval "$C";; esac')).down is None
