"""What a host has that makes copies fast: instructions for AES, and zstd in its rsync."""

from __future__ import annotations

import os
import re
import sys

from ..facts.asking import said
from ..protocol import Abilities

# For an rsync to tell what it has, where somebody waits for an answer to something else.
_SECONDS = 0.5
_CPUS = "/proc/cpuinfo"
_FIRST_CPU = 8192  # bytes: all are alike, and there may be hundreds


def abilities(rsync: str) -> Abilities:
    """What of it is here; `rsync` is the program that copies use."""
    return {"aes": has_aes(), "zstd": has_zstd(rsync, _SECONDS)}


def has_aes() -> bool:
    """Whether the processor has instructions for AES, as far as its kernel tells."""
    if sys.platform == "darwin":
        return True  # each that it runs on
    try:
        handle = os.open(_CPUS, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        told = os.read(handle, _FIRST_CPU)
    except OSError:
        return False
    finally:
        os.close(handle)
    return tells_of_aes(told)


def tells_of_aes(told: bytes) -> bool:
    """Whether the kernel's account of a processor has AES among what that can do."""
    return bool(re.search(rb"(?m)^(?:flags|Features)\s*:(?:.*\s)?aes(?:\s|\Z)", told))


def has_zstd(rsync: str, seconds: float) -> bool:
    """Whether an rsync compresses by zstd, and finds out by itself whether another one does.

    False, too, where it does not say so in so many seconds.
    """
    told = said([os.path.expanduser(rsync), "--version"], seconds, os.environ) or ""
    return tells_of_zstd(told.encode())


def tells_of_zstd(told: bytes) -> bool:
    """Whether what `rsync --version` says has zstd, and that it finds out what another has."""
    # It stands in a list of what it can agree on with another rsync, from 3.2 on.
    return bool(re.search(rb"(?m)^Compress list:\s*\n\s+(?:.*\s)?zstd(?:\s|\Z)", told))
