"""Runs that were started from here on a remote, and that are to come home by themselves.

Each is a file below the guild home, named by the run's id: written before the run is started
there, and removed once the run is here, or the remote has said that there is none.
"""

from __future__ import annotations

import json
import os
from typing import List, Optional, Sequence

from ..errors import refuse_exhaustion
from ..protocol import RUN_ID, Expected, now
from ..store import atomic, identity, inside

FOLDER = "expected"
_MOST_BYTES = 1 << 16


def expect(home: str, run_id: str, remote: str) -> None:
    """Expect a run from `remote`, which this process is about to start there."""
    os.makedirs(home, exist_ok=True)
    inside.make(home, FOLDER)
    _write(home, run_id, remote, now(), begun=False)


def note_begun(home: str, run_id: str) -> None:
    """Keep of an expected run that it is there: should it be gone, it was removed there."""
    found = _read(home, run_id)
    if found is not None:
        _write(home, run_id, found["remote"], found["time"], begun=True)


def forget(home: str, ids: Sequence[str]) -> None:
    """Expect these runs no more."""
    for run_id in filter(RUN_ID.match, ids):
        inside.remove(home, os.path.join(FOLDER, run_id))
    if ids and os.path.isdir(os.path.join(home, FOLDER)):
        atomic.remove_unfinished(home, FOLDER, identity.is_gone)


def expected(home: str) -> List[Expected]:
    """The runs that are expected, in the order in which they were started."""
    try:
        names = os.listdir(os.path.join(home, FOLDER))
    except OSError as e:
        refuse_exhaustion(e)
        return []
    found = [_read(home, name) for name in names if RUN_ID.match(name)]
    return sorted((e for e in found if e is not None), key=lambda e: (e["time"], e["run"]))


def _write(home: str, run_id: str, remote: str, at: int, begun: bool) -> None:
    who = identity.of(os.getpid())._asdict()
    record = json.dumps({"remote": remote, "time": at, "begun": begun, **who})
    # Flushed, what replaces it too: of a file that is not, a power cut may leave an empty one.
    atomic.write_in(home, os.path.join(FOLDER, run_id), record)


def _read(home: str, run_id: str) -> Optional[Expected]:
    """What is kept of one run; None where that is nothing that guild wrote."""
    record = inside.read_mapping(home, os.path.join(FOLDER, run_id), _MOST_BYTES)
    remote, at = record.get("remote"), record.get("time")
    if not isinstance(remote, str) or not isinstance(at, int):
        return None
    who = identity.recorded(record)
    return {
        "run": run_id,
        "remote": remote,
        "time": at,
        "begun": record.get("begun") is True,
        "starting": who is not None and identity.may_live(who),
    }
