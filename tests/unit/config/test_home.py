"""Where this machine's runs live."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.config.home import guild_home, home_folder
from guild_sync.errors import GuildError


@pytest.mark.parametrize(
    "named", ["/a/b", "/a//b/./c/", "/a/../b", "x", "./x/", "~", "~x", " ", "a\\b", "/"]
)
def test_the_guild_home_is_the_path_that_is_named(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("GUILD_HOME", named)
    assert guild_home() == Path(named).absolute()
    assert home_folder() == str(Path(named).absolute())


@pytest.mark.parametrize("home", ["/home/ann", "/", "/home/ann/", ""])
def test_the_guild_home_is_in_the_users_home(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("HOME", home)
    for named in ("", None):
        monkeypatch.setenv("GUILD_HOME", named or "")
        if named is None:
            monkeypatch.delenv("GUILD_HOME")
        assert home_folder() == str(Path.home() / ".guild")


def test_a_user_without_a_home_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUILD_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(GuildError, match="home directory is not known"):
        home_folder()


@pytest.mark.parametrize("named", ["/a\nb", "\n"])
def test_a_guild_home_of_two_lines_is_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("GUILD_HOME", named)
    with pytest.raises(GuildError, match="line break"):
        guild_home()
