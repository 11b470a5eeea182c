"""Which runs a queue waits for that is to wait for others; what it starts: tests/integration."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from rundirs import A, make

from guild_sync.agent.running import queues
from guild_sync.agent.store import identity

OP, QUEUE = "guildfile:g.yml 1 '' op", "builtin:guild-sync 1 '' queue"


def running(home: Path, opref: str, **changes: Any) -> None:
    """A run whose runner is this very process, but for these changes of the record."""
    record = {**identity.of(os.getpid())._asdict(), "flock": True, **changes}
    marks = {"LOCK": f"{record['pid']}\n", "LOCK.owner": json.dumps(record)}
    run = make(home, marks=marks)
    (run / ".guild/LOCK").chmod(0o600)
    (run / ".guild/opref").write_text(opref)


def test_a_run_on_this_machine_is_waited_for(home: Path, flocked: Any) -> None:
    run = make(home)
    (run / ".guild/opref").write_text(OP)
    flocked(run)
    assert queues.running_runs(str(home)) == [A]
    for opref in (QUEUE, "builtin:guildai 0.9.0 '' queue"):
        (run / ".guild/opref").write_text(opref)
        assert queues.running_runs(str(home)) == []


@pytest.mark.parametrize("mark", ["PENDING", "STAGED", "LOCK.remote"])
def test_what_waits_or_runs_on_a_remote_is_not(home: Path, flocked: Any, mark: str) -> None:
    run = make(home, marks={mark: "gpu"})
    flocked(run)
    assert queues.running_runs(str(home)) == []


def test_what_another_machine_runs_on_this_disk_is_not(home: Path) -> None:
    running(home, OP, host="login1", boot="another")
    assert queues.running_runs(str(home)) == []
