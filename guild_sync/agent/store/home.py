"""The guild home's own name, which tells it from any other."""

from __future__ import annotations

import os
from typing import Optional

from ..errors import refuse_exhaustion
from . import atomic, inside, rundir

# In the runs' own folder, which may be a disk of its own: where it is gone, the disk is.
HOME_ID = ".home-id"
_HOME_ID_BYTES = 16


def home_id(home: str, make: bool) -> Optional[str]:
    """The guild home's own name, made once where `make`; None where there is none."""
    path = os.path.join(rundir.runs_dir(home), HOME_ID)
    for _ in range(2):
        try:
            with os.fdopen(os.open(path, inside.READ), "rb") as f:
                return f.readline().decode("ascii", "replace").strip() or None
        except OSError as e:
            refuse_exhaustion(e)
            if not make or not _give_id(path):
                return None
    return None


def home_name(home: str, make: bool) -> str:
    """As `home_id`, and empty where there is none."""
    return home_id(home, make) or ""


def _give_id(path: str) -> bool:
    """Write a new name whole, unless somebody else just has."""
    name = os.urandom(_HOME_ID_BYTES).hex()
    temporary = "%s.%s" % (path, os.urandom(_HOME_ID_BYTES).hex())
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        atomic.write_atomically(temporary, name + "\n")
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links: of two at once the later one names it
            os.rename(temporary, path)
            return True
        os.unlink(temporary)
    except OSError:
        return False  # a home that is only read
    return True
