"""Small files written whole or not at all."""

from __future__ import annotations

import os


def write_atomically(path: str, text: str) -> None:
    """Write `text` to `path` so that a reader, or a crash, sees all of it or nothing."""
    # A name that is none of an attribute: a kill may leave it.
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, ".%s.%d" % (name, os.getpid()))
    try:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(text)
        os.replace(temporary, path)
    except OSError as e:
        e.filename = e.filename or path  # a full disk is not said to be one of any file
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
