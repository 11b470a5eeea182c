"""A run's job as it is read: of a copy it is a remote's word, out of an archive its maker's."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import get_type_hints

import pytest
from rundirs import A, make

from guild_sync.agent import shell
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Job
from guild_sync.agent.running import runner
from guild_sync.agent.staging import restage
from guild_sync.agent.store import locks, rundir
from guild_sync.agent.store.job import JOB, read_job

NONSENSE: list[tuple[str, object]] = [
    *((key, value) for key in get_type_hints(Job) for value in (object, "\x1b[1m\n", -1.5)),
    ("env", {"A": None}),
    ("argv", [5]),
    ("requires", [{}, 5]),
    ("retry", {"count": "x", "delay": 0, "pattern": ""}),
    ("retry", {"count": 1, "delay": float("inf"), "pattern": ""}),
    ("time_limit", float("nan")),
    ("children", [{"job": {"env": 5}}]),
]


def run_with(home: Path, job: object) -> Path:
    run = make(home, marks={"STAGED": ""}, id=A)
    text = json.dumps(job, default=lambda _: [{}])
    (run / ".guild" / JOB).write_text(text)
    return run


@pytest.mark.parametrize(("key", "value"), NONSENSE)
def test_a_job_that_makes_no_sense_is_one_line_and_starts_nothing(
    home: Path, key: str, value: object
) -> None:
    run = run_with(home, {"op": "op", "argv": ["true"], key: value})
    try:
        read_job(str(run))
    except AgentError as e:
        assert "\n" not in e.message and "\x1b" not in e.message
        for read in (
            lambda: runner.run(str(run)),
            lambda: shell.enter(str(home), A, ["true"]),
            lambda: restage.recipe(str(home), A),
        ):
            with pytest.raises(AgentError, match="the run's job is not one: "):
                read()
        assert rundir.status(str(run)).text == "staged"
        assert locks.holder(str(run / ".guild")) is None
    else:  # it is of the form, at least
        with suppress(AgentError):
            runner.run(str(run))


def test_a_job_of_a_later_version_is_what_this_one_knows_of_it(home: Path) -> None:
    run = run_with(home, {"argv": ["true"], "not-yet": {"x": 1}})
    assert read_job(str(run)) == {"argv": ["true"]}
    assert runner.run(str(run)) == 0


@pytest.mark.parametrize("job", [{}, {"op": "op", "argv": []}])
def test_a_job_without_a_command_starts_nothing(home: Path, job: object) -> None:
    run = run_with(home, job)
    with pytest.raises(AgentError, match="the run's job has no command"):
        runner.run(str(run))
    assert rundir.status(str(run)).text == "staged"


@pytest.mark.parametrize("job", [{"argv": ["a\0b"]}, {"argv": ["true"], "env": {"A": "\0"}}])
def test_a_nul_in_a_command_is_said_in_the_output(home: Path, job: object) -> None:
    run = run_with(home, job)
    assert runner.run(str(run)) == 127
    assert "has a NUL in it" in (run / ".guild" / "output").read_text()
