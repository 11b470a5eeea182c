"""The lines of a requirements.txt, and of files that it names: those that `requires` can have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guild_sync.agent.environments.asked import told
from guild_sync.config.file import text_of

_LONGEST = 1 << 20  # bytes of a file
_MOST_FILES = 100
_LONGEST_LINE = 1000  # characters of one that is a requirement
_COMMENT = re.compile(r"(?<!\S)#.*")
_JOINED = re.compile(r"\\\r?\n")
_NAMES_A_FILE = re.compile(r"(?:-r\s*|--requirement[\s=]\s*)(\S.*)")
# What begins so, and what to do about it.
_INSTEAD = (
    (re.compile(r"-c|--constraint\b"), "put the versions that it says into 'requires'"),
    (
        re.compile(r"-e|--editable\b|[./]"),
        "the project's own modules are in each run; for another's, name its package in 'requires'",
    ),
    (re.compile(r"--hash\b|\S.*\s--hash\b"), "'requires' has the line without its hashes"),
    (re.compile(r"-"), "it is an option of pip's: 'pip config' has it where runs are"),
)  # fmt: skip


@dataclass(frozen=True)
class UntakenLine:
    """A line that is not taken: the file that has it, and what to do, or why not."""

    file: str
    line: str
    why: str = ""


@dataclass(frozen=True)
class RequirementLines:
    """The requirements, each once and as it stands there, and the lines that are not taken."""

    taken: tuple[str, ...]
    untaken: tuple[UntakenLine, ...]


def requirement_lines(path: Path) -> RequirementLines:
    """What a file says, and those that it names with `-r`, as far as they lie in its folder.

    Raises OSError, or ValueError, where the file itself cannot be read.
    """
    taken: dict[str, None] = {}
    untaken: list[UntakenLine] = []
    top = _real(path.parent)
    seen = {_real(path)}
    left = [(path.name, line) for line in _lines(text_of(path, _LONGEST))]
    left.reverse()
    while left:
        file, line = left.pop()
        named = _NAMES_A_FILE.fullmatch(line)
        if named is None:
            if _is_requirement(line):
                taken[line] = None
            else:
                untaken.append(UntakenLine(file, line, _instead(line)))
            continue
        other = (path.parent / file).parent / named[1].strip("'\"")
        try:
            found = _not_yet_read(other, top, seen)
            name = os.path.relpath(other, path.parent)
            left += reversed([(name, each) for each in found])
        except OSError as e:
            untaken.append(UntakenLine(file, line, e.strerror or str(e)))
        except ValueError as e:
            untaken.append(UntakenLine(file, line, str(e)))
    return RequirementLines(tuple(taken), tuple(untaken))


def _not_yet_read(path: Path, top: Path, seen: set[Path]) -> list[str]:
    """The lines of a file in a folder; none of one that was read before."""
    real = _real(path)
    if not real.is_relative_to(top):
        raise ValueError("that is none of the project's files: put its lines into 'requires'")
    if real in seen:
        return []
    if len(seen) >= _MOST_FILES:
        raise ValueError(f"of more than {_MOST_FILES} files, no more are read")
    seen.add(real)
    return [*_lines(text_of(real, _LONGEST))]


def _real(path: Path) -> Path:
    """Where a path leads; one that leads to itself stays as it is, for whoever opens it to fail."""
    return Path(os.path.realpath(path))  # `resolve` raises RuntimeError there up to Python 3.12


def _lines(text: str) -> Iterator[str]:
    """Those that say something, without comments: pip's own rules."""
    for line in _JOINED.sub(" ", text).splitlines():
        said = _COMMENT.sub("", line).strip()
        if said:
            yield said


def _instead(line: str) -> str:
    return next((what for begins, what in _INSTEAD if begins.match(line)), "")


def _is_requirement(line: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    if len(line) > _LONGEST_LINE:
        return False
    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return line.isprintable() and told(line) == line  # a password is in no further file
