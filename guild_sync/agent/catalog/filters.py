"""Which runs are meant: status, operation, label, tags and the like, and expressions."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, Optional, Sequence

from ..errors import AgentError
from ..protocol import Filters, Opref, Value
from ..store import rundir
from .looks import READ, Looks

MAX_DEPTH = 200
NO_EXPRESSION = "the filter is not an expression, or is nested too deeply"
_UNLABELED = "-"  # as a label that is asked for: none at all


def matching(seen: Looks, names: Sequence[str], filters: Filters) -> Sequence[str]:
    """Those of the runs that meet every filter; one with several values is met by any of them.

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
        "expression": lambda run, wanted: _holds(run, wanted, 0, seen),
    }
    unknown = set(filters) - {*checks, "status", "operation"}
    if unknown:
        raise AgentError("the agent has no filter %s" % rundir.shown(sorted(unknown)[0]))
    # First what is known of all runs without reading them.
    if "status" in filters:
        names = seen.with_status(names, _asked(filters["status"]))
    if "operation" in filters:
        asked = _asked(filters["operation"])
        names = seen.of_operation(names, lambda opref: any(_is(opref, one) for one in asked))
    others = [(checks[name], wanted) for name, wanted in filters.items() if name in checks]
    if not others:
        return names
    top = seen.top + "/"
    return [run for run in names if all(check(top + run, wanted) for check, wanted in others)]


def _asked(value: Value) -> Sequence[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def operation_name(directory: str, seen: Looks = READ) -> str:
    """`gpkg.hello/model:op`, as a listing shows it."""
    return _name_of(seen.opref(directory))


def _name_of(opref: Opref) -> str:
    name = "%s:%s" % (opref["model"], opref["name"]) if opref["model"] else opref["name"]
    return "%s/%s" % (opref["package"], name) if opref["type"] == "package" else name


def _is(opref: Opref, wanted: str) -> bool:
    """Whether the run's operation is the wanted `[PACKAGE/][MODEL:]NAME`: whole parts of it.

    A part that is not asked for may be any; `*` in one stands for any text. `^BEGINNING` and
    `END$` are what the name as a whole begins and ends with.
    """
    full = _name_of(opref)
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


def _holds(directory: str, tree: Any, depth: int, seen: Looks) -> bool:
    if not isinstance(tree, list) or not tree or depth > MAX_DEPTH:
        raise AgentError(NO_EXPRESSION)
    operator, operands = tree[0], tree[1:]
    if operator == "not":
        return not _holds(directory, operands[0], depth + 1, seen)
    if operator == "and":
        return all(_holds(directory, operand, depth + 1, seen) for operand in operands)
    if operator == "or":
        return any(_holds(directory, operand, depth + 1, seen) for operand in operands)
    name, wanted = str(operands[0]), operands[1]
    value = value_of(directory, name, seen)
    if name == "operation" and "/" in value:
        # `operation = op` means gpkg.demo/op too: a project's name is before all of its own.
        without_package = value.rpartition("/")[2]
        holds = [_compare(operator, text, wanted) for text in (value, without_package)]
        return all(holds) if operator == "!=" else any(holds)
    return _compare(operator, value, wanted)


def value_of(directory: str, name: str, seen: Looks = READ) -> Any:
    """What an expression's name stands for: an attribute of the run, else a flag.

    `attr:x` and `flag:x` say which; None where there is neither. `op` is the operation's name
    alone, `operation` has its package and model before it.
    """
    kind, _, rest = name.partition(":")
    if kind == "flag":
        return _flag(directory, rest)
    attribute = rest if kind == "attr" else name
    if attribute == "operation":
        return operation_name(directory, seen)
    if attribute == "op":
        return seen.opref(directory)["name"]
    if attribute == "status":
        return seen.status(directory)
    if attribute == "id":
        return os.path.basename(directory)
    value = rundir.read_attr(directory, attribute) if rundir.is_attr_name(attribute) else None
    return value if value is not None or kind == "attr" else _flag(directory, name)


def _flag(directory: str, name: str) -> Any:
    flags = rundir.read_attr(directory, "flags")
    return flags.get(name) if isinstance(flags, dict) else None


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
    if _is_number(value) != _is_number(wanted):
        return False
    one, other = (value, wanted) if _is_number(value) else (str(value), str(wanted))
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
    if _is_number(value) and _is_number(wanted):
        return bool(value == wanted)
    return str(value) == str(wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
