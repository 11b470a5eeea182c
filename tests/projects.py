"""Projects, operations and values that tests of several packages are made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from support import project

from guild_sync.agent.protocol import Job, Value
from guild_sync.config.faults import refuse
from guild_sync.errors import ConfigError
from guild_sync.guildfile import reader
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.command import command_of
from guild_sync.jobs.job import plain_values
from guild_sync.programs.literals import Constant
from guild_sync.project import flags
from guild_sync.project.definitions import Operation, Project
from guild_sync.project.flags import Flag

HOSTILE = [
    "a b",
    " leading and trailing ",
    "it's",
    'say "hi"',
    "a\nb\n",
    "\t",
    "$(touch x)",
    "`touch x`",
    "${other}",
    "a;b|c&d>e",
    "*",
    "~",
    "%s\\n\\0101",
    "--help",
    "-1x",
    "=",
    "a=b=c",
    "é 日本 \U0001f600",
    "x" * 100_000,
]

# Values that Python source can spell out.
_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text()
_KEYS = st.integers() | st.sampled_from(["a", "b", "c"]) | st.tuples(st.integers())
CONSTANTS: st.SearchStrategy[Constant] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)


class Cluster(LocalHost):
    """This machine, as one whose runs are jobs, which ask for `job` where nothing else is said."""

    def __init__(self, home: str, **job: Value) -> None:
        super().__init__(home)
        self.scheduler = {"type": "slurm", "path": "", "clusters": "", "options": job}


def load(folder: Path, text: str, **modules: str) -> Project:
    return reader.load(project(folder, text, **modules))


def only(folder: Path, guildfile: str, **modules: str) -> Operation:
    (operation,) = load(folder, guildfile, **modules).operations
    return operation


def message(folder: Path, guildfile: str) -> str:
    """What is said of a file with faults: of it as a whole, or of all its operations."""
    with pytest.raises(ConfigError) as error:
        found = load(folder, guildfile)
        said = [*found.faults, *(fault for o in found.operations for fault in o.faults)]
        refuse(found.guildfile, list(dict.fromkeys(said)))
    return f"{error.value.message}\n{error.value.hint}"


def job(operation: Operation, *assignments: str) -> Job:
    return command_of(operation, plain_values(flags.flag_values(operation, assignments)))


def op(**flags: Any) -> Operation:
    """An operation with these flags and their defaults."""
    return Operation("op", main="train", flags={name: Flag(name, d) for name, d in flags.items()})
