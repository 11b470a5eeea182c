"""A run that nobody runs, held: nobody can start it, wherever it is moved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.store import identity, locks
from guild_sync.agent.store.rest import AtRest


def refusal(where: str) -> AgentError:
    return AgentError("it runs" + where, "Stop it.", "refused")


HOLD = """
import sys
from guild_sync.agent.store import locks
locks.hold(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run/.guild").mkdir(parents=True)
    return tmp_path / "run"


@pytest.fixture
def held(run: Path) -> Iterator[None]:
    """Another process holds the run."""
    argv = (sys.executable, "-c", HOLD, str(run / ".guild"))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def test_a_run_at_rest_is_held_and_then_free_again(run: Path) -> None:
    with AtRest(str(run), refusal):
        assert locks.holder(str(run / ".guild")) == os.getpid()
    assert os.listdir(run / ".guild") == []


def test_a_run_that_somebody_runs_is_refused_and_left_alone(run: Path, held: None) -> None:
    before = sorted(os.listdir(run / ".guild"))
    with pytest.raises(AgentError) as refused, AtRest(str(run), refusal):
        raise AssertionError("it was held")
    assert refused.value.message == "it runs"
    assert sorted(os.listdir(run / ".guild")) == before


def test_a_run_of_guild_ai_that_lives_is_refused(run: Path) -> None:
    (run / ".guild/LOCK").write_text(str(os.getpid()))  # it holds no flock
    with pytest.raises(AgentError), AtRest(str(run), refusal):
        raise AssertionError("it was held")


def test_a_run_that_another_machine_runs_is_refused_by_its_name_and_held_by_force(
    run: Path,
) -> None:
    record = {**identity.of(os.getpid())._asdict(), "host": "login1", "boot": "another"}
    (run / ".guild/LOCK").write_text(str(os.getpid()))
    (run / ".guild/LOCK.owner").write_text(json.dumps({**record, "flock": True}))
    with pytest.raises(AgentError) as refused, AtRest(str(run), refusal):
        raise AssertionError("it was held")
    assert refused.value.message == "it runs on login1"
    with AtRest(str(run), refusal, force=True):
        assert locks.holder(str(run / ".guild")) == os.getpid()


def test_a_run_that_is_moved_meanwhile_stays_held_and_nothing_of_it_is_left(
    run: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    with AtRest(str(run), refusal) as rest:
        rest.move(str(moved))
        assert locks.holder(str(moved / ".guild")) == os.getpid()
    assert (os.listdir(moved / ".guild"), run.exists()) == ([], False)


def test_a_run_that_cannot_be_written_is_held_where_that_is_enough(run: Path) -> None:
    (run / ".guild").rmdir()
    (run / ".guild").write_text("")  # for root too
    with AtRest(str(run), refusal, or_unwritable=True):
        pass
    with pytest.raises(OSError, match="Not a directory"), AtRest(str(run), refusal):
        raise AssertionError("it was held")
