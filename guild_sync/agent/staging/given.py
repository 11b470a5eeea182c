"""What a run was given for its requirements: found, removed again, handed on to another run."""

from __future__ import annotations

import os
import shutil
from typing import Dict, List, Optional, Sequence, Tuple

from ..protocol import RequirementForm, Value
from ..store import manifest, rundir
from ..store.manifest import append_manifest, manifest_lines, write_manifest
from .placing import copy_file, digest_of, is_inside

POST_PROCESS = "post-process"  # in `deps`, of a source whose command was run


def known(directory: str, requirement: RequirementForm) -> Value:
    """What the run says of the requirement, once it was met."""
    deps = rundir.mapping(rundir.read_attr(directory, "deps"))
    return rundir.mapping(deps.get(requirement["name"])).get(uri(requirement))


def uri(requirement: RequirementForm) -> str:
    return "%s:%s" % (requirement["kind"], requirement["source"])


def taken(directory: str, requirement: RequirementForm) -> Value:
    return rundir.mapping(known(directory, requirement)).get("config")


def forget_others(directory: str, requires: Sequence[RequirementForm]) -> None:
    """Remove what an earlier start put there for a source that is another one now."""
    deps = rundir.mapping(rundir.read_attr(directory, "deps"))
    wanted: Dict[str, List[str]] = {}
    for requirement in requires:
        wanted.setdefault(requirement["name"], []).append(uri(requirement))
    changed = False
    for name in wanted:
        sources = rundir.mapping(deps.get(name))
        for key in [key for key in sources if key not in wanted[name]]:
            _forget_origin(directory, key)
            del sources[key]
            deps[name], changed = sources, True
    if changed:
        rundir.write_attr(directory, "deps", deps)


def forget(directory: str, requirement: RequirementForm) -> None:
    """Remove what an earlier start put there for this requirement."""
    _forget_origin(directory, uri(requirement))


def _forget_origin(directory: str, origin: str) -> None:
    found, others = _split(directory, origin)
    for path, digest in found:
        # A copy of another run's file may be the operation's own by now.
        is_own = origin.startswith("operation:")
        if os.path.islink(path) or (
            os.path.isfile(path) and not (is_own and digest_of(path) != digest)
        ):
            os.unlink(path)
    if found:
        write_manifest(directory, others)


def forget_all(directory: str) -> None:
    """Remove all that was put into the run for its operation's requirements."""
    found, others = _split(directory)
    for path, _ in found:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    write_manifest(directory, others)
    rundir.remove_attrs(directory, ["deps"])


def _split(directory: str, origin: str = "") -> Tuple[List[Tuple[str, str]], List[str]]:
    """Paths and digests of the dependencies that come from where `origin` is the beginning of;
    the lines of the manifest that are about other things."""
    found, others = [], []
    for line in manifest_lines(directory):
        name, place = _dependency(directory, line) or ("", "")
        if name and (not origin or place == origin or place.startswith(origin + "/")):
            found.append((os.path.join(directory, name), manifest.fields(line)[2]))
        else:
            others.append(line)
    return found, others


def adopt_files(origin: str, directory: str) -> None:
    """Give a pending run the files of the project, and of web servers, that `origin` was given."""
    kept: Dict[str, Dict[str, Value]] = {}
    for name, sources in rundir.mapping(rundir.read_attr(origin, "deps")).items():
        for key, source in rundir.mapping(sources).items():
            if _is_adopted(str(key), source):
                kept.setdefault(name, {})[key] = source
    origins = [key for sources in kept.values() for key in sources]
    copied = []
    for line in manifest_lines(origin):
        name, place = _dependency(origin, line) or ("", "")
        path = os.path.join(origin, name)
        is_meant = any(place == key or place.startswith(key + "/") for key in origins)
        if not name or not is_meant or not is_inside(directory, name) or os.path.islink(path):
            continue
        if os.path.isfile(path):
            copy_file(path, os.path.realpath(directory), name)
            copied.append(line)
        elif os.path.isdir(path):
            target = os.path.join(directory, name)
            shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
            copied.append(line)
    if copied:
        append_manifest(directory, copied)
    if kept:
        rundir.write_attr(directory, "deps", kept)


def _is_adopted(key: str, source: Value) -> bool:
    """Whether it is a project's or a web server's, and as it came; what the host has is linked."""
    is_changed = POST_PROCESS in rundir.mapping(source)
    return key.startswith(("file:", "url:")) and not key.startswith("file:/") and not is_changed


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
