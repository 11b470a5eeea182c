"""What is installed: a wheel of guild has all that is in its package, and no more."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
NEEDED = ("bin", "guild_sync", "man", "systemd", "LICENSE", "README.md", "pyproject.toml")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    for name in (*NEEDED, "setup.cfg"):
        copy = shutil.copytree if (TOP / name).is_dir() else shutil.copy
        copy(TOP / name, tmp_path / name)
    argv = (sys.executable, "-c", BUILD, str(tmp_path))
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("guild_sync/")}
    files = {path for path in (TOP / "guild_sync").rglob("*") if path.is_file()}
    assert packed == {
        path.relative_to(TOP).as_posix() for path in files if path.suffix not in (".pyc", ".pyo")
    }
    assert "guild_sync/hosts/bootstrap.sh" in packed
