"""Which of them tells of the processes of this machine, and what it says.

It is chosen by what is there, once for each process: `/proc` where that can be read, else `ps`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

from . import by_proc
from .telling import ProcessTeller


@lru_cache(maxsize=None)
def teller() -> ProcessTeller:
    """Who tells of processes here."""
    if by_proc.is_there():
        return by_proc.ByProc()
    from . import by_ps  # it starts programs: Linux has no use for it

    return by_ps.ByPs()


# None of these changes while a process lives.


@lru_cache(maxsize=None)
def boot() -> Optional[str]:
    """What is another with each boot of this machine; None where that is not known."""
    return teller().boot()


@lru_cache(maxsize=None)
def namespace() -> Optional[int]:
    """Where the numbers of processes count; None where that is the machine, or is not known."""
    return teller().namespace()


@lru_cache(maxsize=None)
def network() -> Optional[int]:
    """Where addresses of loopback count; None where that is not known."""
    return teller().network()
