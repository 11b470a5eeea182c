"""The notes of logins: whose connection a person has opened, whatever else is in the folder."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.transport import connection, ssh_config


@pytest.fixture
def remote() -> Remote:
    """A remote that no other test has, which nobody is connected to."""
    return Remote("gpu", "ssh", host=f"{uuid.uuid4().hex}.invalid")


def note_of(remote: Remote) -> Path:
    return ssh_config.paths(remote)[0].with_suffix(".login")


def test_a_login_is_known_by_the_remotes_name_and_config_file(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    login = connection.note_login(remote, 600, 1)
    assert (login.remote, login.host, login.idle) == ("gpu", remote.host, 600)
    assert "gpu" in connection.logins()
    monkeypatch.setenv("GUILD_CONFIG", str(tmp_path / "another.yml"))
    assert "gpu" not in connection.logins()
    assert not connection.close_logins("gpu")
    assert note_of(remote).exists(), "that is another's gpu"
    monkeypatch.setenv("GUILD_CONFIG", login.config)
    assert not connection.close_logins("gpu"), "it was open no more"
    assert not note_of(remote).exists()


def test_a_spec_is_the_same_for_every_config_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = f"{uuid.uuid4().hex}.invalid"
    spec = Remote(f"ssh:{host}", "ssh", host=host)
    connection.note_login(spec, 0, 1)
    monkeypatch.setenv("GUILD_CONFIG", str(tmp_path / "another.yml"))
    assert spec.name in connection.logins()
    connection.close_logins(spec.name)
    assert spec.name not in connection.logins()


def test_a_note_whose_connection_is_closed_tells_of_no_login(remote: Remote) -> None:
    assert connection.login_of(remote) is None
    connection.note_login(remote, 600, os.getpid())
    try:
        assert connection.master_of(remote) is None
        assert connection.login_of(remote) is None
    finally:
        connection.close_logins("gpu")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "\x00", '{"remote": "gpu"}', "[" * 100_000),
        json.dumps({"remote": "gpu", "config": "", "host": "x", "since": "y"}),
        '{"remote": 1, "config": 1, "host": 1, "since": 1e999, "idle": 1, "master": 1}',
    ],
)
def test_a_note_that_is_none_is_passed_over(remote: Remote, text: str) -> None:
    note_of(remote).write_text(text)
    try:
        assert connection.login_of(remote) is None
        assert "gpu" not in connection.logins()
    finally:
        note_of(remote).unlink()
