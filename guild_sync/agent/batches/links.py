"""The runs that a run consists of: those that it has links to."""

from __future__ import annotations

import os
from typing import Dict, Iterator, Tuple

from ..catalog import values
from ..protocol import RUN_ID
from ..store import rundir
from ..store.job import read_job


def link(home: str, directory: str, name: str, run_id: str) -> None:
    """Have a run among the files of one that consists of it, by this name or else its id."""
    path = os.path.join(directory, name or run_id)
    target = os.path.relpath(rundir.run_dir(home, run_id), directory)
    if os.path.islink(path):  # of an earlier start
        if os.readlink(path) == target:
            return
        os.unlink(path)
    os.symlink(target, path)


def unlink(directory: str, name: str, run_id: str) -> None:
    """Have a run that was not made, or not started, among the files no more."""
    path = os.path.join(directory, name or run_id)
    if os.path.islink(path):
        os.unlink(path)


def linked(directory: str) -> Dict[str, str]:
    """The runs that a series has started: link -> id."""
    found = {}
    for entry in os.scandir(directory):
        if entry.is_symlink():
            run_id = os.path.basename(os.readlink(entry.path))
            if RUN_ID.match(run_id):
                found[entry.name] = run_id
    return found


def completed(home: str, series: str) -> Iterator[Tuple[str, str]]:
    """The runs, and operations, of which a run consists, and which have completed: last ones last.

    Those that a run of them consists of come before it.
    """
    directory = rundir.run_dir(home, series)
    if not read_job(directory).get("children"):
        return
    runs = {run_id: rundir.run_dir(home, run_id) for run_id in linked(directory).values()}
    for run_id in sorted(runs, key=lambda run_id: str(rundir.read_attr(runs[run_id], "started"))):
        if rundir.status(runs[run_id]).text == "completed":
            yield from completed(home, run_id)
            yield run_id, operation(home, run_id)


def operation(home: str, run_id: str) -> str:
    """What the run's operation is called in its project."""
    return values.operation_name(rundir.run_dir(home, run_id)).rpartition("/")[2]
