"""A file or folder that is required, put into its run: copied or linked, and written down."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from typing import Collection, Dict, Iterator, List, Tuple

from ..errors import AgentError
from ..protocol import CACHE, RequirementForm, Value
from ..store import inside, manifest, rundir
from ..store.manifest import append_manifest

_CACHES = shutil.ignore_patterns(CACHE)
_NO_DIGEST = "-"  # what Guild AI writes for a folder; of a link the run that it leads to says all


def is_inside(directory: str, name: str) -> bool:
    """Whether a normal path is in the run, but for guild's own; no link on the way leads out."""
    if os.path.isabs(name) or name.split("/")[0] in ("..", ".", ".guild"):
        return False
    inside = os.path.join(os.path.realpath(directory), os.path.dirname(name)).rstrip("/")
    return os.path.realpath(os.path.dirname(os.path.join(directory, name))) == inside


def add_required(
    directory: str, requirement: RequirementForm, source: str, origin: str, run_id: str = ""
) -> None:
    if not os.path.exists(source):
        raise AgentError("it requires %s, which is not there" % rundir.shown(requirement["source"]))
    chosen = list(_renamed(requirement, _chosen(requirement, source, run_id)))
    if not chosen:
        what = " matching %s" % " or ".join(requirement["select"]) if requirement["select"] else ""
        raise AgentError(
            "it requires files of %s%s, and there are none" % (requirement["name"], what)
        )
    # A project's file is copied: the project goes on, and may be on another machine.
    is_link = os.path.isabs(requirement["source"]) or bool(run_id and not requirement["copy"])
    lines = []
    for name, path in chosen:
        try:
            digest = _put(directory, name, path, is_link, is_relative=bool(run_id))
        except OSError as e:
            why = e.strerror or "not all of it can be copied"
            raise AgentError("the required file %s: %s" % (rundir.shown(name), why)) from None
        within = os.path.relpath(path, source) if os.path.isdir(source) else ""
        within = "" if within == "." else within  # a whole folder
        place = origin + (within if run_id else os.path.join(requirement["source"], within))
        lines.append(" ".join(("d", shlex.quote(name), digest, shlex.quote(place.rstrip("/")))))
    append_manifest(directory, lines)
    _record(directory, requirement, [path for _, path in chosen], run_id)


def _chosen(requirement: RequirementForm, source: str, run_id: str) -> Iterator[Tuple[str, str]]:
    """(path in the run, path to take) of each file or folder, before it is renamed."""
    patterns = [re.compile(pattern) for pattern in requirement["select"]]
    if os.path.isfile(source):
        yield os.path.basename(source), source
        return
    if not patterns and not run_id:
        yield os.path.basename(source), source
        return
    # Of another run what it made, and not what it was given.
    given = set(manifest.given_files(source)) if run_id else set()
    for path in _paths(source, given, whole_folders=not patterns):
        if not patterns or any(pattern.fullmatch(path) for pattern in patterns):
            keep = requirement["keep_folders"] or not patterns
            yield (path if keep else os.path.basename(path)), os.path.join(source, path)


def _paths(source: str, given: Collection[str], whole_folders: bool) -> Iterator[str]:
    """Paths below a folder but for .guild and `given`; with `whole_folders` those that have
    nothing of `given` in them come as one."""
    folders = {os.path.dirname(path) for path in given}
    folders |= {above for path in folders for above in _above(path)}
    for top, names, files in os.walk(source):
        names.sort()
        here = os.path.relpath(top, source)
        if here == ".":
            here = ""
            names[:] = [name for name in names if name != ".guild"]
        names[:] = [name for name in names if name != CACHE]
        for name in sorted(files):
            path = os.path.join(here, name)
            if path not in given:
                yield path
        for name in list(names):
            path = os.path.join(here, name)
            if os.path.islink(os.path.join(source, path)) or (
                whole_folders and path not in folders
            ):
                names.remove(name)
                yield path


def _above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = os.path.dirname(path)


def _renamed(
    requirement: RequirementForm, chosen: Iterator[Tuple[str, str]]
) -> Iterator[Tuple[str, str]]:
    taken: Dict[str, str] = {}
    for name, path in chosen:
        folder, base = os.path.split(name)
        for pattern, text in requirement["rename"]:
            base = re.sub(pattern, text, base, count=1)
        name = os.path.normpath(os.path.join(requirement["target_path"], folder, base))
        if "\n" in name + path:  # the manifest has a line for each
            raise AgentError(
                "the required file %s has a line break in its name" % rundir.shown(name),
                "Give it another name, or leave it out with select.",
            )
        if name in taken:
            raise AgentError(
                "two files of %s would both be %s" % (requirement["name"], rundir.shown(name)),
                "Use preserve-path: yes, or a narrower select.",
            )
        taken[name] = path
        yield name, path


def _put(directory: str, name: str, path: str, is_link: bool, is_relative: bool) -> str:
    """Link or copy `path` to `name` in the run; the digest for its line in the manifest."""
    target = os.path.join(directory, name)
    folder = os.path.dirname(target)
    # A link on the way, which an earlier requirement made, would lead out of this run.
    if not is_inside(directory, name):
        raise AgentError("the required file %s would be outside the run" % rundir.shown(name))
    os.makedirs(folder, exist_ok=True)
    if os.path.lexists(target):
        if not is_link and os.path.isfile(target):
            digest = _sha1(path)
            if digest == _sha1(target):
                return digest  # source code, which the operation requires as well
        if os.path.isdir(target) and os.path.isdir(path) and not is_link:
            shutil.copytree(path, target, dirs_exist_ok=True, ignore=_CACHES)
            return _NO_DIGEST
        raise AgentError("the required file %s is in the way of another" % rundir.shown(name))
    if is_link:
        os.symlink(os.path.relpath(path, folder) if is_relative else path, target)
        return _NO_DIGEST
    if os.path.isdir(path):
        shutil.copytree(path, target, symlinks=False, ignore=_CACHES)
        return _NO_DIGEST
    copy_file(path, os.path.realpath(directory), name)
    return _sha1(target)


def copy_file(source: str, top: str, name: str) -> None:
    """Copy the contents of a file to `name`, a path in a folder of a run."""
    with open(source, "rb") as f, os.fdopen(inside.create(top, name), "wb") as copy:
        shutil.copyfileobj(f, copy, 1 << 20)


def _sha1(path: str) -> str:
    digest = hashlib.sha1()
    with open(path, "rb") as f:
        for chunk in iter(lambda: f.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _record(directory: str, requirement: RequirementForm, paths: List[str], run_id: str) -> None:
    """Write the attribute `deps`, as Guild AI 0.9 does."""
    deps = rundir.mapping(rundir.read_attr(directory, "deps"))
    uri = "%s:%s" % (requirement["kind"], requirement["source"])
    shown = [
        os.path.relpath(path, directory) if run_id else requirement["source"] for path in paths
    ]
    # An attribute is text, and a file's name need not be.
    shown = [os.fsencode(path).decode("utf-8", "replace") for path in shown]
    source: Dict[str, Value] = {"paths": [*shown], "uri": uri}
    if run_id:
        source["config"] = run_id
    deps[requirement["name"]] = {uri: source}
    rundir.write_attr(directory, "deps", deps)
