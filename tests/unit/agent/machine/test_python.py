"""The Python of an environment: its version, held against what is asked for, and its packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from guild_sync.agent.errors import AgentError
from guild_sync.agent.machine import python

SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda n: ".".join(map(str, n)))


@given(sign=SIGNS, numbers=NUMBERS, version=NUMBERS)
def test_versions_are_compared_as_pip_does_it(sign: str, numbers: str, version: str) -> None:
    specifier = f"{sign}{numbers}"
    assert python.meets(version, specifier) is SpecifierSet(specifier).contains(version)


@given(sign=st.sampled_from(["==", "!="]), numbers=NUMBERS, version=NUMBERS)
def test_families_of_versions_are_those_of_pip(sign: str, numbers: str, version: str) -> None:
    specifier = f"{sign}{numbers}.*"
    filled = f"{version}.0.0"  # as a Python has it
    assert python.meets(filled, specifier) is SpecifierSet(specifier).contains(filled)


@pytest.mark.parametrize(
    ("version", "meets"), [("3.9.0", True), ("3.12.1", True), ("4.0.0", False), ("3.8.9", False)]
)
def test_compatible_versions(version: str, meets: bool) -> None:
    assert python.meets(version, "~=3.9") is meets


def test_another_version_is_told_in_one_line() -> None:
    python.check_version(sys.executable, os.environ, [">=3.8", "<4"])
    with pytest.raises(AgentError) as error:
        python.check_version(sys.executable, os.environ, [">=3.8", ">=3.99"])
    version = ".".join(map(str, sys.version_info[:3]))
    message = f"the operation needs Python >=3.8,>=3.99, and {sys.executable} is {version}"
    assert error.value.message == message


def test_what_is_no_python_meets_nothing(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="is none that runs"):
        python.check_version(str(tmp_path / "python"), os.environ, [">=3"])
    with pytest.raises(AgentError, match="does not tell which packages it has"):
        python.packages("/bin/false", os.environ)


def test_packages_are_told_as_pip_does_it(tmp_path: Path) -> None:
    for name, more in {
        "Zope.b": "",
        "alpha": "",
        "local": '{"url": "file:///x", "dir_info": {"editable": true}}',
        "vcs": '{"url": "https://h/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
        "file": '{"url": "https://h/file.whl", "archive_info": {}}',
    }.items():
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        if more:
            (folder / "direct_url.json").write_text(more)
    found = python.packages(sys.executable, {**os.environ, "PYTHONPATH": str(tmp_path)})
    ours = ("alpha", "file", "-e file", "vcs", "Zope.b")
    assert [line for line in found if line.startswith(ours)][:-1] and {
        "alpha==1.5",
        "file @ https://h/file.whl",
        "-e file:///x",
        "vcs @ git+https://h/x@abc",
        "Zope.b==1.5",
    } <= set(found)
    assert found.index("alpha==1.5") < found.index("-e file:///x") < found.index("Zope.b==1.5")
