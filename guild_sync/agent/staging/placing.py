"""A file or folder that is required, put into its run: copied or linked, and written down."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from typing import Dict, List, Optional, Set

from .. import trees
from ..contents import digests, inputs, kept, placed
from ..errors import AgentError
from ..protocol import CACHE, FILES, RequirementForm, Value
from ..store import inside, manifest, rundir
from ..store.manifest import append_manifest, manifest_lines, write_manifest
from . import archives
from .selecting import Chosen, chosen, comes_along, described, place_of

_NO_DIGEST = "-"  # what Guild AI writes for a folder; of a link the run that it leads to says all


def is_inside(directory: str, name: str) -> bool:
    """Whether a normal path is in the run, but for guild's own; no link on the way leads out."""
    if os.path.isabs(name) or name.split("/")[0] in ("..", ".", ".guild"):
        return False
    inside = os.path.join(os.path.realpath(directory), os.path.dirname(name)).rstrip("/")
    return os.path.realpath(os.path.dirname(os.path.join(directory, name))) == inside


def add_required(
    directory: str,
    requirement: RequirementForm,
    source: str,
    origin: str,
    run_id: str = "",
    is_link: bool = False,
) -> List[str]:
    """Put what is meant of `source` into the run; what is to be said of it, a line each.

    Its lines in the manifest say that it came from `origin`. Of another run, and with
    `is_link`, there are links, unless the requirement wants copies.
    """
    if not os.path.exists(source):
        raise AgentError("it requires %s, which is not there" % rundir.shown(requirement["source"]))
    _check_digest(requirement, source)
    if not run_id and requirement.get("unpack", False) and archives.is_archive(source):
        with archives.unpacked(source, rundir.guild_dir(directory)) as folder:
            found = chosen(requirement, folder, is_archive=True)
            return _Placing(directory, requirement, origin).put(source, folder, found)
    found = chosen(requirement, source, run_id)
    placing = _Placing(directory, requirement, origin, run_id, is_link and not requirement["copy"])
    return placing.put(source, source, found)


def add_text(directory: str, requirement: RequirementForm, text: str) -> List[str]:
    """Write a file that guild has made itself; it takes the place of any other."""
    origin = "%s:%s" % (requirement["kind"], requirement["source"])
    placing = _Placing(directory, {**requirement, "replace": True}, origin)
    return placing.write(place_of(requirement), text)


def _check_digest(requirement: RequirementForm, source: str) -> None:
    wanted = requirement.get("sha256", "").lower()
    if not wanted:
        return
    shown = rundir.shown(requirement["source"])
    if not os.path.isfile(source):
        raise AgentError("%s is a folder, which has no SHA-256: select its files" % shown)
    found = digest_of(source, "sha256")
    if found != wanted:
        raise AgentError("%s has the SHA-256 %s, and not %s" % (shown, found, wanted))


