"""A guild home's own name: made once, and kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from guild_sync.agent.store.home import HOME_ID, home_id


def test_a_name_is_made_where_that_is_asked_for_and_stays(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert home_id(home, make=False) is None
    assert not (tmp_path / "runs").exists()
    name = home_id(home, make=True)
    assert name is not None and len(name) == 32
    assert home_id(home, make=True) == home_id(home, make=False) == name
    assert os.listdir(tmp_path / "runs") == [HOME_ID]


def test_a_home_on_a_file_system_without_links_has_a_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    name = home_id(str(tmp_path), make=True)
    assert name is not None
    assert home_id(str(tmp_path), make=True) == name
    assert os.listdir(tmp_path / "runs") == [HOME_ID]


def test_a_name_that_another_has_just_made_is_the_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "runs" / HOME_ID, os.link

    def late(temporary: str, target: str) -> None:
        path.write_text("another's\n")
        link(temporary, target)

    monkeypatch.setattr(os, "link", late)
    assert home_id(str(tmp_path), make=True) == "another's"
    assert os.listdir(tmp_path / "runs") == [HOME_ID]
