"""A stream of files, put into a folder and nowhere else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from guild_sync.errors import GuildError
from guild_sync.transfer.archive import into


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


HEADERS = [
    {"mtime": "1e300"},
    {"mtime": "nan"},
    {"mtime": "-1e300"},
    {"path": "a\0b"},
    {"path": "a" * 5000},
    {"size": "-512"},
    {"size": "-1024"},
    {"size": "-1536"},
    {"size": "1" * 30},
    {"GNU.sparse.major": "0", "GNU.sparse.map": "a,b", "GNU.sparse.size": "x"},
    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 30},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_an_odd_member_of_an_archive_is_one_line(tmp_path: Path, headers: dict[str, str]) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as made:
        member = tarfile.TarInfo("f")
        member.size, member.pax_headers = 1, headers
        made.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(GuildError) as error, into(tmp_path / "received") as on_bytes:
        on_bytes(archive.getvalue())
    assert "\n" not in error.value.message
    assert "\0" not in error.value.message


def test_an_archive_of_nothing_but_headers_is_one_line(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 0
    with pytest.raises(GuildError) as error, into(tmp_path / "received") as on_bytes:
        on_bytes(header.tobuf(tarfile.GNU_FORMAT) * 5000)
    assert "\n" not in error.value.message


def test_a_sparse_file_which_may_be_of_any_size_is_left_out(tmp_path: Path) -> None:
    archive = io.BytesIO()
    size = str(1 << 60)
    headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": size, "GNU.sparse.major": "0"}
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as made:
        member = tarfile.TarInfo("f")
        member.size, member.pax_headers = 1, {**headers, "GNU.sparse.minor": "1"}
        made.addfile(member, io.BytesIO(b"x"))
    with into(tmp_path / "received") as on_bytes:
        on_bytes(archive.getvalue())
    assert list((tmp_path / "received").iterdir()) == []


def unpack(tmp_path: Path, *members: tarfile.TarInfo) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        for member in members:
            made.addfile(member)
    with into(tmp_path / "received") as on_bytes:
        on_bytes(archive.getvalue())
