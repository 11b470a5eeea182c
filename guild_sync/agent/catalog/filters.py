"""Which runs are meant: status, operation, label, tags and the like, and expressions."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Optional, Sequence

from ..columns import is_number
from ..errors import AgentError
from ..protocol import Filters, Opref, Value
from ..remembering.looks import Looks
from ..store import rundir
from .values import RunValues, name_of

MAX_DEPTH = 200
NO_EXPRESSION = "the filter is not an expression, or is nested too deeply"
_UNLABELED = "-"  # as a label that is asked for: none at all


Matching = Callable[[Sequence[str]], Sequence[str]]  # of runs, those that are meant


def matching(seen: Looks, filters: Filters) -> Matching:
    """Of the runs that it gets, those that meet every filter; several values: any of them.

    Filters: `status`, `operation`, `label`, `tag`, `comment`, `digest` (lists of texts),
    `unlabeled` (true), `marked` (true or false), `started` (two times in microseconds,
    either may be null), `expression` (a tree, see cli/expressions.py). `mine` (`user` and `home`)
    is met or not by a run among all others: owners.py. `among` and `not_among` (ids) are looked at
    by find.py.
    """
    checks: Dict[str, Callable[[str, Any], bool]] = {
        "label": lambda run, wanted: _has_label(wanted, _text(run, "label")),
        "unlabeled": lambda run, wanted: not _text(run, "label") or not wanted,
        "tag": lambda run, wanted: bool(set(wanted) & set(_list(run, "tags"))),
        "comment": lambda run, wanted: any(_any_in(wanted, body) for body in _comments(run)),
        "marked": lambda run, wanted: bool(rundir.read_attr(run, "marked")) == wanted,
        "digest": lambda run, wanted: _any_starts(wanted, _text(run, "sourcecode_digest")),
        "started": lambda run, wanted: _within(rundir.read_attr(run, "started"), wanted),
        "expression": lambda run, wanted: _holds(wanted, 0, RunValues(run, seen)),
    }
    unknown = set(filters) - {*checks, "status", "operation"}
    if unknown:
        raise AgentError("the agent has no filter %s" % rundir.shown(sorted(unknown)[0]))
    statuses, operations = (_asked(filters.get(name)) for name in ("status", "operation"))
    others = [(checks[name], wanted) for name, wanted in filters.items() if name in checks]
    top = seen.top + "/"

    def found(names: Sequence[str]) -> Sequence[str]:
        # First what is known of all runs without reading them.
        if "status" in filters:
            names = seen.with_status(names, statuses)
        if "operation" in filters:
            names = seen.of_operation(names, lambda opref: any(_is(opref, o) for o in operations))
        if not others:
            return names
        return [run for run in names if all(check(top + run, wanted) for check, wanted in others)]

    return found


def _asked(value: Value) -> Sequence[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _is(opref: Opref, wanted: str) -> bool:
    """Whether the run's operation is the wanted `[PACKAGE/][MODEL:]NAME`: whole parts of it.

    A part that is not asked for may be any; `*` in one stands for any text. `^BEGINNING` and
    `END$` are what the name as a whole begins and ends with.
    """
    full = name_of(opref)
    if wanted.startswith("^") or wanted.endswith("$"):
        before = "" if wanted.startswith("^") else ".*"
        behind = "" if wanted.endswith("$") else ".*"
        text = wanted[wanted.startswith("^") : -1 if wanted.endswith("$") else None]
        return bool(re.match(before + _as_pattern(text) + behind + r"\Z", full, re.S))
    package = opref["package"] if opref["type"] == "package" else ""
    asked, parts = _parts(wanted), (package, opref["model"], opref["name"])
    if wanted and wanted in (opref["name"], "%s:%s" % (opref["model"], opref["name"])):
        return True  # a name may have signs that stand between the parts
    return any(asked) and all(
        not part or bool(name and re.match(_as_pattern(part) + r"\Z", name, re.S))
        for part, name in zip(asked, parts)
    )


def _parts(name: str) -> Sequence[str]:
    """Package, model and name of an operation; each may be empty."""
    package, _, rest = name.rpartition("/")
    model, _, operation = rest.rpartition(":")
    return package, model, operation


def _as_pattern(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))


def _has_label(wanted: Sequence[str], label: str) -> bool:
    # An empty text is in every other: asked for, it means none at all.
    return any(not label if value in ("", _UNLABELED) else str(value) in label for value in wanted)


def _any_in(wanted: Sequence[str], text: str) -> bool:
    # An empty text is in every other: asked for, it means none at all.
    return any(str(value).lower() in text.lower() if value else not text for value in wanted)


def _any_starts(wanted: Sequence[str], text: str) -> bool:
    return any(text.startswith(str(value)) for value in wanted if value)


def _text(directory: str, name: str) -> str:
    value = rundir.read_attr(directory, name)
    return "" if value is None else str(value)


def _list(directory: str, name: str) -> Sequence[str]:
    value = rundir.read_attr(directory, name)
    return [str(item) for item in value] if isinstance(value, list) else []


def _comments(directory: str) -> Sequence[str]:
    comments = rundir.read_attr(directory, "comments")
    found = comments if isinstance(comments, list) else []
    return [str(c.get("body", "")) for c in found if isinstance(c, dict)]


def _within(value: Any, bounds: Sequence[Optional[int]]) -> bool:
    first, last = bounds
    if not isinstance(value, int):
        return False
    return (first is None or value >= first) and (last is None or value < last)


def _holds(tree: Any, depth: int, run: RunValues) -> bool:
    if not isinstance(tree, list) or not tree or depth > MAX_DEPTH:
        raise AgentError(NO_EXPRESSION)
    operator, operands = tree[0], tree[1:]
    if operator == "not":
        return not _holds(operands[0], depth + 1, run)
    if operator == "and":
        return all(_holds(operand, depth + 1, run) for operand in operands)
    if operator == "or":
        return any(_holds(operand, depth + 1, run) for operand in operands)
    name, wanted = str(operands[0]), operands[1]
    value: Value = run.number(name) if _asks_for_number(wanted) else None
    if value is None:
        value = run.value(name)
    if name == "operation" and "/" in str(value):
        # `operation = op` means gpkg.demo/op too: a project's name is before all of its own.
        without_package = str(value).rpartition("/")[2]
        holds = [_compare(operator, text, wanted) for text in (value, without_package)]
        return all(holds) if operator == "!=" else any(holds)
    return _compare(operator, value, wanted)


def _asks_for_number(wanted: Any) -> bool:
    """Whether a name is compared with numbers alone: of what has it, a number is meant then."""
    return all(map(is_number, wanted)) if isinstance(wanted, list) else is_number(wanted)


def _compare(operator: Any, value: Any, wanted: Any) -> bool:
    if operator == "defined":
        return value is not None
    if operator == "!=":
        return not _compare("=", value, wanted)
    if value is None:
        return False
    if operator == "contains":
        if isinstance(value, list):
            return any(_same(item, wanted) for item in value)
        return str(wanted).lower() in str(value).lower()
    if operator == "in":
        return any(_compare("=", value, item) for item in wanted)
    if operator == "=":
        return _same(value, wanted)
    if operator not in ("<", "<=", ">", ">="):
        raise AgentError("the filter has an operator that is none: %s" % rundir.shown(operator))
    if is_number(value) != is_number(wanted):
        return False
    one, other = (value, wanted) if is_number(value) else (str(value), str(wanted))
    return bool(
        one < other
        if operator == "<"
        else one <= other
        if operator == "<="
        else one > other
        if operator == ">"
        else one >= other
    )


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if is_number(value) and is_number(wanted):
        return bool(value == wanted)
    return str(value) == str(wanted)
