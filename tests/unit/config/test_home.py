"""Where this machine's runs live, and what its user alone may see."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from guild_sync.config.home import guild_home, home_folder, private_folder, session_folder
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


# The private folder. Its place is fixed, so that cron finds it; only its user can vary here.


def test_the_private_folder_is_its_users_alone() -> None:
    folder = private_folder()
    assert folder.is_dir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.getuid()


def test_a_private_folder_that_others_may_enter_is_closed_again() -> None:
    private_folder().chmod(0o755)
    assert stat.S_IMODE(private_folder().stat().st_mode) == 0o700


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private folder of a user that nobody is; removed afterwards."""
    uid = 3_999_999_977
    folder = Path(f"/tmp/guild-{uid}")
    monkeypatch.setattr(os, "getuid", lambda: uid)
    return folder


def test_a_private_folder_that_belongs_to_somebody_else_is_refused(stranger: Path) -> None:
    stranger.mkdir()
    try:
        with pytest.raises(GuildError) as error:
            private_folder()
    finally:
        stranger.rmdir()
    assert error.value.message == f"{stranger} belongs to somebody else"


def test_a_link_in_the_private_folders_place_is_refused(stranger: Path, tmp_path: Path) -> None:
    stranger.symlink_to(tmp_path)
    try:
        with pytest.raises(GuildError) as error:
            private_folder()
    finally:
        stranger.unlink()
    assert error.value.message == f"{stranger} belongs to somebody else"


@pytest.mark.parametrize("dangling", [True, False])
def test_what_is_no_folder_in_the_private_folders_place_is_refused(
    stranger: Path, dangling: bool
) -> None:
    if dangling:
        stranger.symlink_to("/nowhere/at/all")
    else:
        stranger.touch()
    try:
        with pytest.raises(GuildError):
            private_folder()
    finally:
        stranger.unlink()


def test_the_folder_of_a_session_is_its_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = session_folder_without(monkeypatch)
    folder = tmp_path / "of a session"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    assert session_folder() == folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder.name)
    assert session_folder() == others
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    folder.chmod(0o750)
    assert session_folder() == others
    folder.rmdir()
    assert session_folder() == others
    folder.touch(mode=0o600)
    assert session_folder() == others


def session_folder_without(monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """The one that this machine has where the environment names none."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    found = session_folder()
    assert found in (None, Path(f"/run/user/{os.getuid()}"))
    return found


def test_a_session_of_somebody_else_is_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    others = session_folder_without(monkeypatch)
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 12345, 12345)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "theirs"))
    assert session_folder() == others
