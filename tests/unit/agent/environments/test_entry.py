"""A Python in an environment: what it sees, in which order, and who else does."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from guild_sync.agent.environments import asked, entry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment whose packages have a module, one named as the library's, and a .pth file."""
    site = tmp_path / "e" / "lib" / "site-packages"
    (site / "below").mkdir(parents=True)
    (site / "mine.py").write_text("")
    (site / "yaml.py").write_text("")  # the base has one, too
    (site / "json.py").write_text("raise SystemExit('no json')")
    (site / "below" / "deeper.py").write_text("")
    (site / "x.pth").write_text("below\nimport sys; sys.by_pth = 1\n")
    entry.make(str(tmp_path / "e"), asked.base_of(sys.executable, os.environ), "lib/site-packages")
    return tmp_path / "e"


def said(folder: Path, program: str, *path: Path) -> str:
    start = entry.enter({}, str(folder))
    pythonpath = os.pathsep.join([start, *map(str, path)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": pythonpath},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_its_modules_come_before_those_of_the_base_and_after_the_library(folder: Path) -> None:
    program = (
        "import sys, json, mine, deeper, yaml\n"
        "print(yaml.__file__, sys.by_pth, sys.prefix, [p for p in sys.path if 'start' in p])"
    )
    site = folder / "lib" / "site-packages"
    assert said(folder, program) == f"{site}/yaml.py 1 {sys.prefix} []\n"


def test_what_there_is_of_that_name_goes_on(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import mine; print('own')\n")
    program = "import sitecustomize; print(sitecustomize.__file__)"
    assert said(folder, program, tmp_path / "own") == f"own\n{tmp_path}/own/sitecustomize.py\n"
    # With none beside it, as Debian's Python has one, it is there itself: Python asks for it.
    of_base = find_spec("sitecustomize")
    assert str(of_base.origin if of_base else "start/sitecustomize.py") in said(folder, program)


def test_a_python_of_another_kind_does_not_see_it(folder: Path) -> None:
    path = folder / "start" / "sitecustomize.py"
    path.write_text(path.read_text().replace(sys.implementation.cache_tag or "", "cpython-27"))
    assert "No module named 'mine'" in said(folder, "import mine")


def test_a_pip_that_changes_packages_does_not_see_them(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tools" / "pip").mkdir(parents=True)
    finds = "from importlib.util import find_spec; print(find_spec('mine') is not None)"
    (tmp_path / "tools" / "pip" / "__init__.py").touch()
    (tmp_path / "tools" / "pip" / "__main__.py").write_text(finds)
    start = entry.enter({}, str(folder))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([start, str(tmp_path / "tools")])}
    for words, sees in (
        ("install mine", "False"),
        ("uninstall -y mine", "False"),
        ("list", "True"),
    ):
        argv = [sys.executable, "-m", "pip", *words.split()]
        assert subprocess.run(argv, env=env, capture_output=True, text=True).stdout == sees + "\n"


def test_programs_are_on_the_path_where_there_are_any(folder: Path) -> None:
    variables = {"PATH": "/usr/bin"}
    entry.enter(variables, str(folder))
    assert variables == {"PATH": "/usr/bin"}
    (folder / "bin").mkdir()
    entry.enter(variables, str(folder))
    assert variables == {"PATH": f"{folder}/bin:/usr/bin"}
