"""An archive that is required, unpacked: nothing of it leaves the folder that it goes to."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Iterator, Optional, Tuple

from ..errors import AgentError
from ..store import rundir

if TYPE_CHECKING:
    import tarfile

_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_MOST_FILES = 1_000_000
_EXECUTABLE = 0o111

# (path, how many bytes it says that it has, whether it can be run, its contents)
Member = Tuple[str, int, bool, IO[bytes]]


def is_archive(path: str) -> bool:
    """Whether a file is an archive that is unpacked, by its name."""
    return path.lower().endswith(_ZIP + _TAR) and os.path.isfile(path)


@contextmanager
def unpacked(path: str, folder: str) -> Iterator[str]:
    """A new folder in `folder` with the files of an archive, which is gone afterwards.

    Raises AgentError for what is no archive, for one with a path that leads out of it, and for
    one that has more than there is room for. Links, devices and the like are left out.
    """
    target = tempfile.mkdtemp(prefix="unpacked-", dir=folder)
    try:
        members = _of_zip(path) if path.lower().endswith(_ZIP) else _of_tar(path)
        _unpack(members, path, target)
        yield target
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _unpack(members: Iterator[Member], path: str, target: str) -> None:
    import tarfile
    import zipfile
    import zlib

    shown = rundir.shown(os.path.basename(path))
    room = shutil.disk_usage(target).free
    try:
        for number, (name, size, is_program, content) in enumerate(members):
            parts = [part for part in name.split("/") if part not in ("", ".")]
            if name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
                raise AgentError(
                    "the archive %s has a file outside itself: %s" % (shown, rundir.shown(name))
                )
            room -= size
            if room < 0 or size < 0 or number >= _MOST_FILES:
                raise AgentError("the archive %s has more than there is room for" % shown)
            if parts:
                _write(os.path.join(target, *parts), content, size, is_program)
    # What tarfile and zipfile raise for what makes no sense, or is cut.
    except (
        tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError,
        RuntimeError, ValueError, LookupError, ArithmeticError, TypeError,
    ) as e:  # fmt: skip
        why = str(e).split("\n")[0].replace("\0", "?") or "it is none"
        raise AgentError("cannot unpack %s: %s" % (shown, why)) from None
    except OSError as e:  # lzma's and bz2's too
        raise AgentError("cannot unpack %s: %s" % (shown, e.strerror or e)) from None


def _write(path: str, content: IO[bytes], size: int, is_program: bool) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        left = size
        while left:
            chunk = content.read(min(left, 1 << 20))
            if not chunk:
                raise EOFError("it is cut short")
            f.write(chunk)
            left -= len(chunk)
        if is_program:
            os.fchmod(f.fileno(), 0o755)


def _of_zip(path: str) -> Iterator[Member]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
                continue
            with archive.open(member) as content:
                yield member.filename, member.file_size, bool(mode & _EXECUTABLE), content


def _of_tar(path: str) -> Iterator[Member]:
    import tarfile

    with tarfile.open(path, encoding="utf-8", errors="surrogateescape") as archive:
        end = 0
        for member in archive:
            # A size below zero leads back, perhaps for ever.
            if member.size < 0 or archive.offset <= end:
                raise tarfile.TarError("%r has no size" % member.name)
            end = archive.offset
            # A sparse one may be of any size.
            content = _content(archive, member)
            if content is not None:
                with content:
                    yield member.name, member.size, bool(member.mode & _EXECUTABLE), content


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Optional[IO[bytes]]:
    return archive.extractfile(member) if member.isreg() and not member.issparse() else None
