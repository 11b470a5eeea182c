"""What an operation requires: files of its project, and files of other operations' runs.

A project's files are copied into the run when it is made, as its source code is. Of
another run, and of an absolute path, there are links, made before the operation starts.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from . import filters, listing, locks, runs
from .errors import AgentError

Requirement = Dict[str, Any]  # definitions.Requirement, as JSON has it

# Where a run keeps the files of its project that its operation may require: the wheel
# brings them there, and runs that are made from this one take them from there.
FILES = "gpkg_files"
_NO_DIGEST = "-"  # what Guild AI writes for a folder; of a link the run that it leads to says all


def candidates(
    home: str, requires: Sequence[Requirement], flags: Dict[str, Any]
) -> Dict[str, Dict[str, Any]]:
    """For each run that is required, by its name: `run`, its summary, or `problem`, why not."""
    found: Dict[str, Dict[str, Any]] = {}
    for requirement in requires:
        if requirement["kind"] == "operation":
            name = requirement["name"]
            try:
                run_id = _required_run(home, requirement, flags.get(name))
                found[name] = {"run": runs.summary(home, run_id)}
            except AgentError as e:
                found[name] = {"problem": e.message}
    return found


def _required_run(home: str, requirement: Requirement, wanted: Any) -> str:
    """The id of the run that the flag names, or else of the latest completed one."""
    if wanted in (None, ""):
        run_id = _latest(home, requirement["source"])
        if run_id is None:
            raise AgentError(
                "it requires a completed run of %s, and there is none"
                % runs.shown(requirement["source"])
            )
        return run_id
    run_id = runs.one(home, str(wanted))
    state = runs.status(runs.run_dir(home, run_id))
    if state.text not in runs.FINAL:
        raise AgentError("it requires run %s, which is %s" % (run_id, state.text))
    return run_id


def _latest(home: str, operation: str) -> Optional[str]:
    for run_id in runs.run_ids(home):
        directory = runs.run_dir(home, run_id)
        # `MODEL:NAME` behind the package's name, which a change of the project changes.
        name = filters.operation_name(directory).rpartition("/")[2]
        if name == operation and runs.status(directory).text == "completed":
            return run_id
    return None


def add_files(
    home: str, run_id: str, requires: Sequence[Requirement], root: str = "", run_dir: str = ""
) -> None:
    """Copy the files of the project that are required into a pending run.

    They are below `root`, or where the run's package has them.
    """
    directory = run_dir or runs.run_dir(home, run_id)
    top = root or os.path.join(runs.guild_dir(directory), "job-packages", FILES)
    for requirement in requires:
        if requirement["kind"] == "file" and not os.path.isabs(requirement["source"]):
            _add(directory, requirement, os.path.join(top, requirement["source"]), "file:")


def keep_files(home: str, run_id: str, root: str, files: Sequence[str]) -> None:
    """Keep files of the project for the runs that will be made from this one."""
    directory = runs.run_dir(home, run_id)
    top = os.path.join(runs.guild_dir(directory), "job-packages", FILES)
    for name in files:
        target = os.path.join(top, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(root, name), target)


def resolve(home: str, directory: str, requires: Sequence[Requirement]) -> None:
    """Link what the run requires of other runs, and of absolute paths, into it.

    The run that was taken becomes the flag's value. What an earlier start linked stays,
    unless another run is meant now. Raises AgentError (kind "unmet") for what is not there.
    """
    flags = runs.read_attr(directory, "flags") or {}
    known = runs.read_attr(directory, "deps") or {}
    try:
        for requirement in requires:
            key = "%s:%s" % (requirement["kind"], requirement["source"])
            if requirement["kind"] == "operation":
                run_id = _required_run(home, requirement, flags.get(requirement["name"]))
                if _config(known, requirement["name"], key) == run_id:
                    continue
                forget(directory, requirement)
                flags[requirement["name"]] = run_id
                runs.write_attr(directory, "flags", flags)
                _add(directory, requirement, runs.run_dir(home, run_id), key + "/", run_id)
            elif os.path.isabs(requirement["source"]) and requirement["name"] not in known:
                _add(directory, requirement, requirement["source"], "file:")
    except AgentError as e:
        raise AgentError("run %s cannot start: %s" % (os.path.basename(directory), e.message),
                         e.hint, "unmet") from None  # fmt: skip


def _config(known: Any, name: str, key: str) -> Any:
    entry = known.get(name, {}) if isinstance(known, dict) else {}
    source = entry.get(key, {}) if isinstance(entry, dict) else {}
    return source.get("config") if isinstance(source, dict) else None


def forget(directory: str, requirement: Requirement) -> None:
    """Remove what an earlier start linked for this requirement."""
    paths, others = _split(directory, "%s:%s/" % (requirement["kind"], requirement["source"]))
    for path in paths:
        if os.path.islink(path):
            os.unlink(path)
    _write_manifest(directory, others)


def forget_all(directory: str) -> None:
    """Remove all that was put into the run for its operation's requirements."""
    paths, others = _split(directory)
    for path in paths:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    _write_manifest(directory, others)
    runs.remove_attr(directory, "deps")


