"""A run on the login node of a site with a small Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest
from little_slurm import LittleSlurm


@pytest.fixture
def slurm(tmp_path: Path) -> LittleSlurm:
    return LittleSlurm(tmp_path)
