"""A host with four cards, on which nobody has anything yet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.agent.capacity import turns
from guild_sync.agent.store import locks

# As nvidia-smi answers that is asked for the fields of agent/capacity/nvidia.py: four cards, on
# which nobody works but whom the file `working` beside it names, `GPU-1, 4711` a line. The file
# `asked` gets a character each time.
SMI = """#!/bin/sh
case "$*" in
*query-gpu*)
    printf x >>"$(dirname "$0")/asked"
    for i in 0 1 2 3; do echo "$i, GPU-$i, Fake, 80000, 10, 0"; done ;;
*query-compute-apps*) cat "$(dirname "$0")/working" 2>/dev/null || true ;;
esac
"""


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /tmp, which all tests share."""
    top = tmp_path / "tmp"
    top.mkdir()
    monkeypatch.setattr(turns, "TOP", str(top))
    return top


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The variables of a program that finds an nvidia-smi with four cards."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nvidia-smi").write_text(SMI)
    (folder / "nvidia-smi").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


@pytest.fixture(params=["flock", "no flock"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One with flock, and in a second test one without, as this process sees it."""
    if request.param == "no flock":
        monkeypatch.setattr(locks, "_flock", lambda fd, how: None)
    return str(request.param)
