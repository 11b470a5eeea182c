"""What a program of the system says: `ps` or `sysctl`, in English and in UTC."""

from __future__ import annotations

import os
from typing import Optional, Sequence

from ..errors import refuse_exhaustion

_FOLDERS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")  # cron's PATH has no sysctl
_SECONDS = 10.0


def said(argv: Sequence[str]) -> Optional[str]:
    """What a program prints, None where it is not there or fails. Raises Exhausted."""
    found = answer(argv)
    return None if found is None else found.decode("utf-8", "replace")


def answer(argv: Sequence[str]) -> Optional[bytes]:
    """As `said`, as bytes."""
    import subprocess  # Linux asks no program

    path = os.pathsep.join([*filter(None, [os.environ.get("PATH", "")]), *_FOLDERS])
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Names of months, points in numbers, times of day: the same whoever asks.
            env={"PATH": path, "LC_ALL": "C", "TZ": "UTC"},
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as e:
        refuse_exhaustion(e)
        return None
    return done.stdout if done.returncode == 0 else None
