"""The packages that a folder's modules need, as they import them and as requirements.txt says."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from guild_sync.beginning.requirement_lines import UntakenLine, requirement_lines

REQUIREMENTS = "requirements.txt"
_MOST = 200  # modules


@dataclass(frozen=True)
class NeededPackages:
    """What `requires` of a guild.yml can have."""

    required: tuple[str, ...] = ()  # requirements.txt's, as it says them
    passed_over: tuple[UntakenLine, ...] = ()  # that `requires` cannot say, or has better not
    imported: tuple[str, ...] = ()  # by names of modules; where there is no such file to read
    unread: str = ""  # why it was not read, though it is there


def needed(folder: Path, names: Iterable[str], trees: Iterable[ast.Module]) -> NeededPackages:
    """What requirements.txt of a folder says, or else what its modules import.

    `names` are those of the folder's Python files, which are from nowhere else. Which package has a
    module that is imported nobody knows for sure, so that is for a person to say.
    """
    try:
        found = requirement_lines(folder / REQUIREMENTS)
    except FileNotFoundError:
        return NeededPackages(imported=imported(names, trees))
    except OSError as e:
        return NeededPackages(imported=imported(names, trees), unread=e.strerror or str(e))
    except ValueError as e:
        return NeededPackages(imported=imported(names, trees), unread=str(e))
    return NeededPackages(found.taken, found.untaken)


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
