"""What a program says that is asked: nothing where it is not there, or fails."""

from __future__ import annotations

import os
from typing import Mapping, Optional, Sequence

from ..errors import refuse_exhaustion

_FOLDERS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")  # cron's PATH has no sysctl
_SECONDS = 10.0


def said(
    argv: Sequence[str], seconds: float = _SECONDS, variables: Optional[Mapping[str, str]] = None
) -> Optional[str]:
    """What a program prints, None where it is not there, fails or takes longer. Raises Exhausted.

    It gets these variables, and is looked for on their PATH; without any it is one of the system,
    and speaks English and UTC.
    """
    found = answer(argv, seconds, variables)
    return None if found is None else found.decode("utf-8", "replace")


def answer(
    argv: Sequence[str], seconds: float = _SECONDS, variables: Optional[Mapping[str, str]] = None
) -> Optional[bytes]:
    """As `said`, as bytes."""
    import subprocess  # most agents ask no program

    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_of_the_system() if variables is None else dict(variables),
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as e:
        refuse_exhaustion(e)
        return None
    return done.stdout if done.returncode == 0 else None


def _of_the_system() -> Mapping[str, str]:
    path = os.pathsep.join([*filter(None, [os.environ.get("PATH", "")]), *_FOLDERS])
    # Names of months, points in numbers, times of day: the same whoever asks.
    return {"PATH": path, "LC_ALL": "C", "TZ": "UTC"}
