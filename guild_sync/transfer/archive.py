"""Files of a run that come as a stream: a tar archive whose maker is not trusted."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from guild_sync.errors import GuildError

# What tarfile raises for headers that make no sense: a number that is
# none, a path with a NUL, thousands of headers for one file.
_NO_SENSE = (tarfile.TarError, ValueError, ArithmeticError, LookupError, TypeError, RecursionError)
_IN_MEMORY = 1 << 20  # bytes; a larger archive is kept in a temporary file


@contextmanager
def into(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Takes an archive, piece by piece, and at the end puts its files into `folder`.

    Regular files alone, with nothing but their contents and times, and none outside of
    `folder`. Raises GuildError for an archive that is none.
    """
    folder.mkdir(parents=True)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as archive:
        yield lambda chunk: _write(archive, chunk)
        archive.seek(0)
        try:
            with tarfile.open(
                fileobj=archive, mode="r:", encoding="utf-8", errors="surrogateescape"
            ) as found:
                end = 0
                for member in found:
                    # A size below zero leads back, perhaps for ever.
                    if member.size < 0 or found.offset <= end:
                        raise tarfile.TarError(f"{member.name!r} has no size")
                    end = found.offset
                    _unpack(found, member, folder)
        except _NO_SENSE as e:
            why = str(e).replace("\0", "?") or "it is none"
            raise GuildError(f"cannot unpack the run's files: a bad archive: {why}") from None
        except OSError as e:
            raise GuildError(f"cannot unpack the run's files: {e}") from None


def _write(archive: IO[bytes], chunk: bytes) -> None:
    archive.write(chunk)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts:
        raise GuildError(f"the run has a file outside itself: {member.name!r}")
    # A sparse one may be of any size, and no agent sends one.
    content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        return
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, open(target, "wb") as f:
        shutil.copyfileobj(content, f)
    os.utime(target, (member.mtime, member.mtime))
