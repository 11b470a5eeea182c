"""What is typed to have an extra, by how guild was installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from guild_sync.errors import GuildError
from guild_sync.output import extra

LINES = [
    "rich >= 13",
    "jinja2 >= 3 ; extra == 'report'",
    "plotext >= 6 ; extra == 'report'",
    "apprise >= 1.4 ; extra == 'notify'",
]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of Python's that guild is installed in, with pip."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setattr(metadata, "requires", lambda name: LINES)
    monkeypatch.setattr(extra, "find_spec", lambda name: object())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path


def from_(monkeypatch: pytest.MonkeyPatch, **told: object) -> None:
    """Have guild be installed from elsewhere than an index of packages."""
    found = SimpleNamespace(read_text=lambda name: json.dumps(told) if told else None)
    monkeypatch.setattr(metadata, "distribution", lambda name: found)


def test_pip_is_that_of_guilds_environment(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = environment / "bin/python"
    assert extra.command("report") == f"{python} -m pip install 'guild-sync[report]'"
    python.parent.mkdir()
    (python.parent / "pip").write_text("#!/bin/sh\n")
    (python.parent / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}:/usr/bin")
    assert extra.command("report") == "pip install 'guild-sync[report]'"


def test_an_environment_of_uvs_has_no_pip(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "pip" else object())
    python = environment / "bin/python"
    assert extra.command("notify") == f"uv pip install --python {python} 'guild-sync[notify]'"


def test_pipx_puts_the_libraries_beside_it(environment: Path) -> None:
    (environment / "pipx_metadata.json").write_text("{}")
    words = f"pipx inject {environment.name} 'jinja2>=3' 'plotext>=6'"
    assert extra.command("report") == words
    assert extra.how_to_get("report") == f"Install it where guild is: {words}"


@pytest.mark.parametrize(
    ("told", "source"),
    [
        ({}, "'guild-sync[report]'"),
        ({"url": "file:///my%20src", "dir_info": {}}, "'/my src[report]'"),
        ({"url": "file:///src", "dir_info": {"editable": True}}, "--editable '/src[report]'"),
        ({"url": "file:///a.whl", "archive_info": {}}, "'/a.whl[report]'"),
        (
            {"url": "https://127.0.0.1/g.git", "vcs_info": {"vcs": "git"}},
            "'guild-sync[report] @ git+https://127.0.0.1/g.git'",
        ),
        ({"url": "https://127.0.0.1/a.whl"}, "'guild-sync[report] @ https://127.0.0.1/a.whl'"),
        ({"url": ["odd"], "vcs_info": 5}, "'guild-sync[report]'"),
        ({"url": None, "dir_info": 5}, "'guild-sync[report]'"),
    ],
)
def test_a_tool_of_uvs_is_made_anew_from_where_it_came(
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, object],
    source: str,
) -> None:
    (environment / "uv-receipt.toml").write_text("")
    from_(monkeypatch, **told)
    assert extra.command("report") == f"uv tool install --force {source}"


def test_debians_package_has_what_debian_has(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra, "_DEBIAN", Path(extra.__file__).parents[2])
    monkeypatch.setattr(sys, "version_info", (3, 11, 2))
    assert extra.how_to_get("report", "jinja2") == (
        "Install it where guild is: sudo apt install python3-jinja2"
    )
    assert extra.command("notify") == "pipx install 'guild-sync[notify]'"
    assert extra.how_to_get("report", "textual") == (
        "Debian has none that is new enough. Another guild beside it can have it: "
        "pipx install 'guild-sync[report]'"
    )
    monkeypatch.setattr(sys, "version_info", (3, 13, 5))
    assert extra.command("report", "textual") == "sudo apt install python3-textual"
    assert extra.command("notify") == "sudo apt install apprise"


def test_one_file_has_no_extras(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_bootstrap", SimpleNamespace(Environment=object))
    assert extra.how_to_get("report", "jinja2") == (
        "guild as one file does without. As a package it can have it: "
        "pipx install 'guild-sync[report]'"
    )


def test_a_library_that_is_too_old_is_as_none(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "5.3.2")
    with pytest.raises(GuildError) as raised:
        extra.need("plots", "report", "jinja2", "plotext")
    assert raised.value.message == "plots need plotext >=6, and 5.3.2 is installed"
    assert raised.value.hint.endswith("pip install 'guild-sync[report]'")
    assert not extra.is_here("plotext")
    assert extra.is_here("jinja2")
    monkeypatch.setattr(metadata, "version", lambda name: "6.0.0rc1")
    assert not extra.is_here("plotext")
    monkeypatch.setattr(metadata, "version", lambda name: "6.1")
    assert extra.is_here("plotext")


def test_sources_that_nobody_has_installed_need_what_is_there(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", unknown)
    assert extra.is_here("plotext")
    assert extra.command("report").endswith("pip install 'guild-sync[report]'")
