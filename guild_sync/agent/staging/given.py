"""What a run was given for its requirements: found, removed again, handed on to another run."""

from __future__ import annotations

import os
import stat
from typing import Dict, List, Optional, Sequence, Set, Tuple

from .. import trees
from ..contents import inputs, kept, placed
from ..contents.digests import sha256_of
from ..errors import AgentError
from ..protocol import FILES, RequirementForm, Value, path_kept_as
from ..store import manifest, rundir
from ..store.manifest import append_manifest, manifest_lines, write_manifest
from .placing import digest_of, is_inside

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
        _forget_inputs(directory, [path for path, _ in found])


def forget_all(directory: str) -> None:
    """Remove all that was put into the run for its operation's requirements."""
    found, others = _split(directory)
    for path, _ in found:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            trees.remove_tree(path)
    write_manifest(directory, others)
    _forget_inputs(directory, [path for path, _ in found])
    rundir.remove_attrs(directory, ["deps"])


def _forget_inputs(directory: str, paths: Sequence[str]) -> None:
    inputs.forget(directory, [os.path.relpath(path, directory) for path in paths])


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


def adopt_files(origin: str, directory: str, project: str = "") -> None:
    """Give a pending run the files of the project, and of web servers, that `origin` was given.

    What `origin` is without, as a copy of a remote's run is, is taken from the folder `project`,
    where that has it. Raises AgentError (kind "unmet") where it does not.
    """
    wanted: Dict[str, Dict[str, Value]] = {}
    for name, sources in rundir.mapping(rundir.read_attr(origin, "deps")).items():
        for key, source in rundir.mapping(sources).items():
            if _is_adopted(str(key), source):
                wanted.setdefault(name, {})[key] = source
    origins = [key for sources in wanted.values() for key in sources]
    copied = []
    inputs.adopt(origin, directory)
    handing = _Handing(origin, directory)
    lacking = {of.origin for of in inputs.not_here(origin).values()}
    if lacking:
        handing.take_from(project)
        wanted = {name: _without(sources, lacking) for name, sources in wanted.items()}
        origins = [key for sources in wanted.values() for key in sources]
    for line in manifest_lines(origin):
        name, place = _dependency(origin, line) or ("", "")
        path = os.path.join(origin, name)
        is_meant = any(place == key or place.startswith(key + "/") for key in origins)
        if not name or not is_meant or not is_inside(directory, name) or os.path.islink(path):
            continue
        if os.path.isfile(path):
            handing.hand_on(path, os.path.join(directory, name))
            copied.append(line)
        elif os.path.isdir(path):
            target = os.path.join(directory, name)
            trees.copy_tree(
                path, target, symlinks=True, dirs_exist_ok=True, copy_function=handing.hand_on
            )
            copied.append(line)
    handing.note()
    if copied:
        append_manifest(directory, copied)
    if wanted:
        rundir.write_attr(directory, "deps", wanted)


def _without(sources: Dict[str, Value], lacking: Set[str]) -> Dict[str, Value]:
    """The sources but those of which not all is there: the run is to be given these anew."""
    return {key: source for key, source in sources.items() if key not in lacking}


class _Handing:
    """What one run was given, handed on to another."""

    def __init__(self, origin: str, directory: str) -> None:
        self._origin, self._directory = origin, directory
        self._as_given = inputs.as_given(origin)
        packages = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES)
        self._files = os.path.join(packages, FILES)
        self._kept = inputs.kept(directory)
        self._names = {content.digest: name for name, content in self._kept.items()}
        self._handed: Dict[str, Dict[str, inputs.Content]] = {}

    def hand_on(self, path: str, target: str) -> str:
        """Give the new run a file of the other's: of what is kept as it first was, else a copy."""
        name = os.path.relpath(path, self._origin)
        top, of = os.path.realpath(self._directory), self._as_given.get(name)
        mode = stat.S_IMODE(os.stat(path).st_mode)
        kept_at = os.path.join(self._files, self._names.get(of.digest, "") if of else "")
        if of is not None and os.path.isfile(kept_at):
            content = inputs.Content(of.digest, of.size, bool(mode & 0o100))
            placed.give(kept_at, content, top, name, own=bool(mode & 0o200))
        else:
            placed.copy(path, top, name, mode | 0o200)
        if of is not None:
            kept.set_time(target, of.digest)
            self._handed.setdefault(of.origin, {})[name] = inputs.Content(of.digest, of.size)
        return target

    def take_from(self, project: str) -> None:
        """Keep for the new run what the project's folder has of what was given to the other."""
        guild = rundir.guild_dir(self._directory)
        for name, content in self._kept.items():
            kept_at = os.path.join(self._files, name)
            if os.path.exists(kept_at):
                continue
            path = os.path.join(project, path_kept_as(name))
            if not (project and os.path.isfile(path) and sha256_of(path) == content.digest):
                self._refuse(name)
            placed.copy(path, guild, os.path.relpath(kept_at, guild))
            kept.make_as_kept(kept_at, content.digest)

    def _refuse(self, name: str) -> None:
        run_id = os.path.basename(self._origin)
        remote = (rundir.confirmed(self._origin) or {"remote": "REMOTE"})["remote"]
        raise AgentError(
            "run %s is here without what it was given, and the project here has no such %s"
            % (run_id, rundir.shown(name)),
            "Bring it here first: guild pull %s %s --inputs" % (remote, run_id),
            "unmet",
        )

    def note(self) -> None:
        """Write down what was handed on."""
        for origin, files in self._handed.items():
            inputs.note(self._directory, files, origin)


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
