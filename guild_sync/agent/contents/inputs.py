"""What a run was given of its project, and of web servers, as the run keeps it.

`.guild/inputs.json` has `kept`: the project's files, by their names among FILES, for this run and
those that are made from it; and `given`: what was put into the run, by its path there. It is in
copies, too, which are made without what is as it was given. Runs of earlier versions have none.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..protocol import Value
from ..store import atomic, inside, rundir
from .digests import sha256_of
from .kept import is_as_kept, is_digest

_FILE = "inputs.json"
_MAX_BYTES = 1 << 26
# Of a source that gives less than this, all is copied with its run: whoever looks at a run wants
# to see the table that it began with, and no disk or line is spared without it.
SMALL = 1 << 20
_MOST_SIZE = (1 << 63) - 1  # bytes of a file
_MANY = 100  # files, from which on whole folders are told in place of what is in them


class Content(NamedTuple):
    """What a file of the project holds, and whether it is a program."""

    digest: str
    size: int
    is_program: bool = False


class Input(NamedTuple):
    """What a file of a run was when it was given to it, and where it came from."""

    digest: str
    size: int
    origin: str  # as the manifest has it


def begin(directory: str, kept: Dict[str, Content]) -> None:
    """Have a run write down what it is given, and keep these names for its project's files."""
    _write(directory, kept, {})


def is_begun(directory: str) -> bool:
    return inside.exists(rundir.guild_dir(directory), _FILE)


def adopt(origin: str, directory: str) -> None:
    """Have a run write down what it is given, if `origin` does, and keep the same names."""
    if is_begun(origin):
        begin(directory, kept(origin))


def kept(directory: str) -> Dict[str, Content]:
    """The project's files, by their names among FILES."""
    found = {}
    for name, fields in _read(directory, "kept").items():
        content = _content(fields)
        if content is not None:
            found[name] = content
    return found


def given(directory: str) -> Dict[str, Input]:
    """What the run was given, by its path in the run."""
    found = {}
    for path, fields in _read(directory, "given").items():
        content = _content(fields)
        if content is not None and isinstance(fields, list) and _is_path(path):
            found[path] = Input(content.digest, content.size, str(fields[2]))
    return found


def _content(fields: Value) -> Optional[Content]:
    if not isinstance(fields, list) or len(fields) != 3:
        return None
    digest, size, third = fields
    if not isinstance(digest, str) or not is_digest(digest) or type(size) is not int:
        return None
    if not 0 <= size <= _MOST_SIZE:
        return None
    return Content(digest, size, third is True)


def _is_path(path: str) -> bool:
    """Whether it is a path in a run that guild gives something: a copy's record may say any."""
    parts = path.split("/")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:  # no file can have that name
        return False
    return "\0" not in path and parts[0] != ".guild" and not {"", ".", ".."} & {*parts}


def note(directory: str, files: Dict[str, Content], origin: str) -> None:
    """Write down what the run was given from one source, in place of what was at these paths."""
    if files:
        new = {path: Input(content.digest, content.size, origin) for path, content in files.items()}
        _write(directory, kept(directory), {**given(directory), **new})


def forget(directory: str, paths: Iterable[str]) -> None:
    """Write down that what the run was given at these paths, or below them, is no more."""
    known, gone = given(directory), {*paths}
    left = {path: of for path, of in known.items() if not _is_in(path, gone)}
    if len(left) < len(known):
        _write(directory, kept(directory), left)


def _is_in(path: str, places: Set[str]) -> bool:
    while path and path not in places:
        path = os.path.dirname(path)
    return bool(path)


def as_given(directory: str) -> Dict[str, Input]:
    """What is in the run as it was given: what the run has written to is its own by now."""
    return {p: of for p, of in given(directory).items() if is_as_given(directory, p, of)}


def is_as_given(directory: str, path: str, of: Input) -> bool:
    """Whether a file of the run is what it was given there."""
    top = os.path.join(directory, ".")  # a run may be a link
    return is_as_kept(inside.status(top, path), of.digest, of.size)


