"""The values that Python source spells out, what a run records of them, and back."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import NamedTuple

from guild_sync.agent.protocol import Value
from guild_sync.agent.store import attrs

# What a literal that a flag can have is: bytes, complex numbers and sets are not.
Constant = (
    None | bool | int | float | str | list["Constant"] | tuple["Constant", ...]
    | dict["Constant", "Constant"]
)  # fmt: skip

_LONGEST = 50_000  # characters of a flag's own value: a process takes 128 KiB in a variable


class Evaluated(NamedTuple):
    """The value of an expression; in place of one, None says that it is not known."""

    value: Constant


def evaluated(node: ast.expr | None) -> Evaluated | None:
    """The value of a literal that a flag can have, and that a run can record."""
    if node is None:
        return None
    try:
        value = constant(ast.literal_eval(node))
        is_long = len(attrs.encode(recorded(value))) > _LONGEST
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return None if is_long else Evaluated(value)


def value_of(node: ast.expr | None, constants: Mapping[str, Evaluated]) -> Evaluated | None:
    """The value of a literal, or of a name: `constants` are those of one value and no other."""
    return constants.get(node.id) if isinstance(node, ast.Name) else evaluated(node)


def constant(value: object) -> Constant:
    """The value itself. Raises TypeError for what no flag can hold."""
    if isinstance(value, dict):
        return {constant(key): constant(item) for key, item in value.items()}
    if isinstance(value, list):
        return [constant(item) for item in value]
    if isinstance(value, tuple):
        return tuple(constant(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a flag cannot hold a {type(value).__name__}")


def text_of(node: ast.expr | None) -> str | None:
    """The text that an expression is; None where it is anything else."""
    known = evaluated(node)
    return known.value if known is not None and isinstance(known.value, str) else None


def name_or_text(node: ast.expr | None) -> str:
    """`x` for the name `x`, the attribute `module.x` and the text "x"; else nothing."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def recorded(value: Constant) -> Value:
    """The value as attributes and JSON have it: a tuple is a list, and keys are text."""
    if isinstance(value, dict):
        return {str(key): recorded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [recorded(item) for item in value]
    return value


def tagged(value: Constant) -> Value:
    """The value as JSON that `untagged` reads back, and agent/running/op_main.py."""
    if isinstance(value, dict):
        return {"dict": [[tagged(key), tagged(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [tagged(item) for item in value]}
    return [tagged(item) for item in value] if isinstance(value, list) else value


def untagged(value: Value) -> Constant:
    """The value that `tagged` wrote."""
    if isinstance(value, dict):
        if isinstance(items := value.get("tuple"), list):
            return tuple(untagged(item) for item in items)
        pairs = value.get("dict")
        return dict(_pair(item) for item in pairs) if isinstance(pairs, list) else {}
    return [untagged(item) for item in value] if isinstance(value, list) else value


def _pair(item: Value) -> tuple[Constant, Constant]:
    key, value = item if isinstance(item, list) else ("", None)
    return untagged(key), untagged(value)


def same(one: Value, other: Value) -> bool:
    """Equality in which yes is not 1, nor 1 the same as 1.0; nan equals itself."""
    return json.dumps(one) == json.dumps(other)


def like(own: Constant, value: Value) -> Constant:
    """A value that a run records, in the form of the source's own: a tuple, keys that are numbers.

    What the own value does not tell of stays as it is.
    """
    if isinstance(value, dict) and isinstance(own, dict):
        return _with_keys(own, value)
    if isinstance(value, list) and isinstance(own, (list, tuple)):
        # One beyond the end of the own is like its last.
        items = [like(own[min(n, len(own) - 1)] if own else None, v) for n, v in enumerate(value)]
        return tuple(items) if isinstance(own, tuple) else items
    return constant(value)


def _with_keys(own: Mapping[Constant, Constant], value: Mapping[str, Value]) -> Constant:
    known = {str(key): key for key in own}
    kinds = {type(key) for key in own}
    sample = next(iter(own.values()), None)
    made: dict[Constant, Constant] = {}
    for name, item in value.items():
        key = known.get(name, name)
        if name not in known and kinds == {int}:
            key = _number(name)
        made[key] = like(own[known[name]] if name in known else sample, item)
    return made


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text
