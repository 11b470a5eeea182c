"""What an operation requires: files of its project, and files of other operations' runs.

A project's files are copied into the run when it is made, as its source code is. Of
another run, and of an absolute path, there are links, made before the operation starts.
"""

from __future__ import annotations

import os
import shutil
from typing import Dict, List, Optional, Sequence, Tuple

from .. import protocol
from ..catalog import describe, filters, find
from ..errors import AgentError
from ..protocol import FILES, RequiredRun, RequirementForm, Value
from ..store import manifest, rundir
from ..store.manifest import append_manifest, manifest_lines, write_manifest
from .placing import add_required, copy_file, is_inside


def candidates(
    home: str, requires: Sequence[RequirementForm], flags: Dict[str, Value]
) -> Dict[str, RequiredRun]:
    """For each run that is required, by its name: `run`, its summary, or `problem`, why not."""
    found: Dict[str, RequiredRun] = {}
    for requirement in requires:
        if requirement["kind"] == "operation":
            name = requirement["name"]
            try:
                run_id = _required_run(home, requirement, flags.get(name))
                found[name] = {"run": describe.summary(home, run_id), "problem": ""}
            except AgentError as e:
                found[name] = {"run": None, "problem": e.message}
    return found


def _required_run(home: str, requirement: RequirementForm, wanted: Value) -> str:
    """The id of the run that the flag names, or else of the latest completed one."""
    if wanted in (None, ""):
        run_id = _latest(home, requirement["source"])
        if run_id is None:
            raise AgentError(
                "it requires a completed run of %s, and there is none"
                % rundir.shown(requirement["source"])
            )
        return run_id
    run_id = find.one(home, str(wanted))
    state = rundir.status(rundir.run_dir(home, run_id))
    if state.text not in protocol.FINAL:
        raise AgentError("it requires run %s, which is %s" % (run_id, state.text))
    return run_id


def _latest(home: str, operation: str) -> Optional[str]:
    for run_id in find.run_ids(home):
        directory = rundir.run_dir(home, run_id)
        # `MODEL:NAME` behind the package's name, which a change of the project changes.
        name = filters.operation_name(directory).rpartition("/")[2]
        if name == operation and rundir.status(directory).text == "completed":
            return run_id
    return None


def add_files(
    home: str, run_id: str, requires: Sequence[RequirementForm], root: str = "", run_dir: str = ""
) -> None:
    """Copy the files of the project that are required into a pending run.

    They are below `root`, or where the run's package has them.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    top = root or os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES, FILES)
    for requirement in requires:
        if requirement["kind"] == "file" and not os.path.isabs(requirement["source"]):
            add_required(directory, requirement, os.path.join(top, requirement["source"]), "file:")


def keep_files(home: str, run_id: str, root: str, files: Sequence[str]) -> None:
    """Keep files of the project for the runs that will be made from this one."""
    directory = rundir.run_dir(home, run_id)
    below = "%s/%s/" % (rundir.JOB_PACKAGES, FILES)
    for name in files:
        copy_file(os.path.join(root, name), rundir.guild_dir(directory), below + name)


def resolve(home: str, directory: str, requires: Sequence[RequirementForm]) -> None:
    """Link what the run requires of other runs, and of absolute paths, into it.

    The run that was taken becomes the flag's value. What an earlier start linked stays,
    unless another run is meant now. Raises AgentError (kind "unmet") for what is not there.
    """
    flags = rundir.mapping(rundir.read_attr(directory, "flags"))
    known = rundir.mapping(rundir.read_attr(directory, "deps"))
    try:
        for requirement in requires:
            key = "%s:%s" % (requirement["kind"], requirement["source"])
            if requirement["kind"] == "operation":
                run_id = _required_run(home, requirement, flags.get(requirement["name"]))
                if _config(known, requirement["name"], key) == run_id:
                    continue
                forget(directory, requirement)
                flags[requirement["name"]] = run_id
                rundir.write_attr(directory, "flags", flags)
                add_required(
                    directory, requirement, rundir.run_dir(home, run_id), key + "/", run_id
                )
            elif os.path.isabs(requirement["source"]) and requirement["name"] not in known:
                add_required(directory, requirement, requirement["source"], "file:")
    except AgentError as e:
        raise AgentError("run %s cannot start: %s" % (os.path.basename(directory), e.message),
                         e.hint, "unmet") from None  # fmt: skip


def _config(known: Dict[str, Value], name: str, key: str) -> Value:
    return rundir.mapping(rundir.mapping(known.get(name)).get(key)).get("config")


def forget(directory: str, requirement: RequirementForm) -> None:
    """Remove what an earlier start linked for this requirement."""
    paths, others = _split(directory, "%s:%s/" % (requirement["kind"], requirement["source"]))
    for path in paths:
        if os.path.islink(path):
            os.unlink(path)
    write_manifest(directory, others)


def forget_all(directory: str) -> None:
    """Remove all that was put into the run for its operation's requirements."""
    paths, others = _split(directory)
    for path in paths:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    write_manifest(directory, others)
    rundir.remove_attrs(directory, ["deps"])


def _split(directory: str, origin: str = "") -> Tuple[List[str], List[str]]:
    """Paths of the dependencies that come from where `origin` is the beginning of; the lines of
    the manifest that are about other things."""
    paths, others = [], []
    for line in manifest_lines(directory):
        name, place = _dependency(directory, line) or ("", "")
        if name and place.startswith(origin):
            paths.append(os.path.join(directory, name))
        else:
            others.append(line)
    return paths, others


def adopt_files(origin: str, directory: str) -> None:
    """Give a pending run the project's files that the run `origin` was given."""
    deps = rundir.read_attr(origin, "deps")
    copied = []
    for line in manifest_lines(origin):
        name, place = _dependency(origin, line) or ("", "")
        source = os.path.join(origin, name)
        if not name or not place.startswith("file:") or not is_inside(directory, name):
            continue
        if os.path.isfile(source) and not os.path.islink(source):
            copy_file(source, os.path.realpath(directory), name)
            copied.append(line)
    if copied:
        append_manifest(directory, copied)
    if isinstance(deps, dict):
        of_files = {n: d for n, d in deps.items() if isinstance(d, dict) and _has_files(d)}
        rundir.write_attr(directory, "deps", of_files)


def _has_files(sources: Dict[str, Value]) -> bool:
    return any(str(uri).startswith("file:") for uri in sources)


def _dependency(directory: str, line: str) -> Optional[Tuple[str, str]]:
    """(path in the run, where it came from), where a line of the manifest is a dependency's.

    None as well for a path that is not in the run: a manifest comes from other machines too.
    """
    fields = manifest.fields(line)
    if len(fields) < 2 or fields[0] != "d":
        return None
    name = os.path.normpath(fields[1])
    if "\0" in name or not is_inside(directory, name):
        return None
    return name, fields[3] if len(fields) > 3 else ""