class _Placing:
    """The files of one requirement, put into a run one after the other."""

    def __init__(
        self,
        directory: str,
        requirement: RequirementForm,
        origin: str,
        run_id: str = "",
        is_link: bool = False,
    ) -> None:
        self._directory = directory
        self._requirement = requirement
        self._origin = origin
        self._run_id = run_id
        self._is_link = is_link or bool(run_id and not requirement["copy"])
        kind = manifest.KINDS["sourcecode"]
        self._source_code = manifest.paths_of_kinds(directory, kind)
        self._replaced: Set[str] = set()
        self._lines: List[str] = []
        self._said: List[str] = []
        files = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES, FILES)
        self._kept = {os.path.join(files, n): c for n, c in inputs.kept(directory).items()}
        is_input = requirement["kind"] in ("file", "url") and inputs.is_begun(directory)
        self._given: Optional[Dict[str, inputs.Content]] = {} if is_input else None

    def put(self, source: str, folder: str, found: List[Chosen]) -> List[str]:
        """Put all of them into the run, and write it down."""
        if not found:
            self._nothing()
        for name, path in found:
            try:
                self._put(name, path, _within(path, folder))
            except OSError as e:
                why = e.strerror or "not all of it can be copied"
                raise AgentError("the required file %s: %s" % (rundir.shown(name), why)) from None
        self._write_down([source] if folder != source else [path for _, path in found])
        return self._said

    def write(self, name: str, text: str) -> List[str]:
        self._check_inside(name)
        self._make_free(name)
        top = os.path.realpath(self._directory)
        with os.fdopen(inside.create(top, name), "w", encoding="utf-8") as f:
            f.write(text)
        self._note(name, digest_of(os.path.join(top, name)), "")
        self._write_down([name])
        return self._said

    def _nothing(self) -> None:
        if_empty = self._requirement.get("if_empty", "fail")
        text = "it requires files of %s%s, and there are none" % (
            self._requirement["name"],
            described(self._requirement),
        )
        if if_empty == "fail":
            raise AgentError(text)
        if if_empty == "warn":
            self._said.append(text)

    def _check_inside(self, name: str) -> None:
        # A link on the way, which an earlier requirement made, would lead out of this run.
        if not is_inside(self._directory, name):
            raise AgentError("the required file %s would be outside the run" % rundir.shown(name))

    def _put(self, name: str, path: str, within: str, top: str = "") -> None:
        """Link or copy `path` to `name` in the run; `top` is the run's folder that it is in."""
        self._check_inside(name)
        target = os.path.join(self._directory, name)
        is_kept = bool(top) and os.path.islink(path)  # a link as it is, which may go round
        is_folder = os.path.isdir(path) and not is_kept
        if not os.path.islink(target) and os.path.isdir(target) and is_folder:
            for entry in sorted(os.listdir(path)):  # into the folder that is there
                inner = os.path.join(path, entry)
                # Of another run links come as they are.
                if entry != CACHE and (top or self._comes_along(inner)):
                    below = os.path.join(within, entry)
                    self._put(os.path.join(name, entry), inner, below, top)
            return
        if not (self._is_link or is_kept) and os.path.isfile(target) and os.path.isfile(path):
            digest = digest_of(target)
            if digest == digest_of(path):  # source code, which the operation requires as well
                self._note(name, digest, within)
                return
        if not self._make_free(name):
            self._said.append(
                "%s is there already: it is not replaced by that of %s"
                % (rundir.shown(name), rundir.shown(self._requirement["name"]))
            )
            return
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        if self._is_link:
            os.symlink(os.path.relpath(path, folder) if self._run_id else path, target)
            digest = _NO_DIGEST
        elif is_kept:
            os.symlink(_kept_link(path, top), target)
            digest = _NO_DIGEST
        elif is_folder and self._run_id:  # a line for each file: they may be forgotten again
            os.mkdir(target)
            self._put(name, path, within, top or path)
            return
        elif is_folder:
            trees.copy_tree(
                path,
                target,
                ignore=(CACHE,),
                only=self._comes_along,
                copy_function=self._copy_below,
            )
            digest = _NO_DIGEST
        else:
            self._copy(path, name)
            digest = digest_of(target)
        self._note(name, digest, within)

    def _comes_along(self, path: str) -> bool:
        """Whether what is in a folder is copied; that it is not is said."""
        if comes_along(path):
            return True
        text = "%s is left out: it is no file, or a link that leads nowhere or goes round"
        self._said.append(text % rundir.shown(path))
        return False

    def _copy_below(self, path: str, target: str) -> str:
        """Copy a file of a folder, with its mode, or give the run the content that it has."""
        if os.path.normpath(path) in self._kept:
            self._copy(path, os.path.relpath(target, self._directory))
        else:
            shutil.copy2(path, target)
            self._note_given(os.path.relpath(target, self._directory))
        return target

    def _copy(self, path: str, name: str) -> None:
        top, content = os.path.realpath(self._directory), self._kept.get(os.path.normpath(path))
        if content is None or self._given is None:
            placed.copy(path, top, name)
            self._note_given(name)
            return
        # What a command is let at, or is to be the run's own, it can write to.
        is_own = self._requirement["copy"] or bool(self._requirement.get("post_process"))
        placed.give(path, content, top, name, is_own)
        self._given[name] = content

    def _note_given(self, name: str) -> None:
        """Note what a file that was copied is, so that it is told whether it stays so."""
        if self._given is not None:
            path = os.path.join(self._directory, name)
            content = inputs.Content(digests.sha256_of(path), os.path.getsize(path))
            kept.set_time(path, content.digest)
            self._given[name] = content

    def _make_free(self, name: str) -> bool:
        """Whether nothing is at `name` any more: source code gives way, all else on request."""
        target = os.path.join(self._directory, name)
        if not os.path.lexists(target):
            return True
        if not (self._requirement.get("replace") or name in self._source_code):
            return False
        if os.path.isdir(target) and not os.path.islink(target):
            if not trees.remove_tree(target):
                raise AgentError("cannot replace %s: not all of it goes" % rundir.shown(name))
        else:
            os.unlink(target)
        self._replaced.add(name)
        return True

    def _note(self, name: str, digest: str, within: str) -> None:
        place = self._origin + within if self._run_id else os.path.join(self._origin, within)
        words = ("d", shlex.quote(name), digest, shlex.quote(place.rstrip("/")))
        self._lines.append(" ".join(words))

    def _write_down(self, paths: List[str]) -> None:
        if self._replaced:
            others = [line for line in manifest_lines(self._directory) if not self._is_about(line)]
            write_manifest(self._directory, others)
        append_manifest(self._directory, self._lines)
        inputs.note(self._directory, self._given or {}, self._origin)
        self._record(paths)

    def _is_about(self, line: str) -> bool:
        """Whether a line of the manifest is about what was replaced."""
        fields = manifest.fields(line)
        name = os.path.normpath(fields[1]) if len(fields) > 1 else ""
        return any(name == path or name.startswith(path + "/") for path in self._replaced)

    def _record(self, paths: List[str]) -> None:
        """Write the attribute `deps`, as Guild AI 0.9 does."""
        requirement = self._requirement
        deps = rundir.mapping(rundir.read_attr(self._directory, "deps"))
        uri = "%s:%s" % (requirement["kind"], requirement["source"])
        shown = [
            os.path.relpath(path, self._directory) if self._run_id else requirement["source"]
            for path in paths
        ]
        # An attribute is text, and a file's name need not be.
        shown = [os.fsencode(path).decode("utf-8", "replace") for path in shown]
        source: "dict[str, Value]" = {"paths": [*shown], "uri": uri}
        if self._run_id:
            source["config"] = self._run_id
        deps[requirement["name"]] = {**rundir.mapping(deps.get(requirement["name"])), uri: source}
        rundir.write_attr(self._directory, "deps", deps)


def _within(path: str, folder: str) -> str:
    within = os.path.relpath(path, folder) if os.path.isdir(folder) else ""
    return "" if within == "." else within  # a whole folder


def _kept_link(path: str, top: str) -> str:
    """What a link in a folder says that is copied: the place itself, where it leads out of that."""
    place, folder = os.path.realpath(path), os.path.realpath(top)
    return os.readlink(path) if place == folder or place.startswith(folder + "/") else place


def digest_of(path: str, kind: str = "sha1") -> str:
    """The digest of a file's contents, in hexadecimal digits."""
    digest = hashlib.new(kind)
    with open(path, "rb") as f:
        for chunk in iter(lambda: f.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
