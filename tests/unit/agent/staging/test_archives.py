"""Archives that are required: unpacked, and nothing of them anywhere else."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.staging import archives

TARS = [
    ("a.tar", "w"),
    ("a.tar.gz", "w:gz"),
    ("a.TGZ", "w:gz"),
    ("a.tar.bz2", "w:bz2"),
    ("a.txz", "w:xz"),
]


def make_tar(path: Path, mode: str, *members: tarfile.TarInfo) -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))


def member(name: str, size: int = 1, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in more.items():
        setattr(made, key, value)
    return made


def found(path: Path, folder: Path) -> dict[str, str]:
    """The files that an archive has, and what they hold; afterwards nothing is left of them."""
    with archives.unpacked(str(path), str(folder)) as top:
        names = [Path(at, name) for at, _, files in os.walk(top) for name in files]
        held = {str(name.relative_to(top)): name.read_text() for name in names}
        assert not [name for name in names if name.is_symlink()]
    assert not [name for name in os.listdir(folder) if name.startswith("unpacked-")]
    return held


@pytest.mark.parametrize(("name", "mode"), TARS)
def test_a_tar_is_unpacked_whatever_packs_it(tmp_path: Path, name: str, mode: str) -> None:
    make_tar(
        tmp_path / name, mode, member("./a"), member("b/c", 3), member("d", 0, type=tarfile.DIRTYPE)
    )

    assert archives.is_archive(str(tmp_path / name))
    assert found(tmp_path / name, tmp_path) == {"a": "x", "b/c": "xxx"}


def test_nothing_is_left_of_folders_that_are_deeper_than_python_calls_itself(
    tmp_path: Path,
) -> None:
    name = "/".join("d" * (sys.getrecursionlimit() + 100))
    make_tar(tmp_path / "deep.tar", "w", member(name))
    (tmp_path / "folder").mkdir()
    with archives.unpacked(str(tmp_path / "deep.tar"), str(tmp_path / "folder")) as top:
        assert Path(top, name).exists()
    assert os.listdir(tmp_path / "folder") == []


@pytest.mark.parametrize(("name", "mode"), TARS[1:])
def test_a_tar_that_is_damaged_is_one_line_whatever_packs_it(
    tmp_path: Path, name: str, mode: str
) -> None:
    with tarfile.open(tmp_path / name, mode) as archive:  # type: ignore[call-overload]
        file = member("random", 200_000)
        archive.addfile(file, io.BytesIO(os.urandom(file.size)))
    data = bytearray((tmp_path / name).read_bytes())
    data[100_000:120_000] = b"\xff" * 20_000
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AgentError, match="cannot unpack"):
        found(tmp_path / name, tmp_path)


def test_a_zip_is_unpacked_and_its_programs_can_be_run(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b/c.txt", "c")
        program = zipfile.ZipInfo("run.sh")
        program.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(program, "#!/bin/sh\n")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    assert found(tmp_path / "a.zip", tmp_path) == {"b/c.txt": "c", "run.sh": "#!/bin/sh\n"}
    with archives.unpacked(str(tmp_path / "a.zip"), str(tmp_path)) as top:
        assert os.access(Path(top, "run.sh"), os.X_OK)


def test_what_is_no_archive_by_its_name_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "a.gz").touch()
    assert not archives.is_archive(str(tmp_path / "folder.zip"))
    assert not archives.is_archive(str(tmp_path / "a.gz"))


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = tmp_path / f"a.{kind}"
    if kind == "tar":
        make_tar(path, "w", member("fine"), member(name))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "x")
    with pytest.raises(AgentError, match="has a file outside itself"):
        found(path, inner)

    assert not (tmp_path / "x").exists() and not Path("/x").exists()
    assert not list(inner.iterdir())


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    make_tar(
        tmp_path / "a.tar",
        "w",
        member("out", 0, type=tarfile.SYMTYPE, linkname=str(tmp_path)),
        member("out/stolen"),
        member("hard", 0, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("pipe", 0, type=tarfile.FIFOTYPE),
        member("null", 0, type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    )

    assert found(tmp_path / "a.tar", tmp_path) == {"out/stolen": "x"}
    assert not (tmp_path / "stolen").exists()


def test_more_than_there_is_room_for_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(member("a"), io.BytesIO(b"x"))
        huge = member("huge", 1 << 60)
        archive.fileobj.write(huge.tobuf())
    with pytest.raises(AgentError, match="has more than there is room for"):
        found(tmp_path / "a.tar", tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2"])
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 99, b"PK\3\4", b"\x1f\x8b\x08\0"])
def test_what_is_no_archive_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    if name == "a.tar" and not content:
        return  # which is an empty archive to tarfile in some versions
    with pytest.raises(AgentError, match=f"cannot unpack '{name}': ") as error:
        found(tmp_path / name, tmp_path)

    assert "\n" not in error.value.message


def test_a_cut_archive_is_one_line(tmp_path: Path) -> None:
    make_tar(tmp_path / "whole.tar.gz", "w:gz", member("a", 100_000))
    whole = (tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[:-20])
    with pytest.raises(AgentError, match="cannot unpack"):
        found(tmp_path / "a.tar.gz", tmp_path)
