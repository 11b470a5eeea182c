"""What a Python says of itself, and of requirements."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from small_wheels import write_wheel

from guild_sync.agent.environments import asked
from guild_sync.agent.errors import AgentError


def test_a_python_tells_which_one_it_is() -> None:
    base = asked.base_of(sys.executable, os.environ)
    assert (base.executable, base.prefix) == (sys.executable, sys.prefix)
    assert base.version == ".".join(map(str, sys.version_info[:3]))
    assert any(folder.startswith(sys.prefix) for folder in base.own)
    assert {*base.own} & {*base.folders}
    assert not any("lib-dynload" in folder for folder in base.folders)


@pytest.mark.parametrize("python", ["/bin/true", "/no/such/python"])
def test_what_is_no_python_is_said_to_be_none(python: str) -> None:
    with pytest.raises(AgentError, match=f"{python} is no Python that runs"):
        asked.base_of(python, os.environ)


def test_modules_of_the_folder_that_it_is_started_in_are_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    assert asked.base_of(sys.executable, os.environ).executable == sys.executable


def test_requirements_are_met_with_all_that_those_require(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, needs in (
        ("met-a", ["met-b[more]>=1", "gone; python_version < '3'", "gone; extra == 'x'"]),
        ("met-b", ["met-c; extra == 'more'"]),
        ("met-c", []),
    ):
        with zipfile.ZipFile(write_wheel(tmp_path, name, requires=needs)) as wheel:
            wheel.extractall(site)
    variables = {**os.environ, "PYTHONPATH": str(site)}

    def met(*texts: str, installed: bool = False) -> tuple[list[str], list[str]]:
        found = asked.met(sys.executable, variables, texts, installed)
        assert found.sure
        return found.missing, [name for name, _, place in found.found if os.path.isdir(place)]

    assert met("met-a") == ([], ["met-a", "met-b", "met-c"])
    assert met("MET_A==1.0") == ([], ["met-a", "met-b", "met-c"])
    assert met("met-a>1", "met-c") == (["met-a>1"], ["met-c"])
    assert met("met-a[x]")[0] == ["gone; extra == 'x'"]
    assert met("gone; python_version < '3'") == ([], [])
    # What is at an address now, the installer alone can tell.
    assert met("met-c @ file:///x.whl")[0] == ["met-c @ file:///x.whl"]
    assert met("met-c @ file:///x.whl", installed=True) == ([], ["met-c"])
    told = asked.packages(str(site))
    assert told == [["met-a", "1.0", ""], ["met-b", "1.0", ""], ["met-c", "1.0", ""]]


def test_without_packaging_nothing_is_sure(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    found = asked.met(str(tmp_path / "v/bin/python"), {}, ["anything>=1"])
    assert (found.sure, found.missing) == (False, ["anything>=1"])
