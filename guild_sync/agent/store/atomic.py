"""Small files written whole or not at all, and on the disk when that is done."""

from __future__ import annotations

import os
import re
from typing import Callable

from . import inside

# Of a file that is being written: its name, chance (not in earlier versions), the process.
_UNFINISHED = r"\..+?(?:\.[0-9a-f]{16})?\.(\d{1,10})\Z"


def write_atomically(path: str, text: str, mode: int = 0o666) -> None:
    """Write `text` to `path` so that a reader, or a crash, sees all of it or nothing."""
    above, name = os.path.split(path)
    handle = os.open(above or ".", os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        inside.write(handle, name, text, flushed=True, mode=mode)
    except OSError as e:
        e.filename, e.filename2 = path, None  # a full disk is not said to be one of any file
        raise
    finally:
        os.close(handle)


def write_in(top: str, name: str, text: str, flushed: bool = True, mode: int = 0o666) -> None:
    """Write `name`, a path in the folder `top` of a run, as `write_atomically` does.

    No link is followed. Without `flushed` it is on the disk once `inside.flush` was called.
    """
    try:
        with inside.holding(top, name) as (handle, base):
            inside.write(handle, base, text, flushed, mode)
    except inside.Linked:
        raise
    except OSError as e:
        e.filename, e.filename2 = os.path.join(top, name), None
        raise


def remove_unfinished(top: str, name: str, is_dead: Callable[[str], bool]) -> None:
    """Remove what killed processes had not finished writing in a folder of a run."""
    for found in inside.names(top, name):
        match = re.match(_UNFINISHED, found)
        if match and is_dead(match[1]):
            inside.remove(top, os.path.join(name, found))
