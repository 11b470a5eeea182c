"""A run made from an earlier one: started again in its place, or anew as it was.

What an earlier end left is removed under the run's lock and after its mark PENDING, so
that a kill at any moment leaves a pending or a staged run, never one with a wrong end.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import changes, dependencies, listing, locks, runs, staging
from .errors import AgentError

_END = ("exit_status", "stopped")


def recipe(home: str, run: str) -> Dict[str, Any]:
    """What it takes to make the run again: its summary, `opref_text`, `job`, `random_seed`.

    The job is None for a run of another guild. `confirmed` says of which remote it is a copy.
    """
    run_id = runs.one(home, run)
    directory = runs.run_dir(home, run_id)
    has_job = os.path.exists(os.path.join(runs.guild_dir(directory), staging.JOB))
    return dict(
        runs.summary(home, run_id),
        opref_text=_opref_text(directory),
        job=staging.read_job(directory) if has_job else None,
        random_seed=runs.read_attr(directory, "random_seed"),
        confirmed=runs.confirmed(directory),
    )


def _opref_text(directory: str) -> str:
    path = os.path.join(runs.guild_dir(directory), "opref")
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read(1 << 16)
    except OSError:
        return ""


def restage(
    home: str,
    run_id: str,
    attributes: Dict[str, Any],
    job: Dict[str, Any],
    opref: Optional[str] = None,
    new_source: bool = False,
) -> Dict[str, str]:
    """Make a run that ended, or that was never started, pending, with these attributes and job.

    With `new_source` its packages are removed, as others are about to be installed.
    Raises AgentError for one that runs, and for the copy of a remote's.
    """
    directory = changes.existing(runs.run_dir(home, run_id))
    with _at_rest(directory, run_id):
        if runs.status(directory).text == "pending" and not staging.was_ready(directory):
            raise AgentError(
                "run %s is being made, or the guild that made it was killed" % run_id,
                "In that case: guild runs rm %s, and run its operation again" % run_id,
                "refused",
            )
        runs.mark(directory, runs.PENDING)
        _forget_end(directory)
        for name, value in attributes.items():
            runs.write_attr(directory, name, value)
        staging.write_job(directory, job)
        if opref is not None:
            locks.write_atomically(os.path.join(runs.guild_dir(directory), "opref"), opref)
        packages = os.path.join(runs.guild_dir(directory), staging.JOB_PACKAGES)
        if new_source:
            shutil.rmtree(packages, ignore_errors=True)
            dependencies.forget_all(directory)
        os.makedirs(packages, exist_ok=True)
    return {"run_dir": directory}


def _forget_end(directory: str) -> None:
    for name in _END:
        runs.remove_attr(directory, name)
    runs.unmark(directory, runs.OUTPUT)


class _at_rest:
    """Hold the lock of a run that nobody runs; AgentError where somebody does."""

    def __init__(self, directory: str, name: str) -> None:
        self._directory = directory
        self._guild = runs.guild_dir(directory)
        self._name = name

    def __enter__(self) -> None:
        self._refuse_copies()
        # Guild AI holds no flock: whether its process lives must be asked first.
        running = locks.holder(self._guild) is not None
        held = None if running else locks.hold(self._guild)
        if held is None:
            raise AgentError(
                "run %s is running" % self._name,
                "Stop it first: guild stop %s" % self._name,
                "refused",
            )
        self._held = held

    def _refuse_copies(self) -> None:
        copied = runs.confirmed(self._directory)
        remote = runs.status(self._directory).remote or (copied and copied["remote"])
        if remote:
            raise AgentError(
                "run %s is a copy of one on %s" % (self._name, remote),
                "Start it there: guild run -r %s --restart %s\n"
                "Or make a new run here: guild run --proto %s" % (remote, self._name, self._name),
                "refused",
            )

    def __exit__(self, *_: object) -> None:
        locks.release(self._guild, self._held)


def stage_in(
    _home: str,
    run_id: str,
    run_dir: str,
    opref: str,
    attributes: Dict[str, Any],
    job: Dict[str, Any],
) -> Dict[str, str]:
    """Make the run in a directory of the user's, which no listing shows.

    It is empty, new, or that of an earlier run, which is replaced but for its files.
    """
    guild = runs.guild_dir(run_dir)
    if os.path.isdir(run_dir) and os.listdir(run_dir) and not os.path.isdir(guild):
        raise AgentError(
            "%s is not empty, and not the directory of a run" % run_dir,
            "Give a new or an empty one.",
            "refused",
        )
    os.makedirs(os.path.join(guild, "attrs"), exist_ok=True)
    with _at_rest(run_dir, run_dir):
        runs.mark(run_dir, runs.PENDING)
        _forget_end(run_dir)
        for name in runs.attr_names(run_dir):
            runs.remove_attr(run_dir, name)
        staging.fill(run_dir, run_id, opref, attributes, job)
    return {"run_dir": run_dir}


def adopt_source(home: str, run_id: str, source: str, run_dir: str = "") -> None:
    """Give a pending run the source code and the packages of the run `source`."""
    directory = run_dir or runs.run_dir(home, run_id)
    origin = changes.existing(runs.run_dir(home, source))
    packages = os.path.join(runs.guild_dir(origin), staging.JOB_PACKAGES)
    if os.path.isdir(packages):
        target = os.path.join(runs.guild_dir(directory), staging.JOB_PACKAGES)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(packages, target, symlinks=True, copy_function=_link)
    root, names = _source(origin)
    staging.copy_source(home, run_id, root, names, run_dir)
    dependencies.adopt_files(origin, directory)


def _link(source: str, target: str) -> None:
    """A second name for an installed file, which nobody changes; a copy where that can't be."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def _source(directory: str) -> Tuple[str, List[str]]:
    """Where the run's source code is, and its files, of those that are in the run."""
    names = listing.source_files(directory)
    apart = listing.SOURCE_FOLDER
    if any(name.startswith(apart) for name in names):
        root = os.path.join(directory, apart)
        names = [name[len(apart) :] for name in names if name.startswith(apart)]
    else:
        root = directory
    names = [name for name in names if not name.startswith((".guild", "/", ".."))]
    return root, [name for name in names if os.path.isfile(os.path.join(root, name))]


def matching(
    home: str, opref: str, flags: Dict[str, Any], statuses: Sequence[str]
) -> Optional[Dict[str, Any]]:
    """The latest run of exactly this operation with these flags and one of the statuses."""
    for run_id in runs.run_ids(home):
        directory = runs.run_dir(home, run_id)
        if _opref_text(directory).strip() == opref.strip():
            same = runs.read_attr(directory, "flags") == flags
            if same and runs.status(directory).text in statuses:
                return runs.summary(home, run_id)
    return None
