"""A stream of files, put into a folder and nowhere else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from guild_sync.errors import GuildError
from guild_sync.runs.archive import into


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-of-guild", "a/../../evil", "a/.."])
def test_a_file_outside_of_the_run_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(GuildError):
        unpack(tmp_path, tarfile.TarInfo(name))
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_regular_file_is_left_out(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    unpack(tmp_path, member, tarfile.TarInfo("link/inside"))
    assert sorted(p.name for p in (tmp_path / "received").rglob("*")) == ["inside", "link"]


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GuildError), into(tmp_path / "received") as on_bytes:
        on_bytes(b"x" * 2000)
    with pytest.raises(GuildError):
        unpack(tmp_path / "again", tarfile.TarInfo("a"), tarfile.TarInfo("a/b"))


def unpack(tmp_path: Path, *members: tarfile.TarInfo) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        for member in members:
            made.addfile(member)
    with into(tmp_path / "received") as on_bytes:
        on_bytes(archive.getvalue())
