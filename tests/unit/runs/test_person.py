"""Who starts runs from here, and whose runs are one's own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from guild_sync.agent.protocol import NAME_LENGTH
from guild_sync.agent.store.home import home_id
from guild_sync.config.home import guild_home
from guild_sync.runs import person


def test_a_fresh_guild_home_gets_a_name_with_the_first_start_and_by_no_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert person.mine() == {"user": "ann", "home": ""}
    assert not guild_home().exists()
    found = person.starter()
    assert found == {
        "user": "ann",
        "client": socket.gethostname(),
        "home": home_id(str(guild_home()), make=False),
    }
    assert person.mine() == {"user": "ann", "home": found["home"]}
    assert person.starter() == found


def test_a_guild_home_that_cannot_be_written_to_has_no_name(tmp_path: Path) -> None:
    guild_home().mkdir()
    (guild_home() / "runs").symlink_to(tmp_path / "unmounted")
    assert person.starter()["home"] == ""


@pytest.mark.parametrize(
    ("given", "kept"), [("\udcff", "\N{REPLACEMENT CHARACTER}"), ("a" * 999, "a" * NAME_LENGTH)]
)
def test_a_users_name_is_text_of_some_length(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    monkeypatch.setenv("LOGNAME", given)
    assert person.starter()["user"] == kept
