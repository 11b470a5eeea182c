"""What lives of a run's operation is its own, and no stranger's that has got its numbers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.machine import operation_process
from guild_sync.agent.store import identity, locks


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """The first process of a session."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as started:
        yield started
        started.kill()


def pids(**changes: Any) -> list[int]:
    who = identity.of(changes.pop("pid"))._replace(**changes)
    operation = operation_process.OperationProcess(who, 0)
    return [found.pid for found in operation_process.living(operation)]


def test_what_lives_of_an_operation_is_told(process: subprocess.Popen[bytes]) -> None:
    assert pids(pid=process.pid) == [process.pid]


@pytest.mark.parametrize("changes", [{"boot": "earlier"}, {"start": 1}, {"namespace": 1}], ids=str)
def test_a_session_that_has_got_its_number_is_a_strangers(
    process: subprocess.Popen[bytes], changes: dict[str, Any]
) -> None:
    assert pids(pid=process.pid, **changes) == []


def test_what_is_left_in_the_session_of_a_first_process_that_has_ended_is_its_own() -> None:
    command = ["sh", "-c", "sleep 60 & echo $!"]
    first = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    assert first.stdout is not None
    child = int(first.stdout.readline())
    who = identity.of(first.pid)
    first.wait()
    first.stdout.close()
    try:
        living = operation_process.living(operation_process.OperationProcess(who, 0))
        assert [found.pid for found in living] == [child]
    finally:
        os.kill(child, 9)


def test_a_runner_knows_nothing_of_the_operation_of_one_that_was_killed(tmp_path: Path) -> None:
    record = {**identity.of(os.getpid())._asdict(), "pipe": 1}
    (tmp_path / locks.OPERATION).write_text(json.dumps(record))
    assert operation_process.of_run(str(tmp_path)) is not None
    held = locks.hold(str(tmp_path))
    assert held is not None
    assert operation_process.of_run(str(tmp_path)) is None
    locks.release(str(tmp_path), held)
