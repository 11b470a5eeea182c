"""The files that a run was given, as its manifest lists them."""

from __future__ import annotations

import os
import shlex
from typing import List, Sequence, Set, Tuple

from . import atomic, inside, rundir

_MANIFEST = "manifest"
_MAX_BYTES = 1 << 28


def manifest_lines(directory: str) -> List[str]:
    try:
        data = inside.read(rundir.guild_dir(directory), _MANIFEST, _MAX_BYTES)
    except OSError:
        return []
    return [line for line in data.decode("utf-8", "surrogateescape").split("\n") if line]


def write_manifest(directory: str, lines: Sequence[str]) -> None:
    text = "".join(line + "\n" for line in lines)
    atomic.write_in(rundir.guild_dir(directory), _MANIFEST, text)


def append_manifest(directory: str, lines: Sequence[str]) -> None:
    write_manifest(directory, [*manifest_lines(directory), *lines])


# What a manifest's lines begin with; they are as Guild AI 0.9 writes them, `s PATH SHA1 SOURCE`,
# quoted as for sh.
KINDS = {"sourcecode": "s", "dependencies": "d"}
# Where Guild AI puts source code that is not to lie beside what the operation writes.
SOURCE_FOLDER = ".guild/sourcecode/"


def source_files(directory: str) -> Tuple[str, List[str]]:
    """The folder of a run that has its source code, and the paths of that in it.

    They are those that its manifest calls source code, wherever they lead.
    """
    names = sorted(paths_of_kinds(directory, KINDS["sourcecode"]))
    folder = SOURCE_FOLDER if any(name.startswith(SOURCE_FOLDER) for name in names) else ""
    for line in manifest_lines(directory) if not folder else ():
        words = fields(line)
        if len(words) > 3 and words[0] == KINDS["sourcecode"]:
            path, origin = os.path.normpath(words[1]), "/" + os.path.normpath(words[3])
            folder = path[: -len(origin)] + "/" if path.endswith(origin) else ""
            break
    return folder, [name[len(folder) :] for name in names if name.startswith(folder)]


def given_files(directory: str) -> List[str]:
    """The paths that the run's manifest says it was given: source code and dependencies."""
    return sorted(paths_of_kinds(directory, *KINDS.values()))


def paths_of_kinds(directory: str, *types: str) -> Set[str]:
    """The paths in the run's manifest whose lines are of these types."""
    found = set()
    for line in manifest_lines(directory):
        words = fields(line)
        if len(words) > 1 and words[0] in types:
            found.add(os.path.normpath(words[1]))
    return found


def fields(line: str) -> Sequence[str]:
    """The words of a manifest's line; none where its quotes do not match."""
    if not any(c in line for c in "'\"\\"):
        return line.split()
    try:
        return shlex.split(line)
    except ValueError:
        return ()
