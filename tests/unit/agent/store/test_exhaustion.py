"""Where no more files may be open, nothing is said of a run that is not known."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rundirs import A, make

from guild_sync.agent.copies import tracked
from guild_sync.agent.errors import Exhausted
from guild_sync.agent.store import identity, locks, rundir


@contextmanager
def nothing_can_be_opened() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "look",
    [
        rundir.status,
        rundir.confirmed,
        rundir.attr_names,
        lambda run: rundir.read_attr(run, "label"),
        lambda run: locks.held_by(rundir.guild_dir(run)),
        lambda run: identity.start_time(1),
        lambda run: tracked.tracked(str(Path(run).parents[1])),
    ],
)
def test_a_look_says_that_it_could_not_be_made(
    tmp_path: Path, look: Callable[[str], object]
) -> None:
    run = str(make(tmp_path, A, exit_status=0, label="x", marks={"LOCK": "1\n"}))
    look(run)
    with nothing_can_be_opened(), pytest.raises(Exhausted):
        look(run)
