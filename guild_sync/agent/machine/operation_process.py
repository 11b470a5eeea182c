"""A run's operation as the processes that it is: the first of them, and what lives of it."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Optional

from ..errors import Exhausted
from ..store import identity, inside
from ..store.atomic import write_in
from ..store.identity import Identity
from ..store.locks import MAX_RECORD, OPERATION
from . import processes


class OperationProcess(NamedTuple):
    """The first process of an operation, and the inode of the pipe for its output."""

    who: Identity
    pipe: int


def record(guild_dir: str, pid: int, pipe: int) -> None:
    """Write down which process the operation is, and the inode of the pipe for its output."""
    text = json.dumps(dict(identity.of(pid)._asdict(), pipe=pipe))
    try:
        write_in(guild_dir, OPERATION, text, flushed=False)
    except (OSError, Exhausted):  # on a full disk there is only less to tell
        pass


def of_run(guild_dir: str) -> Optional[OperationProcess]:
    """The operation of a run that runs; None where that is not known."""
    found = inside.read_mapping(guild_dir, OPERATION, MAX_RECORD)
    who, pipe = identity.recorded(found), found.get("pipe")
    return OperationProcess(who, pipe) if who and isinstance(pipe, int) else None


def living(operation: OperationProcess) -> List[Identity]:
    """What lives of it, below its runner or not: what is in its session or holds its output.

    Nothing where these numbers mean others by now: after a boot, in another container, or where
    its first process has ended and another has got its number.
    """
    if not identity.is_still_meant(operation.who):
        return []
    found = processes.of_session(operation.who.pid)
    return [*found, *(who for who in processes.writers(operation.pipe) if who not in found)]
