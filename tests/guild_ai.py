"""Guild AI 0.9.0, installed from the package index, as a black box to compare with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock
from forks import Forks
from support import Done

RELEASE = "guildai==0.9.0"
# It imports pkg_resources, which setuptools 81 no longer has, and builds packages with wheel.
REQUIREMENTS = (RELEASE, "setuptools<81", "wheel")
PYTHONS = ("python3.11", "python3.10")  # it imports imp, which Python 3.12 no longer has
INSTALL_SECONDS = 600

# Read before a test has a home of its own: one installation serves all test sessions.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guild-sync-tests"


class Unavailable(Exception):
    """Guild AI can't be had here; says why."""


def program() -> Path:
    """Guild AI's `guild`: the one that GUILDAI names, else one that is installed once.

    Raises Unavailable where that fails, as without a package index.
    """
    if named := os.environ.get("GUILDAI"):
        return Path(named)
    python = _python()
    venv = _CACHE / f"{RELEASE}-{Path(python).name}"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{venv}.lock"):
        installed = venv / "installed"  # written last: an installation may be killed
        if not installed.exists() or installed.read_text().split() != list(REQUIREMENTS):
            _run(python, "-m", "venv", "--clear", str(venv))
            _run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS)
            _run(str(venv / "bin/guild"), "--version")
            installed.write_text("\n".join(REQUIREMENTS))
    return venv / "bin/guild"


def _python() -> str:
    running = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if running in PYTHONS:
        return str(Path(sys.executable).with_name(running))
    found = [path for path in map(shutil.which, PYTHONS) if path]
    if not found:
        raise Unavailable(f"{RELEASE} needs one of {', '.join(PYTHONS)}")
    return found[0]


def _run(*argv: str) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as e:
        said = (e.stderr or e.stdout).strip().splitlines() or ["it said nothing"]
        raise Unavailable(f"{RELEASE} cannot be installed: {said[-1]}") from None
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Unavailable(f"{RELEASE} cannot be installed: {e}") from None


@cache
def _forks(program: Path) -> Forks:
    """What starts it with the modules that it says it loads itself, none of them by name here."""
    python = program.read_text().splitlines()[0].removeprefix("#!")
    argv = [python, "-X", "importtime", str(program)]
    found: dict[str, None] = {}
    for words in (["runs"], ["run", "--help"]):
        said = subprocess.run([*argv, *words], capture_output=True, text=True).stderr
        # Those that others load are indented; they load them again, in their own order.
        found |= dict.fromkeys(re.findall(r"^import time: .*\| (\S+)$", said, re.MULTILINE))
    return Forks(python, program.parent, *found)


class GuildAi:
    """Guild AI as a user calls it, in a folder, on a guild home."""

    def __init__(self, program: Path, folder: Path, env: Mapping[str, str], home: Path) -> None:
        self._program = program
        self._folder = folder
        self._env = {**env, "GUILD_HOME": str(home), "NO_COLOR": "1"}
        home.mkdir(parents=True, exist_ok=True)  # it does not make one

    def __call__(self, *argv: str) -> Done:
        words = [str(self._program), *argv]
        done = _forks(self._program).run(words, b"", self._folder, self._env, timeout=120)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *argv: str) -> list[str]:
        """Call it and insist that it succeeds; the lines that it prints."""
        done = self(*argv)
        assert done.code == 0, (argv, done)
        return done.lines

    def run(self, *argv: str) -> str:
        """Have it make a run, and wait for that; its id."""
        before = self.ids()
        self("run", *argv, "-y")
        (made,) = self.ids() - before
        return made

    def ids(self) -> set[str]:
        top = Path(self._env["GUILD_HOME"], "runs")
        return {path.name for path in top.glob("[0-9a-f]*")} if top.exists() else set()

    def runs(self, *argv: str) -> dict[str, dict[str, Any]]:
        """What it lists of each run."""
        listed = json.loads("\n".join(self.ok("runs", "list", "--all", "--json", *argv)))
        return {run["id"]: run for run in listed}

    def info(self, run_id: str) -> dict[str, Any]:
        """What it tells of one run."""
        found: dict[str, Any] = json.loads("\n".join(self.ok("runs", "info", run_id, "--json")))
        return found

    def statuses(self) -> dict[str, str]:
        """The status of each run in its listing, by the first 8 digits of its id."""
        rows = [line.split("  ") for line in self.ok("runs", "list", "--all")]
        cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
        return {row[0].strip("[]").partition(":")[2]: _status(row) for row in cells}


def _status(row: list[str]) -> str:
    # A run that never started has no time between its operation and its status.
    return row[3] if row[2][:2] == "20" else row[2]


if __name__ == "__main__":  # for the benchmark
    try:
        print(program())
    except Unavailable as e:
        sys.exit(str(e))
