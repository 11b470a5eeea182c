"""A project, in git and not."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import fill, git


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A project that is not in git."""
    return fill(tmp_path / "project", "guild.yml", "train.py", "lib/util.py")


@pytest.fixture
def tracked(plain: Path) -> Path:
    """The same project, committed."""
    git(plain, "init", "-q")
    git(plain, "add", ".")
    git(plain, "commit", "-qm", "first")
    return plain