def large(directory: str) -> Dict[str, Input]:
    """What the run was given by sources that give much."""
    known = given(directory)
    totals: Dict[str, int] = Counter()
    for of in known.values():
        totals[of.origin] += of.size
    return {path: of for path, of in known.items() if totals[of.origin] >= SMALL}


def left_out(directory: str, most: int, is_wanted: Callable[[str], bool]) -> List[Tuple[str, int]]:
    """What a copy of the run is made without: paths and bytes of what is as it was given.

    A folder of which all is left out is one path that ends with a slash, where there are many.
    What is wanted comes all the same.
    """
    found = {
        path: of.size
        for path, of in large(directory).items()
        if is_as_given(directory, path, of) and not is_wanted(path)
    }
    told = _with_folders(directory, found) if len(found) > _MANY else found
    return sorted(told.items())[: max(most, 0)]  # what is beyond them comes


def not_here(directory: str) -> Dict[str, Input]:
    """What the run was given, and is not in it: in a copy, say."""
    return {path: of for path, of in given(directory).items() if not _is_there(directory, path)}


def _is_there(directory: str, path: str) -> bool:
    return os.path.lexists(os.path.join(directory, path))


def altered(home: str, ids: Sequence[str]) -> Dict[str, List[str]]:
    """Of each run the paths of what is as it was given by its size and time, and not by its
    contents: a disk, or somebody who has set its time, has changed it."""
    digests: Dict[Tuple[int, int], str] = {}  # of a file, of which runs have many names
    found = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        differing = []
        for path, of in as_given(directory).items():
            file = os.path.join(directory, path)
            try:
                status = os.lstat(file)
                number = status.st_dev, status.st_ino  # a run may lie on another disk
                if number not in digests:
                    digests[number] = sha256_of(file)
            except OSError:  # it went meanwhile, or may not be read, as whoever compares runs sees
                continue
            if digests[number] != of.digest:
                differing.append(path)
        found[run_id] = sorted(differing)
    return found


def without_altered(home: str, ids: Sequence[str]) -> Dict[str, List[Tuple[str, int]]]:
    """Remove from copies what came as if it were what the run was given, and is something else.

    The paths and bytes of what it should have been, of each run that has such.
    """
    found = {}
    for run_id, paths in altered(home, ids).items():
        directory = rundir.run_dir(home, run_id)
        known = given(directory)
        for path in paths:
            inside.remove(os.path.join(directory, "."), path)  # a run may be a link
        if paths:
            found[run_id] = [(path, known[path].size) for path in paths]
    return found


def named(directory: str) -> Set[str]:
    """The digests of all contents that a run has need of, or was given."""
    digests = {content.digest for content in kept(directory).values()}
    return digests | {of.digest for of in given(directory).values()}


def _with_folders(directory: str, files: Dict[str, int]) -> Dict[str, int]:
    """These files, and in place of some the folders that have nothing else in them."""
    mixed = {""}
    for top in {path.partition("/")[0] for path in files if "/" in path}:
        for folder, folders, names in os.walk(os.path.join(directory, top)):
            here = os.path.relpath(folder, directory)
            others = [name for name in names if here + "/" + name not in files]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            if others or links or not (names or folders):
                while here and here not in mixed:
                    mixed.add(here)
                    here = os.path.dirname(here)
    told: Dict[str, int] = {}
    for path, size in files.items():
        above = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        whole = next((folder + "/" for folder in above if folder not in mixed), path)
        told[whole] = told.get(whole, 0) + size
    return told


def _read(directory: str, key: str) -> Dict[str, Value]:
    found = inside.read_mapping(rundir.guild_dir(directory), _FILE, _MAX_BYTES)
    return rundir.mapping(found.get(key))


def _write(directory: str, kept: Dict[str, Content], given: Dict[str, Input]) -> None:
    text = json.dumps({"kept": kept, "given": given}, indent=1)
    atomic.write_in(rundir.guild_dir(directory), _FILE, text + "\n", flushed=False)