def _split(directory: str, origin: str = "") -> Tuple[List[str], List[str]]:
    """Paths of the dependencies that come from where `origin` is the beginning of; the lines of
    the manifest that are about other things."""
    paths, others = [], []
    for line in _manifest_lines(directory):
        name, place = _dependency(directory, line) or ("", "")
        if name and place.startswith(origin):
            paths.append(os.path.join(directory, name))
        else:
            others.append(line)
    return paths, others


def adopt_files(origin: str, directory: str) -> None:
    """Give a pending run the project's files that the run `origin` was given."""
    deps = runs.read_attr(origin, "deps")
    for line in _manifest_lines(origin):
        name, place = _dependency(origin, line) or ("", "")
        source, target = os.path.join(origin, name), os.path.join(directory, name)
        if not name or not place.startswith("file:") or not _is_inside(directory, name):
            continue
        if os.path.isfile(source) and not os.path.islink(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)
            _append_manifest(directory, [line])
    if isinstance(deps, dict):
        of_files = {n: d for n, d in deps.items() if isinstance(d, dict) and _has_files(d)}
        runs.write_attr(directory, "deps", of_files)


def _has_files(sources: Dict[Any, Any]) -> bool:
    return any(str(uri).startswith("file:") for uri in sources)


def _dependency(directory: str, line: str) -> Optional[Tuple[str, str]]:
    """(path in the run, where it came from), where a line of the manifest is a dependency's.

    None as well for a path that is not in the run: a manifest comes from other machines too.
    """
    fields = listing.fields(line)
    if len(fields) < 2 or fields[0] != "d":
        return None
    name = os.path.normpath(fields[1])
    if "\0" in name or not _is_inside(directory, name):
        return None
    return name, fields[3] if len(fields) > 3 else ""


def _is_inside(directory: str, name: str) -> bool:
    """Whether a normal path is in the run, but for guild's own; no link on the way leads out."""
    if os.path.isabs(name) or name.split("/")[0] in ("..", ".", ".guild"):
        return False
    inside = os.path.join(os.path.realpath(directory), os.path.dirname(name)).rstrip("/")
    return os.path.realpath(os.path.dirname(os.path.join(directory, name))) == inside


# ---- putting files into a run


def _add(
    directory: str, requirement: Requirement, source: str, origin: str, run_id: str = ""
) -> None:
    if not os.path.exists(source):
        raise AgentError("it requires %s, which is not there" % runs.shown(requirement["source"]))
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
            raise AgentError("the required file %s: %s" % (runs.shown(name), why)) from None
        within = os.path.relpath(path, source) if os.path.isdir(source) else ""
        within = "" if within == "." else within  # a whole folder
        place = origin + (within if run_id else os.path.join(requirement["source"], within))
        lines.append(" ".join(("d", shlex.quote(name), digest, shlex.quote(place.rstrip("/")))))
    _append_manifest(directory, lines)
    _record(directory, requirement, [path for _, path in chosen], run_id)


