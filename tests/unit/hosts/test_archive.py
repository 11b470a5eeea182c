"""An archive of runs as a host: what is made to look into it goes with its process."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guild_sync.agent import trees

A = "a" * 32
LOOK = """\
import sys
from guild_sync.hosts.archive import ArchiveHost
host = ArchiveHost(sys.argv[1])
host.fill_listed(host.file, sys.argv[2])
"""


WAIT = LOOK + "print(host.home, flush=True)\nsys.stdin.read()\n"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder that is TMPDIR of the processes that look into archives."""
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@contextmanager
def looking(archive: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks into an archive until its stdin ends; it has printed its home."""
    with subprocess.Popen(
        [sys.executable, "-c", WAIT, str(archive), A],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def home_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return Path(process.stdout.readline().strip()).name


def test_the_next_one_removes_what_a_killed_one_has_left_and_no_other_s(
    tmp_path: Path, temporary: Path
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(f"{A}/.guild/opref"))
    (temporary / "guild-archive-file").touch()
    (temporary / "guild-archive-link").symlink_to(tmp_path)
    kept = {"guild-archive-file", "guild-archive-link"}
    with looking(tmp_path / "x.tar", temporary) as killed:
        left = home_of(killed)
    assert {*os.listdir(temporary)} == {*kept, left}
    with looking(tmp_path / "x.tar", temporary) as one:
        home = home_of(one)
        with looking(tmp_path / "x.tar", temporary) as other:
            homes = {home, home_of(other)}
            assert {*os.listdir(temporary)} == {*kept, *homes}


def test_nothing_is_left_of_what_was_looked_at_however_deep_its_folders_are(
    tmp_path: Path, temporary: Path
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for path in (".guild/opref", "/".join("x" * (sys.getrecursionlimit() + 500))):
            archive.addfile(tarfile.TarInfo(f"{A}/{path}"))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "x.tar"), A],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    left = os.listdir(temporary)
    trees.remove_tree(str(temporary))  # pytest could not
    assert (done.returncode, done.stderr, left) == (0, "", [])
