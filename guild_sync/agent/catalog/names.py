"""The names in an expression that no run has: a slip, and with `!=` one that every run meets."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Dict, Iterator, List, Set

from ..errors import AgentError
from ..protocol import Value
from ..store import rundir
from .filters import MAX_DEPTH, NO_EXPRESSION, value_of
from .find import run_ids

# What an expression may name though no run has it now: no run need be marked, say.
_ATTRIBUTES = frozenset(
    (
        *("id", "status", "op", "operation", "label", "tags", "comments", "marked", "flags"),
        *("initialized", "staged", "started", "stopped", "exit_status", "cmd", "env", "deps"),
        *("host", "user", "random_seed", "sourcecode_digest"),
    )
)


def unknown_names(home: str, expression: Value, deleted: bool = False) -> Dict[str, List[str]]:
    """The names in an expression that no run has, each with names alike that some run has.

    Where there are no runs, no name is wrong.
    """
    unknown = {name for name in _names(expression, 0) if not _is_attribute(name)}
    known: Set[str] = set()
    top = rundir.runs_dir(home, deleted)
    ids = run_ids(home, deleted) if unknown else []
    for run_id in ids:
        directory = os.path.join(top, run_id)
        unknown = {name for name in unknown if value_of(directory, name) is None}
        if not unknown:
            break
        known.update(rundir.mapping(rundir.read_attr(directory, "flags")))
    offered = sorted(known | _ATTRIBUTES)
    return {
        name: get_close_matches(name.rpartition(":")[2], offered, 1)
        for name in (sorted(unknown) if ids else [])
    }


def _is_attribute(name: str) -> bool:
    kind, _, rest = name.partition(":")
    return (rest if kind == "attr" else name) in _ATTRIBUTES


def _names(tree: Value, depth: int) -> Iterator[str]:
    """The names that an expression compares."""
    if not isinstance(tree, list) or not tree or depth > MAX_DEPTH:
        raise AgentError(NO_EXPRESSION)
    if tree[0] not in ("not", "and", "or"):
        yield str(tree[1])
        return
    for operand in tree[1:]:
        yield from _names(operand, depth + 1)