def _chosen(requirement: Requirement, source: str, run_id: str) -> Iterator[Tuple[str, str]]:
    """(path in the run, path to take) of each file or folder, before it is renamed."""
    patterns = [re.compile(pattern) for pattern in requirement["select"]]
    if os.path.isfile(source):
        yield os.path.basename(source), source
        return
    if not patterns and not run_id:
        yield os.path.basename(source), source
        return
    # Of another run what it made, and not what it was given.
    given = set(listing.given_files(source)) if run_id else set()
    for path in _paths(source, given, whole_folders=not patterns):
        if not patterns or any(pattern.fullmatch(path) for pattern in patterns):
            keep = requirement["keep_folders"] or not patterns
            yield (path if keep else os.path.basename(path)), os.path.join(source, path)


def _paths(source: str, given: Any, whole_folders: bool) -> Iterator[str]:
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
    requirement: Requirement, chosen: Iterator[Tuple[str, str]]
) -> Iterator[Tuple[str, str]]:
    taken: Dict[str, str] = {}
    for name, path in chosen:
        folder, base = os.path.split(name)
        for pattern, text in requirement["rename"]:
            base = re.sub(pattern, text, base, count=1)
        name = os.path.normpath(os.path.join(requirement["target_path"], folder, base))
        if "\n" in name + path:  # the manifest has a line for each
            raise AgentError(
                "the required file %s has a line break in its name" % runs.shown(name),
                "Give it another name, or leave it out with select.",
            )
        if name in taken:
            raise AgentError(
                "two files of %s would both be %s" % (requirement["name"], runs.shown(name)),
                "Use preserve-path: yes, or a narrower select.",
            )
        taken[name] = path
        yield name, path


def _put(directory: str, name: str, path: str, is_link: bool, is_relative: bool) -> str:
    """Link or copy `path` to `name` in the run; the digest for its line in the manifest."""
    target = os.path.join(directory, name)
    folder = os.path.dirname(target)
    # A link on the way, which an earlier requirement made, would lead out of this run.
    if not _is_inside(directory, name):
        raise AgentError("the required file %s would be outside the run" % runs.shown(name))
    os.makedirs(folder, exist_ok=True)
    if os.path.lexists(target):
        if not is_link and os.path.isfile(target) and _sha1(target) == _sha1(path):
            return _sha1(path)  # source code, which the operation requires as well
        if os.path.isdir(target) and os.path.isdir(path) and not is_link:
            shutil.copytree(path, target, dirs_exist_ok=True)
            return _NO_DIGEST
        raise AgentError("the required file %s is in the way of another" % runs.shown(name))
    if is_link:
        os.symlink(os.path.relpath(path, folder) if is_relative else path, target)
        return _NO_DIGEST
    if os.path.isdir(path):
        shutil.copytree(path, target, symlinks=False)
        return _NO_DIGEST
    shutil.copyfile(path, target)
    return _sha1(target)


def _sha1(path: str) -> str:
    digest = hashlib.sha1()
    with open(path, "rb") as f:
        for chunk in iter(lambda: f.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _record(directory: str, requirement: Requirement, paths: List[str], run_id: str) -> None:
    """Write the attribute `deps`, as Guild AI 0.9 does."""
    deps = runs.read_attr(directory, "deps")
    deps = deps if isinstance(deps, dict) else {}
    uri = "%s:%s" % (requirement["kind"], requirement["source"])
    shown = [
        os.path.relpath(path, directory) if run_id else requirement["source"] for path in paths
    ]
    # An attribute is text, and a file's name need not be.
    shown = [os.fsencode(path).decode("utf-8", "replace") for path in shown]
    source: Dict[str, Any] = {"paths": shown, "uri": uri}
    if run_id:
        source["config"] = run_id
    deps[requirement["name"]] = {uri: source}
    runs.write_attr(directory, "deps", deps)


def _manifest_path(directory: str) -> str:
    return os.path.join(runs.guild_dir(directory), "manifest")


def _manifest_lines(directory: str) -> List[str]:
    try:
        path = _manifest_path(directory)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
            return [line for line in f.read().split("\n") if line]
    except OSError:
        return []


def _write_manifest(directory: str, lines: Sequence[str]) -> None:
    locks.write_atomically(_manifest_path(directory), "".join(line + "\n" for line in lines))


def _append_manifest(directory: str, lines: Sequence[str]) -> None:
    _write_manifest(directory, [*_manifest_lines(directory), *lines])
