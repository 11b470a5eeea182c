"""What there is to read of a run where its files are compared, and what of it may not be read."""

from __future__ import annotations

import os
import stat
from typing import List, Tuple

from .stamps import files_of


def readable(directory: str) -> Tuple[int, List[str]]:
    """The bytes of a run's files, and the paths that may not be read; a folder's ends in a slash.

    rsync tells neither apart: what it may not read, it takes for a file that differs; and where
    it may read it at neither end, for one that is the same.
    """
    total = 0
    refused = []
    for path, status in files_of(directory):
        if stat.S_ISREG(status.st_mode):
            total += status.st_size
            if not os.access(directory + path, os.R_OK):
                refused.append(path[1:])
        elif stat.S_ISDIR(status.st_mode) and not os.access(directory + path, os.R_OK | os.X_OK):
            refused.append(path[1:] + "/")
    return total, sorted(refused)
