"""What an operation requires: files of its project, of other runs, of web servers.

A project's files are copied into the run when it is made, as its source code is. Of
another run, and of an absolute path, there are links, made before the operation starts.
"""

from __future__ import annotations

import os
from typing import Dict, List, Optional, Sequence

from .. import protocol
from ..catalog import describe, find, required
from ..contents import placed
from ..errors import AgentError
from ..protocol import FILES, RequiredRun, RequirementForm, SchedulerForm, Value
from ..store import rundir
from . import fetching, given
from .placing import add_required, add_text


def candidates(
    home: str,
    requires: Sequence[RequirementForm],
    flags: Dict[str, Value],
    scheduler: Optional[SchedulerForm] = None,
) -> Dict[str, RequiredRun]:
    """For each run that is required, by its flag: `run`, its summary, or `problem`, why not.

    A run that is to be a job of a `scheduler` can wait for jobs there.
    """
    found: Dict[str, RequiredRun] = {}
    for requirement in requires:
        flag = required.flag_of(requirement)
        if requirement["kind"] != "operation" or (flag in found and found[flag]["problem"]):
            continue
        try:
            is_shared = required.is_shared(flag, requires)
            wanted = flags.get(flag)
            run_id = required.required_run(home, requirement, wanted, is_shared, scheduler)
            if flag not in found:
                found[flag] = {"run": describe.summary(home, run_id), "problem": ""}
        except AgentError as e:
            problem = "" if requirement.get("optional") else e.message
            found[flag] = {"run": None, "problem": problem}
    return found


