"""Patterns of paths in a run."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import List, Optional, Sequence

from ..errors import AgentError
from ..store import rundir


def segments(pattern: Optional[str]) -> List[str]:
    if not pattern:
        return []
    if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
        raise AgentError(
            "%s is not a path in a run" % rundir.shown(pattern),
            "Give one that is relative to the run.",
        )
    return [part for part in pattern.split("/") if part not in ("", ".")]


def is_below(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the path, or a folder that it is in, matches; `**` stands for any folders."""
    if not wanted:
        return True
    if wanted[0] == "**":
        return any(is_below(parts[at:], wanted[1:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and is_below(parts[1:], wanted[1:])
