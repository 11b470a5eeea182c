"""Files that people are given: each is there whole, or as it was before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from guild_sync.errors import GuildError
from guild_sync.output.terminal import clean


def write(path: Path, data: bytes) -> bool:
    """Put a file in its place at one go. Raises GuildError where that cannot be, and why.

    A pipe or a device stays what it is, and gets the bytes; the answer is False then.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(21, os.strerror(21))
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return False
        mode = 0o666 & ~_umask() if not path.exists() else path.stat().st_mode & 0o777
        place = Path(os.path.realpath(path))  # it may be a link to where the file is
        fd, temporary = tempfile.mkstemp(prefix=f".{place.name[:100]}.", dir=place.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode)
            os.replace(temporary, place)
        except BaseException:
            os.unlink(temporary)
            raise
        return True
    except BrokenPipeError:
        raise  # nobody reads it any more
    except OSError as e:
        why = e.strerror or str(e)
        raise GuildError(f"cannot write {clean(path)!r}: {why}", "Name another file.") from None


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
