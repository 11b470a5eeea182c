"""The names in an expression that no run has: a slip, and with `!=` one that every run meets."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Dict, Iterator, List, Sequence, Set

from .. import columns
from ..errors import AgentError
from ..protocol import Value
from ..store import rundir
from .filters import MAX_DEPTH, NO_EXPRESSION
from .find import run_ids
from .values import RunValues

# What an expression may name though no run has it now: no run need be marked, say.
_ATTRIBUTES = frozenset(
    (
        *("id", "status", "op", "operation", "label", "tags", "comments", "marked", "flags"),
        *("initialized", "staged", "started", "stopped", "exit_status", "cmd", "env", "deps"),
        *("host", "user", "random_seed", "sourcecode_digest", *columns.OF_TIME),
    )
)
_LOOKED_AT = 1000  # runs whose names are told, at most
_TOLD = 20  # names of a kind, at most
_LONGEST = 100  # characters of a name


def unknown_names(home: str, expression: Value, deleted: bool = False) -> Dict[str, List[str]]:
    """The names in an expression that no run has, each with names alike that some run has.

    Where there are no runs, no name is wrong.
    """
    unknown = {name for name in _names(expression, 0) if not _is_attribute(name)}
    top = rundir.runs_dir(home, deleted)
    ids = run_ids(home, deleted) if unknown else []
    known = There(set(), set())
    for run_id in ids:
        run = RunValues(os.path.join(top, run_id))
        unknown = {name for name in unknown if run.value(name) is None}
        if not unknown:
            break
        known.add(run)
    return {name: known.alike(name) for name in (sorted(unknown) if ids else [])}


class There:
    """The names of flags and scalars that runs have."""

    def __init__(self, flags: Set[str], scalars: Set[str]) -> None:
        self.flags = flags
        self.scalars = scalars

    def add(self, run: RunValues) -> None:
        """And those of this run."""
        self.flags.update(run.flags)
        self.scalars.update(run.scalars)

    def alike(self, text: str) -> List[str]:
        """What could be meant by a name that is not there, written as it was: none, or one."""
        name = columns.name(text)
        offered = self.scalars if name.is_scalar else self.flags | self.scalars | _ATTRIBUTES
        return [
            text.replace(name.name, close) if name.is_scalar else close
            for close in get_close_matches(name.name, sorted(offered), 1)
        ]

    def told(self) -> str:
        """The first of the names: `scalars acc, loss; flags lr`; empty where there is none."""
        kinds = (("scalars", self.scalars), ("flags", self.flags))
        return "; ".join("%s %s" % (kind, _listed(names)) for kind, names in kinds if names)


def offered(home: str, ids: Sequence[str], deleted: bool = False) -> There:
    """The names of flags and scalars of these runs: of the first of them."""
    found = There(set(), set())
    for run_id in ids[:_LOOKED_AT]:
        found.add(RunValues(rundir.run_dir(home, run_id, deleted)))
    return found


def _listed(names: Set[str]) -> str:
    more = ", and %d more" % (len(names) - _TOLD) if len(names) > _TOLD else ""
    return ", ".join(map(_in_line, sorted(names)[:_TOLD])) + more


def _in_line(name: str) -> str:
    """A name as it stands in a line: a flag of another's run may have any."""
    text = " ".join(name.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _is_attribute(text: str) -> bool:
    name = columns.name(text)
    return name.name in _ATTRIBUTES and name.kind in ("", "attr") and not name.is_scalar


def _names(tree: Value, depth: int) -> Iterator[str]:
    """The names that an expression compares."""
    if not isinstance(tree, list) or not tree or depth > MAX_DEPTH:
        raise AgentError(NO_EXPRESSION)
    if tree[0] not in ("not", "and", "or"):
        yield str(tree[1])
        return
    for operand in tree[1:]:
        yield from _names(operand, depth + 1)