def add_files(
    home: str, run_id: str, requires: Sequence[RequirementForm], root: str = "", run_dir: str = ""
) -> List[str]:
    """Give a pending run the project's files that are required, and those of web servers.

    The project is at `root`, or where the run's package has its files. The answer is what is to
    be said of them, a line each.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    said = []
    for requirement in _wanting(directory, requires):  # not what the run it is made from had
        if is_of_project(requirement):
            said += _add_file(directory, requirement, root)
        elif requirement["kind"] == "url":
            said += _add_fetched(home, directory, requirement)
    return said


def is_of_project(requirement: RequirementForm) -> bool:
    return requirement["kind"] == "file" and not os.path.isabs(requirement["source"])


def _add_file(directory: str, requirement: RequirementForm, root: str) -> List[str]:
    source = requirement["source"]
    if root:
        path = os.path.normpath(os.path.join(root, source))
    else:
        kept = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES, FILES)
        path = os.path.join(kept, protocol.kept_name(source))
    if requirement.get("optional") and not os.path.exists(path):
        return []
    return add_required(directory, requirement, path, "file:" + source)


def _add_fetched(home: str, directory: str, requirement: RequirementForm) -> List[str]:
    try:
        path = fetching.fetched(
            home,
            requirement["source"],
            requirement.get("sha256", ""),
            bool(requirement.get("always")),
        )
    except AgentError:
        if requirement.get("optional"):
            return []
        raise
    # What is kept serves other runs too, so it is copied.
    return add_required(directory, requirement, path, "url:" + requirement["source"])


def keep_files(home: str, run_id: str, root: str, files: Sequence[str]) -> None:
    """Keep files of the project for the runs that will be made from this one."""
    directory = rundir.run_dir(home, run_id)
    below = "%s/%s/" % (rundir.JOB_PACKAGES, FILES)
    for name in files:
        kept = below + protocol.kept_name(name)
        placed.copy(os.path.join(root, name), rundir.guild_dir(directory), kept)


def resolve(home: str, directory: str, requires: Sequence[RequirementForm]) -> List[str]:
    """Put into the run what it requires of other runs, of absolute paths, and all that it lacks.

    The run that was taken becomes the flag's value. What an earlier start put there stays,
    unless another run is meant now. Raises AgentError (kind "unmet") for what is not there;
    the answer is what is to be said of the rest, a line each.
    """
    said: List[str] = []
    try:
        given.forget_others(directory, requires)
        runs = _required_runs(home, directory, requires)
        wanting = _wanting(directory, requires)
        for requirement in wanting:
            if not is_of_project(requirement):
                given.forget(directory, requirement)
        for index, requirement in enumerate(requires):
            if index in runs:
                said += _add_run(home, directory, requirement, runs[index])
            elif requirement in wanting:
                said += _add_anew(home, directory, requirement)
    except AgentError as e:
        raise AgentError("run %s cannot start: %s" % (os.path.basename(directory), e.message),
                         e.hint, "unmet") from None  # fmt: skip
    return said


def _required_runs(
    home: str, directory: str, requires: Sequence[RequirementForm]
) -> Dict[int, str]:
    """The runs that are to be linked now, by the number of their requirement.

    What was linked of others is removed before any of them is linked.
    """
    flags = rundir.mapping(rundir.read_attr(directory, "flags"))
    found: Dict[int, str] = {}
    for index, requirement in enumerate(requires):
        if requirement["kind"] != "operation":
            continue
        flag = required.flag_of(requirement)
        is_shared = required.is_shared(flag, requires)
        try:
            run_id = required.required_run(home, requirement, flags.get(flag), is_shared)
        except AgentError:
            if requirement.get("optional"):
                continue
            raise
        taken = given.taken(directory, requirement)
        if is_shared and taken and _is_latest_for(home, requirement, flags.get(flag)):
            run_id = str(taken)  # an earlier start has settled which
        if taken == run_id and not requirement.get("always"):
            continue
        found[index] = run_id
        if not (is_shared and flags.get(flag)):
            flags[flag] = run_id
    again = {requires[index]["source"] for index in found}
    for index, requirement in enumerate(requires):
        before = given.taken(directory, requirement)
        if requirement["kind"] == "operation" and requirement["source"] in again and before:
            found.setdefault(index, str(before))  # what it has of that run is removed as well
            given.forget(directory, requirement)
    if found:
        rundir.write_attr(directory, "flags", flags)
    return found


def _is_latest_for(home: str, requirement: RequirementForm, wanted: Value) -> bool:
    """Whether the flag says nothing of this requirement, of which the latest run is taken."""
    if wanted in (None, ""):
        return True
    directory = rundir.run_dir(home, find.one(home, str(wanted)))
    return required.rank_of(requirement, directory) is None


def _add_run(home: str, directory: str, requirement: RequirementForm, run_id: str) -> List[str]:
    origin = "operation:%s/" % requirement["source"]
    return add_required(directory, requirement, rundir.run_dir(home, run_id), origin, run_id)


def _wanting(directory: str, requires: Sequence[RequirementForm]) -> List[RequirementForm]:
    """The files that the run has not got yet, and those that it gets at each start."""
    found = []
    for requirement in requires:
        is_there = given.known(directory, requirement) is not None
        # The project may be on another machine by now.
        is_renewed = bool(requirement.get("always")) and not is_of_project(requirement)
        if requirement["kind"] == "config" or (
            requirement["kind"] in ("file", "url") and (is_renewed or not is_there)
        ):
            found.append(requirement)
    return found


def _add_anew(home: str, directory: str, requirement: RequirementForm) -> List[str]:
    """Give the run a file that it lacks, or one that is to be as it is now."""
    source = requirement["source"]
    if requirement["kind"] == "config":
        return add_text(directory, requirement, requirement.get("content", ""))
    if requirement["kind"] == "url":
        return _add_fetched(home, directory, requirement)
    if is_of_project(requirement):
        try:
            return _add_file(directory, requirement, "")
        except AgentError as e:
            raise AgentError(e.message, "--force-sourcecode takes it from the project.") from None
    if requirement.get("optional") and not os.path.exists(source):
        return []
    return add_required(directory, requirement, source, "file:" + source, is_link=True)
