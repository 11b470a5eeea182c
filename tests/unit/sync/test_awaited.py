"""What becomes of runs that are expected, whatever kills the guild that asks for them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from guild_sync.agent.copies import expected
from guild_sync.hooks.events import Change
from guild_sync.hosts.local import LocalHost
from guild_sync.sync import request
from guild_sync.sync.awaited import Awaited

A = "a" * 32


class Killed(BaseException):
    pass


class Listener:
    """Is killed when it is to be told of what has happened."""

    def expect(self, changes: Sequence[Change]) -> None:
        assert [change.after for change in changes] == ["lost"]

    def happened(self, expected: Sequence[Change], changes: Sequence[Change]) -> None:
        raise Killed

    def is_down(self, remote: str, reason: str, since: float) -> None: ...

    def is_up(self, remote: str, since: float) -> None: ...


def test_a_lost_run_is_expected_until_that_is_written_down_for_hooks(tmp_path: Path) -> None:
    here = LocalHost(str(tmp_path))
    expected.expect(here.home, A, "gpu")
    expected.note_begun(here.home, A)
    awaited = Awaited(here, "gpu", request.wanted(here, [], {}).of["gpu"])
    with pytest.raises(Killed):
        awaited.lose([A], Listener())
    assert [run["run"] for run in here.expected()] == [A]
    awaited.lose([A], None)
    assert here.expected() == []


@pytest.mark.parametrize(("ago", "is_forgotten"), [(3600, True), (30, False), (-3600, True)])
def test_a_start_that_never_happened_is_waited_for_a_minute_whatever_the_clock_does(
    tmp_path: Path, ago: int, is_forgotten: bool
) -> None:
    here = LocalHost(str(tmp_path))
    expected.expect(here.home, A, "gpu")
    path = tmp_path / "expected" / A
    record = {**json.loads(path.read_text()), "pid": 1, "time": int((time.time() - ago) * 1e6)}
    path.write_text(json.dumps(record))
    awaited = Awaited(here, "gpu", request.wanted(here, [], {}).of["gpu"])
    assert awaited.forget([], [], is_same_home=True) == ([A] if is_forgotten else [])
    assert (here.expected() == []) == is_forgotten
