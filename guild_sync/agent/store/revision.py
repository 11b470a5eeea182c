"""What a run keeps of its project's commit: an attribute, and how the project differed from it."""

from __future__ import annotations

from ..protocol import COMMIT, COMMIT_DIFF
from . import atomic, inside, rundir

_MOST = 1 << 21  # bytes; more is none of ours


def write_diff(directory: str, diff: str) -> None:
    """Write how the project differed from its commit, if it did."""
    if diff:
        atomic.write_in(rundir.guild_dir(directory), COMMIT_DIFF, diff, flushed=False)


def forget(directory: str) -> None:
    """Have a run that gets other source code keep nothing of where that before came from."""
    rundir.remove_attrs(directory, [COMMIT])
    inside.remove(rundir.guild_dir(directory), COMMIT_DIFF)


def adopt(origin: str, directory: str) -> None:
    """Give a run what the run keeps whose source code it gets."""
    forget(directory)
    commit = rundir.read_attr(origin, COMMIT)
    if isinstance(commit, str):
        rundir.write_attr(directory, COMMIT, commit)
    try:
        diff = inside.read(rundir.guild_dir(origin), COMMIT_DIFF, _MOST)
    except OSError:
        return
    write_diff(directory, diff.decode("utf-8", "surrogateescape"))
