"""A guild home, and processes that hold a run or are no more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def dead() -> str:
    """The pid of a process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return f"{child.pid}\n"


@pytest.fixture
def flocked() -> Iterator[Any]:
    """Has another process hold a flock on a run's LOCK."""
    children = []

    def hold(run: Path) -> None:
        program = (
            "import fcntl, os, sys\n"
            "f = open(sys.argv[1], 'a')\n"
            "fcntl.flock(f, fcntl.LOCK_EX)\n"
            "f.write('%d\\n' % os.getpid()); f.flush()\n"
            "print('held', flush=True); sys.stdin.read()\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(run / ".guild" / "LOCK")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        children.append(child)

    yield hold
    for child in children:
        child.communicate()
