"""What guild has left for itself: old logs, and agents that nobody uses."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from guild_sync.agent.machine import upkeep

OLD = time.time() - 30 * 86400


def written(path: Path, at: float = OLD) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ten bytes.")
    os.utime(path, (at, at))
    return str(path)


def test_logs_and_unused_agents_are_told_and_removed(home: Path) -> None:
    logs = [written(home / "log" / name) for name in ("sync.log", "sync.log.1")]
    logs.insert(0, written(home / "error.log"))
    new = written(home / "log/sync.log.2", at=time.time())
    unused = os.path.dirname(written(home / "agent/aaaa/__main__.py"))
    used = written(home / "agent/bbbb/__main__.py", at=time.time())
    held = written(home / "agent/cccc/__main__.py")
    own = [written(home / name) for name in ("config.yml", "log/mine.log", "errors.log")]
    (home / "log/sync.log.3").symlink_to(home / "config.yml")
    week = time.time() - 7 * 86400
    with open(held, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        told = upkeep.leavings(str(home), before=week)
        assert told == [{"path": path, "bytes": 10} for path in [*logs, unused]]
        assert all(map(os.path.exists, [*logs, unused])), "nothing is removed by looking"
        assert upkeep.leavings(str(home), week, remove=True) == told
    assert not any(map(os.path.exists, [*logs, unused]))
    assert all(map(os.path.exists, [new, used, held, *own]))
    os.utime(held)
    assert upkeep.leavings(str(home), remove=True) == [{"path": new, "bytes": 10}]
    assert upkeep.leavings(str(home)) == []
    assert upkeep.leavings(str(home / "nowhere")) == []
