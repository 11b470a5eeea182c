"""What `sysctl` tells of the boot of a machine: on macOS and FreeBSD.

kern.boottime is no boot's own: both systems reckon it anew where the clock is set. So the boot is
kern.bootsessionuuid (macOS), or kern.boot_id (FreeBSD 13: sys/kern/kern_mib.c), where there is one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Optional

from .asking import answer, said
from .telling import Untold

_BOOTTIME = re.compile(r"\bsec\s*=\s*(\d+)")  # { sec = 1700000000, usec = 123456 } Tue Nov 14 ...
_UUID = re.compile(r"[0-9A-Fa-f-]{32,36}\Z")
_ID_BYTES = 16


@lru_cache(maxsize=None)
def boot() -> Optional[str]:
    """What is another with each boot; None where it is not told."""
    found = _session() or _boot_id()
    if found is None:
        seconds = boot_time()
        found = None if seconds is None else "boottime %d" % seconds
    return found


@lru_cache(maxsize=None)
def _session() -> Optional[str]:
    text = (said(("sysctl", "-n", "kern.bootsessionuuid")) or "").strip()
    return text.lower() if _UUID.match(text) else None


@lru_cache(maxsize=None)
def _boot_id() -> Optional[str]:
    if _session() is not None:
        return None
    raw = answer(("sysctl", "-b", "kern.boot_id")) or b""
    return raw.hex() if len(raw) == _ID_BYTES else None


def boot_time() -> Optional[int]:
    """When it booted, as the clock is set now, in seconds since 1970; None where it is not told."""
    found = _BOOTTIME.search(said(("sysctl", "-n", "kern.boottime")) or "")
    return int(found[1]) if found else None


def is_freebsd() -> bool:
    """Whether it tells what FreeBSD alone does."""
    return _boot_id() is not None


def counts_from_boot() -> bool:
    """Whether the kernel keeps the start of a process as a time since the boot.

    FreeBSD does, and adds the boot's time when it is asked (kern_proc.c, fill_kinfo_proc); macOS
    keeps what the clock said at the start.
    """
    return is_freebsd()


def reckoned_from() -> int:
    """What to take from a start as ps tells it, so that it stays the same if the clock is set.

    Raises Untold.
    """
    if not counts_from_boot():
        return 0
    seconds = boot_time()
    if seconds is None:
        raise Untold("sysctl does not tell of kern.boottime")
    return seconds
