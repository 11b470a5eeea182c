"""The journal of changes: events of a run and its attempts, once each, whatever a kill leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from rundirs import A, make, state

from guild_sync.config.home import config_path
from guild_sync.errors import Exit
from guild_sync.hooks import delivery
from guild_sync.hooks.configured import listeners
from guild_sync.hooks.events import Change
from guild_sync.hooks.journal import Journal
from guild_sync.hosts.local import LocalHost
from guild_sync.transfer import pull


@pytest.fixture
def here(tmp_path: Path) -> LocalHost:
    """A guild home in which a copy has had one retry and no stall when it was settled."""
    marks = {"LOCK.remote": "gpu1\n", "LOCK.attempts": "[1, 0]"}
    make(tmp_path / "here", marks=marks, started=1)
    keys = {
        "on": ["retried", "stalled"],
        "command": f"cat >> {tmp_path}/told; echo >> {tmp_path}/told",
    }
    config_path().write_text(yaml.safe_dump({"hooks": [keys]}))
    return LocalHost(str(tmp_path / "here"))


def told(here: LocalHost) -> list[str]:
    assert delivery.deliver(here, lambda error: None) == Exit.OK
    path = Path(here.home).parent / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["event"] for line in lines]


def change(**counts: int) -> Change:
    return Change(A, "gpu1", "running", "running", counts)


def test_what_a_kill_left_is_told_where_it_was_settled_and_else_by_the_next_sync(
    here: LocalHost,
) -> None:
    Journal(here).expect([change(retried=1, stalled=1)])  # and killed
    assert told(here) == ["retried"]
    assert told(here) == ["retried"]


def test_what_could_not_be_settled_is_not_told(here: LocalHost) -> None:
    journal = Journal(here)
    journal.expect([change(retried=1)])
    journal.happened([change(retried=1)], [])
    assert told(here) == []


def test_they_come_in_their_order_and_before_the_end(here: LocalHost) -> None:
    journal = Journal(here)
    ended = Change(A, "gpu1", "running", "terminated", {"stalled": 1, "retried": 2})
    journal.expect([ended])
    names = sorted(path.name for path in Path(here.home, "hooks").glob("*.expected"))
    assert names == [f"retried-{A}.expected", f"stalled-{A}.expected"]
    journal.happened([ended], [ended])
    assert sorted(told(here)) == ["retried", "stalled"]


def test_a_run_that_comes_for_the_first_time_brings_its_past_along(here: LocalHost) -> None:
    past = Change(A, "gpu1", None, "running", {"retried": 3})
    Journal(here).expect([past])
    assert told(here) == []


def test_only_what_has_grown_has_happened() -> None:
    there = state("running", retries=2, stalls=1)
    assert pull._attempts_since((0, 0), there) == {"stalled": 1, "retried": 2}
    assert pull._attempts_since((1, 1), there) == {"retried": 2}
    assert pull._attempts_since((2, 1), there) == {}
    assert pull._attempts_since((9, 9), there) == {}


def test_who_does_not_say_of_what_is_told_of_ends_alone(here: LocalHost) -> None:
    config_path().write_text(yaml.safe_dump({"notify": ["ntfy://x"]}))
    ((notification,), _) = listeners()
    assert not {"retried", "stalled", "started"} & {*notification.on}
