"""What remotes tell at a glance, as tests of the board have it."""

from __future__ import annotations

import copy
from typing import Any

from guild_sync.agent.protocol import Glance, GlancedRun

A, B, C = "a" * 32, "b" * 32, "c" * 32
NOW = 1_700_000_000.0  # seconds, by the clock here
MICROSECONDS = 1_000_000
FREE: dict[str, Any] = {
    "cards": [
        {
            "index": "0", "uuid": "GPU-0", "name": "A100", "memory": 81920, "used": 1, "use": 0,
            "free": is_free, "run": None,
        }
        for is_free in (True, False)
    ],
    "problem": "", "cores": 64, "free_cores": 12, "load": 51.3, "memory": 1 << 39,
    "free_memory": 1 << 38, "room": 1 << 40, "runs": 1, "waiting": 0, "refusal": "",
    "never": False, "all_taken": False,
}  # fmt: skip
_NOTHING = (
    *("remote", "machine", "exit_status", "initialized", "stopped", "label", "flags", "tags"),
    *("marked", "comments", "cmd", "started_by", "ended_by", "waits", "deal", "job"),
)


def glanced(run_id: str = A, **known: Any) -> GlancedRun:
    """A run of `train` that has been running for an hour, with what else is known of it."""
    found: dict[str, Any] = {
        "id": run_id,
        "run_dir": f"/there/runs/{run_id}",
        "opref": {"type": "guildfile", "package": "", "version": "", "model": "", "name": "train"},
        "status": "running",
        "indexed": True,
        "started": int((NOW - 3600) * MICROSECONDS),
        "said": "",
        "said_at": 0,
        "scalars": {},
        "step": None,
        "unreadable": [],
        "attempt": 1,
        **dict.fromkeys(_NOTHING),
    }
    return {**found, **known}  # type: ignore[typeddict-item]


def scalar(last: float | str, step: int = 1) -> dict[str, Any]:
    """A scalar whose last number is this."""
    return {
        "last": last, "first": last, "min": None, "max": None, "mean": None, "count": 1,
        "step": step, "time": 1, "min_step": 0, "max_step": 0,
    }  # fmt: skip


def glance(*runs: GlancedRun, failed: int = 0, at: float = NOW, free: Any = FREE) -> Glance:
    """The answer of a remote that has these runs; `at`: its own time."""
    counts: dict[str, int] = {}
    for run in runs:
        if run["status"] in ("running", "pending", "staged"):
            counts[run["status"]] = counts.get(run["status"], 0) + 1
    return {
        "runs": list(runs),
        "open": counts,
        "ended": len(runs) - sum(counts.values()),
        "failed": failed,
        "now": int(at * MICROSECONDS),
        "free": copy.deepcopy(free),
    }
