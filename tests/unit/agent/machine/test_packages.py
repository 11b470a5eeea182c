"""Packages of an environment: found as Python finds them, with what they offer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from trees import fill

from guild_sync.agent.errors import AgentError
from guild_sync.agent.machine.packages import installed_packages, package_files


def distribution(
    site: Path, name: str, version: str = "1.0", entry_points: str = "", guildfile: bool = True
) -> Path:
    """An installed distribution with a guild.yml, or with none; the folder of that."""
    folder = site / "of" / name
    files = {f"of/{name}/deep/guild.yml": "", f"of/{name}/train.py": ""}
    files |= {f"of/{name}/guild.yml": ""} if guildfile else {}
    info = f"{name}-{version}.dist-info"
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/RECORD"] = record
    files[f"{info}/entry_points.txt"] = entry_points
    for path, text in files.items():
        fill(site, path, content=text.encode())
    return folder


def found(monkeypatch: pytest.MonkeyPatch, *sites: Path) -> list[tuple[str, str, str]]:
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, sites)))
    listed = installed_packages("", {"python": sys.executable})
    return [(each["name"], each["version"], each["folder"]) for each in listed]


def test_packages_of_guild_and_of_guild_ai_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = distribution(tmp_path, "gpkg.ours", "1.10")
    theirs = distribution(tmp_path, "theirs", entry_points="[guild.models]\nm = a:B\n")
    distribution(tmp_path, "neither")
    names = sorted(found(monkeypatch, tmp_path))
    assert names == [("gpkg.ours", "1.10", str(ours)), ("theirs", "1.0", str(theirs))]


def test_of_two_with_one_name_the_first_in_the_module_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = distribution(tmp_path / "a", "gpkg.x", "1.0")
    distribution(tmp_path / "b", "gpkg.x", "2.0")
    sites = (tmp_path / "a", tmp_path / "b")
    assert found(monkeypatch, *sites) == [("gpkg.x", "1.0", str(first))]


def test_a_name_or_version_that_is_none_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "gpkg.a b")
    distribution(tmp_path, "gpkg.c", "1.0 'x'")
    assert found(monkeypatch, tmp_path) == []


def test_a_python_that_does_not_answer_is_an_error_of_one_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho '{'\n")
    python.chmod(0o755)
    with pytest.raises(AgentError) as error:
        installed_packages("", {"python": str(python)})
    assert error.value.message == f"Python at {python} does not tell its packages"


def test_the_files_of_a_package_come_with_the_text_that_says_what_it_offers(tmp_path: Path) -> None:
    fill(tmp_path, "guild.yml", "a/x.py", content="é".encode())
    fill(tmp_path, "data.csv", "a/__pycache__/x.pyc", "y.pyc")
    fill(tmp_path, "bad.py", content=b"\xff")
    fill(tmp_path, "big.py", content=b"#" * ((1 << 20) + 1))
    assert {file["path"]: file["text"] for file in package_files("", str(tmp_path))} == {
        "guild.yml": "é",
        "a/x.py": "é",
        "data.csv": None,
        "bad.py": None,
        "big.py": None,
    }
