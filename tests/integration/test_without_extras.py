"""guild as it is installed without extras: each command works, or one line names what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from reported import several
from support import Done, Guild

# What extras bring, whatever the environment of the tests has.
WITHOUT = """
import importlib.util
import sys

BROUGHT = {"apprise", "google", "jinja2", "matplotlib", "plotext", "tensorboard", "textual"}


class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BROUGHT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Nowhere())
_find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.partition(".")[0] in BROUGHT else _find(name, package)
)
"""

EACH = """
import importlib
from guild_sync.cli.table import COMMANDS
for module, _ in COMMANDS.values():
    importlib.import_module(f"guild_sync.commands.{module}")
"""


@pytest.fixture
def without(guild: Guild, tmp_path: Path) -> Guild:
    """guild in an environment that no extra was installed into; it has runs."""
    several(guild.home)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT)
    guild.env["PYTHONPATH"] = str(tmp_path / "site")
    return guild


def called(guild: Guild, *argv: str) -> Done:
    """A whole start, which sitecustomize is a part of."""
    done = subprocess.run(
        guild.argv(*argv), env=guild.env, cwd=guild.folder, capture_output=True, text=True
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_every_command_is_there(without: Guild) -> None:
    subprocess.run([sys.executable, "-c", EACH], env=without.env, check=True)


@pytest.mark.parametrize(
    ("words", "what", "extra"),
    [
        (("plot", "loss"), "plots need plotext", "report"),
        (("plot", "loss", "--png", "a.png"), "pictures need matplotlib", "report"),
        (("plot", "loss", "--svg", "-"), "pictures need matplotlib", "report"),
        (("report",), "reports need jinja2", "report"),
        (("sync", "--report", "out"), "reports need jinja2", "report"),
        (("export", "--tensorboard", "out", "-y"), "event files need tensorboard", "tensorboard"),
    ],
)
def test_one_line_names_the_extra(
    without: Guild, words: tuple[str, ...], what: str, extra: str
) -> None:
    done = called(without, *words)
    assert done.code == 1
    first, second = done.err.splitlines()
    assert first == f"guild: {what}, and guild is installed without"
    assert f"'guild-sync[{extra}]'" in second
    assert not (without.folder / "out").exists()
    assert not (without.folder / "guild-report").exists()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("compare",), "0.001"),
        (("compare", "--csv", "-"), "0.001"),
        (("runs", "--columns", "loss"), "0.1"),
        (("select", "--min", "loss"), "b" * 32),
        (("info", "1"), "scalars:"),
        (("plot", "--help"), "Usage:"),
        (("report", "--help"), "Usage:"),
    ],
)
def test_what_is_text_needs_none(without: Guild, words: tuple[str, ...], shown: str) -> None:
    done = called(without, *words)
    assert (done.code, done.err) == (0, "")
    assert shown in done.out


def test_the_fleet_as_text_needs_none(without: Guild, remote: str) -> None:
    done = called(without, "fleet")
    assert (done.code, done.err) == (0, "")
    assert f"{remote}  answers" in done.out
