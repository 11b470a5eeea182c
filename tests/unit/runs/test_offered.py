"""What a host offers where no project is; with real environments: tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.agent.protocol import PackageFile
from guild_sync.errors import GuildError
from guild_sync.runs.offered import mirrored


def file(path: str, text: str | None = None) -> PackageFile:
    return {"path": path, "text": text}


def test_the_files_of_a_package_are_there_by_name_and_with_their_text(tmp_path: Path) -> None:
    files = [file("guild.yml", "train: {}\r\n"), file("data/x.bin"), file("a\nb"), file("c\ufffd")]
    assert list(mirrored(files, tmp_path)) == ["guild.yml", "data/x.bin"]
    assert (tmp_path / "guild.yml").read_bytes() == b"train: {}\r\n"
    assert (tmp_path / "data/x.bin").read_bytes() == b""
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", ".", "a/.."])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    with pytest.raises(GuildError) as error:
        list(mirrored([file(path, "x")], here))
    assert error.value.message == f"the package has a file outside itself: {path!r}"
    assert not list(here.iterdir())


def test_two_files_in_each_others_way_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        list(mirrored([file("a", "x"), file("a/b", "x")], tmp_path))
    assert error.value.message.startswith("the package's file 'a/b' cannot be: ")
