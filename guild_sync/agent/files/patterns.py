"""Patterns of paths in a run, with the meaning that git and rsync give them.

`*`, `?` and `[a-z]` stand for parts of a name. `**` stands for any folders, or none; at the end
it stands for all that is below, so that `a/**` is not `a` itself.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import List, Optional, Sequence

from ..errors import AgentError
from ..store import rundir


def from_the_top(pattern: Optional[str]) -> List[str]:
    """The pattern of a path in the run, in its parts; none where every path is meant."""
    if not pattern:
        return []
    if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
        raise AgentError(
            "%s is not a path in a run" % rundir.shown(pattern),
            "Give one that is relative to the run.",
        )
    return _parts(pattern)


def at_any_depth(pattern: object) -> List[str]:
    """The same, but that one without a slash is for a name, wherever that is."""
    if not isinstance(pattern, str):
        raise AgentError("%s is not a pattern" % rundir.shown(pattern))
    parts = _parts(pattern)
    return parts if parts and "/" in pattern.rstrip("/") else ["**", *parts]


def _parts(pattern: str) -> List[str]:
    return [part for part in pattern.split("/") if part not in ("", ".")]


def matches(path: str, wanted: Sequence[str]) -> bool:
    """Whether the path itself matches."""
    return _match(path.split("/"), wanted, below=False)


def is_below(path: str, wanted: Sequence[str]) -> bool:
    """Whether the path, or a folder that it is in, matches."""
    return _match(path.split("/"), wanted, below=True)


def _match(parts: Sequence[str], wanted: Sequence[str], below: bool) -> bool:
    if not wanted:
        return below or not parts
    first, rest = wanted[0], wanted[1:]
    if first != "**":
        return bool(parts) and fnmatchcase(parts[0], first) and _match(parts[1:], rest, below)
    if not rest:
        return bool(parts)
    return any(_match(parts[at:], rest, below) for at in range(len(parts)))
