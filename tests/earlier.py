"""An earlier version of guild, as the other party on a guild home and on a remote.

It is that of before the package was moved into folders, and is taken from git's history.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

from forks import Forks
from support import Guild

COMMIT = "4006c1fe5ac9df17fac9d24835801781fa4babbc"
_ROOT = Path(__file__).parents[1]


class Unavailable(Exception):
    """The earlier version can't be had here; says why."""


def program(folder: Path) -> Path:
    """The earlier version's `guild`, made in `folder` with its package beside it.

    Raises Unavailable where there is no history, as in an unpacked archive.
    """
    archive = folder / "earlier.zip"
    git = shutil.which("git")
    if git is None:
        raise Unavailable("the earlier version is in git's history, and there is no git")
    words = (git, "-C", str(_ROOT), "archive", "--output", str(archive), COMMIT)
    done = subprocess.run((*words, "guild_sync", "bin"), capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:]
        raise Unavailable(f"git's history does not have the earlier version: {''.join(said)}")
    with zipfile.ZipFile(archive) as found:
        found.extractall(folder)
    # Python takes the package that is beside the program, and all others from where we run.
    return Path(shutil.copy(folder / "bin" / "guild", folder / "guild"))


class EarlierGuild(Guild):
    """The earlier version as a user calls it, in the same folder, home and config as another."""

    def __init__(self, program: Path, beside: Guild) -> None:
        super().__init__(beside.folder, beside.env)
        self._program = program
        self.forks = _forks(program.parent)

    def argv(self, *argv: str) -> list[str]:
        return [sys.executable, str(self._program), *argv]


@cache
def _forks(folder: Path) -> Forks:
    return Forks(sys.executable, folder, "guild_sync.*")
