"""A run that is made from what is sent, in a place that any user may reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contents import open_folder
from rundirs import A, make

from guild_sync.agent.contents.inputs import SMALL
from guild_sync.agent.store.job import write_job


@pytest.fixture
def home() -> Iterator[Path]:
    """A guild home that any user may reach."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def data() -> bytes:
    """What copies of runs are made without."""
    return b"0123456789abcdef" * (SMALL // 16)


@pytest.fixture
def run(home: Path) -> Path:
    made = make(home, A, marks={"PENDING": ""})
    write_job(str(made), {"requires": [], "children": [{}]})
    return made
