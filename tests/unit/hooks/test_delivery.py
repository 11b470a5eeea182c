"""Events that come while others are told are told too, whoever began to tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from rundirs import A, B

from guild_sync.config.home import config_path
from guild_sync.errors import Exit, GuildError
from guild_sync.hooks.delivery import deliver
from guild_sync.hooks.events import Change
from guild_sync.hooks.journal import Journal
from guild_sync.hosts.local import LocalHost


def happened(here: LocalHost, run_id: str) -> None:
    journal, changes = Journal(here), [Change(run_id, "gpu", "running", "lost")]
    journal.expect(changes)
    journal.happened(changes, changes)


@pytest.fixture
def here(tmp_path: Path) -> LocalHost:
    config = {"hooks": [{"on": ["lost"], "command": "true"}, {"on": "a fault"}]}
    config_path().write_text(yaml.safe_dump(config))
    return LocalHost(str(tmp_path / "here"))


def test_an_event_that_comes_last_is_told_by_who_holds_the_lock(here: LocalHost) -> None:
    """Another guild that has it queued now goes by: it takes it that this one tells of it."""
    happened(here, A)
    warned: list[str] = []

    def warn(error: GuildError) -> None:
        warned.append(error.message)
        happened(here, B)
        assert deliver(here, warn) == Exit.OK

    assert deliver(here, warn) == Exit.ERROR, "the config file has a fault"
    assert len(warned) == 1
    for run_id in (A, B):
        (path,) = Path(here.home, "hooks").glob(f"lost-{run_id}.json")
        assert len(json.loads(path.read_text())["done"]) == 1
