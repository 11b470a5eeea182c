"""The packages that a folder's modules need, as they import them and as requirements.txt says."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from guild_sync.agent.environments.asked import told
from guild_sync.config.file import text_of

REQUIREMENTS = "requirements.txt"
_LONGEST = 1 << 20  # bytes of it
_MOST = 200  # packages; those beyond are told of


@dataclass(frozen=True)
class NeededPackages:
    """What `requires` of a guild.yml can have."""

    required: tuple[str, ...] = ()  # requirements.txt's, as it says them
    passed_over: tuple[
        str, ...
    ] = ()  # its other lines, which `requires` cannot or had better not say
    imported: tuple[str, ...] = ()  # by names of modules; where there is no requirements.txt


def needed(folder: Path, names: Iterable[str], trees: Iterable[ast.Module]) -> NeededPackages:
    """What requirements.txt of a folder says, or else what its modules import.

    `names` are those of the folder's Python files, which are from nowhere else. Which package has a
    module that is imported nobody knows for sure, so that is for a person to say.
    """
    try:
        text = text_of(folder / REQUIREMENTS, _LONGEST)
    except (OSError, ValueError):
        return NeededPackages(imported=imported(names, trees))
    required: list[str] = []
    passed_over: list[str] = []
    for line in _lines(text):
        (required if _is_requirement(line) else passed_over).append(line)
    return NeededPackages(tuple(required[:_MOST]), (*passed_over, *required[_MOST:]))


def imported(names: Iterable[str], trees: Iterable[ast.Module]) -> tuple[str, ...]:
    """The modules that are neither Python's own nor the folder's, but for what may be missing."""
    own = {part for name in names for part in PurePosixPath(name).with_suffix("").parts}
    found = {name.partition(".")[0] for tree in trees for name in _imports(tree)}
    return tuple(sorted(found - own - sys.stdlib_module_names))[:_MOST]


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
    elif not isinstance(node, ast.Try):  # it does without
        for child in ast.iter_child_nodes(node):
            yield from _imports(child)


def _lines(text: str) -> Iterator[str]:
    """Those that say something, without comments: pip's own rules."""
    for line in text.replace("\\\n", " ").splitlines():
        said = line.lstrip() if line.lstrip().startswith("#") else line.partition(" #")[0].strip()
        if said and not said.startswith("#"):
            yield said


def _is_requirement(line: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return line.isprintable() and told(line) == line  # a password is in no further file
