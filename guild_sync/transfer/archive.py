"""Files of a run that come as a stream: a tar archive whose maker is not trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from guild_sync.agent.archives import members, unpacking
from guild_sync.hosts.base import agent_errors

_IN_MEMORY = 1 << 20  # bytes; a larger archive is kept in a temporary file
_NAME = "the run's files"


@contextmanager
def into(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Takes an archive, piece by piece, and at the end puts its files into `folder`.

    Regular files alone, with nothing but their contents and times, and none outside of
    `folder`. Raises GuildError for an archive that is none, or is cut.
    """
    folder.mkdir(parents=True)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as archive:
        yield lambda chunk: _write(archive, chunk)
        archive.seek(0)
        with agent_errors(), members.making_sense(_NAME):
            for member in members.of_tar(archive, is_whole=True):
                if member.kind == members.FILE:
                    unpacking.put(str(folder), member._replace(mode=0o644), replace=True)


def _write(archive: IO[bytes], chunk: bytes) -> None:
    archive.write(chunk)
