"""The one check after every fault: what is here, held against the remote, byte for byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from guild_sync.agent import protocol
from guild_sync.agent.store import rundir

# What no copy takes: marks, and the packages that an operation was installed with.
_MARKS = ("LOCK", "PENDING", "STAGED", "job-packages")


def faults(here: Path, there: Path, remote: str) -> list[str]:
    """What is wrong with the guild home `here`, once `remote` (its home is `there`) was synced.

    A run that has ended must be here as it is there: its status, every file, no other file.
    One that is not over must not look as if it were. Nothing may be left of a copy.
    """
    found = []
    for run_id in _ids(here):
        now = rundir.status(str(here / "runs" / run_id))
        meant = rundir.status(str(there / "runs" / run_id))
        if not (there / "runs" / run_id).exists():
            if now.text in protocol.FINAL and now.remote is None:
                continue  # it was whole, or it never was there
            found += [] if now.text in ("running", "lost") else [f"{run_id} is {now}, and gone"]
        elif now.remote is not None and meant.text in protocol.FINAL:
            found.append(f"{run_id} is {now} here, and {meant.text} there")
        elif now.text != meant.text:
            found.append(f"{run_id} is {now.text} here, and {meant.text} there")
        elif meant.text in protocol.FINAL:
            found += differences(here / "runs" / run_id, there / "runs" / run_id)
    return [*found, *left_behind(here)]


def whole_or_marked(here: Path, there: Path) -> list[str]:
    """What is wrong *before* the next sync: no run may look whole that is not.

    After a kill or a cut, whatever is not as it is there must have a mark that says so.
    """
    found = []
    for run_id in _ids(here):
        now = rundir.status(str(here / "runs" / run_id))
        if now.text in protocol.FINAL and (there / "runs" / run_id).exists():
            meant = rundir.status(str(there / "runs" / run_id))
            if now.text != meant.text:
                found.append(f"{run_id} is {now.text} here, and {meant.text} there")
            else:
                found += differences(here / "runs" / run_id, there / "runs" / run_id)
    return found


def differences(here: Path, there: Path) -> list[str]:
    """How two directories of a run differ in what a copy takes."""
    mine, theirs = dict(_contents(here)), dict(_contents(there))
    names = sorted(mine.keys() | theirs.keys())
    return [f"{here.name}: {name} differs" for name in names if mine.get(name) != theirs.get(name)]


def left_behind(home: Path) -> list[str]:
    """What killed copies left, and locks that are held though nobody works any more."""
    found = [str(path) for path in (home / "runs").glob(".incoming-*") if _is_of_the_dead(path)]
    for path in (home / "locks").glob("*.lock"):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
            lock.release()
        except Timeout:
            found.append(f"{path} is held")
    return found


def _is_of_the_dead(path: Path) -> bool:
    return not Path("/proc", path.name.rpartition("-")[2]).exists()


def _ids(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "runs").glob("[0-9a-f]*"))


def _contents(top: Path) -> Iterator[tuple[str, object]]:
    for folder, names, files in os.walk(top):
        for name in [*names, *files]:
            path = Path(folder, name)
            relative = path.relative_to(top)
            below = relative.parts[1] if len(relative.parts) > 1 else ""
            if relative.parts[0] == ".guild" and below.startswith(_MARKS):
                continue
            if path.is_symlink():
                yield str(relative), os.readlink(path)
            elif stat.S_ISREG(path.lstat().st_mode):
                yield str(relative), path.read_bytes()
            else:
                yield str(relative), "folder"
