"""A run with source code, dependencies and what it generated."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundirs import A as ID
from rundirs import B as OTHER


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for run_id in (ID, OTHER):
        folder = tmp_path / "runs" / run_id
        (folder / ".guild" / "attrs").mkdir(parents=True)
        (folder / ".guild" / "opref").write_text("package:gpkg.demo 1.0 '' op")
    folder = tmp_path / "runs" / ID
    (folder / "src" / "deep").mkdir(parents=True)
    for name in ("op.py", "src/lib.py", "src/deep/x.py", "data.txt", "result.csv"):
        (folder / name).write_text(name)
    (folder / ".guild" / "manifest").write_text(
        "s op.py 0 op.py\ns src/lib.py 0 src/lib.py\nd data.txt 0 file:data.txt\n"
    )
    return folder
