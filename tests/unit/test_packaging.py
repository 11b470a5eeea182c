"""What is installed: all that is in the package and no more, and whatever it needs."""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import earlier
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
NEEDED = ("bin", "guild_sync", "man", "LICENSE", "README.md", "pyproject.toml")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
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


def _distributions(lines: str) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines.splitlines() if line}


def _required(setup: str, *extras: str) -> set[str]:
    """The distributions that a setup.cfg names, for its package and for these extras."""
    parser = configparser.ConfigParser()
    parser.read_string(setup)
    found = _distributions(parser["options"]["install_requires"])
    return found.union(
        *(_distributions(parser["options.extras_require"][extra]) for extra in extras)
    )


def _imported(folder: Path) -> Iterator[tuple[str, str]]:
    """The modules from elsewhere that are imported below a folder, each with who does that."""
    ours = {path.stem for path in TOP.rglob("*.py")} | {"guild_sync", "bench", "fuzz", "tests"}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name not in ours and name not in sys.stdlib_module_names:
                    yield name, str(path.relative_to(TOP))


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("guild_sync", ("notify", "report", "tensorboard")), ("tests", ("dev",)), ("bench", ("dev",))],
)
def test_what_is_imported_is_required(folder: str, extras: tuple[str, ...]) -> None:
    """Also where some machine happens to have it for another reason."""
    required = _required((TOP / "setup.cfg").read_text(), *extras)
    found = packages_distributions()
    missing = {
        (name, path)
        for name, path in _imported(TOP / folder)
        if not required & {canonicalize_name(known) for known in found.get(name, [name])}
    }
    assert not missing


def test_what_the_earlier_version_requires_is_required_by_the_tests() -> None:
    words = ("git", "-C", str(TOP), "show", f"{earlier.COMMIT}:setup.cfg")
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"git's history does not have the earlier version: {done.stderr}")
    assert _required(done.stdout) <= _required((TOP / "setup.cfg").read_text(), "dev")
