"""Values put by dotted names into what is nested: mappings, and objects with attributes.

`agent/running/op_main.py` loads this file by itself: it imports the standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import SimpleNamespace
from typing import Iterator, List, Optional, Tuple

MAPPING, NAMESPACE = "dict", "namespace"

Node = object  # a mapping or an object of a program, or a value in it


class NestedError(ValueError):
    """A value has no place there; the message is one line."""


def put(target: Node, name: str, value: Node, kind: str = MAPPING) -> None:
    """Put a value into `target`, where `a.b` is `b` of its `a`; what is missing is made.

    Raises NestedError where something on the way can hold nothing.
    """
    node, path = target, name.split(".")
    while True:
        found = _longest(node, path)
        if found is None or found[0] == len(path):
            break
        node, path = _get(node, found[1]), path[found[0] :]
    if found is not None:
        if isinstance(value, list) and type(_get(node, found[1])) is tuple:
            value = tuple(value)
        _set(node, found[1], value, name)
        return
    for part in reversed(path[1:]):
        value = SimpleNamespace(**{part: value}) if kind == NAMESPACE else {part: value}
    _set(node, path[0], value, name)


def _longest(node: Node, path: List[str]) -> Optional[Tuple[int, Node]]:
    """How many of the words of `path` the key of the node has that they begin with, and it.

    A key may have dots in it; so has the whole path, as one key, or else as short a part as
    leads further.
    """
    whole = _key(node, ".".join(path))
    if whole is not None:
        return len(path), whole[0]
    for count in range(1, len(path)):
        key = _key(node, ".".join(path[:count]))
        if key is not None:
            return count, key[0]
    return None


def _key(node: Node, text: str) -> Optional[Tuple[Node]]:
    """The key or attribute of the node that `text` stands for: `1` is the number 1 as well."""
    if isinstance(node, Mapping):
        for key in (text, *node):
            if key in node and str(key) == text:
                return (key,)
        return None
    return (text,) if text.isidentifier() and hasattr(node, text) else None


def _get(node: Node, key: Node) -> Node:
    return node[key] if isinstance(node, Mapping) else getattr(node, str(key))


def _set(node: Node, key: Node, value: Node, name: str) -> None:
    try:
        if isinstance(node, MutableMapping):
            node[key] = value
        elif isinstance(node, (str, bytes, int, float, list, tuple, Mapping, type(None))):
            raise NestedError("%s: %s cannot hold it" % (name, type(node).__name__))
        else:
            setattr(node, str(key), value)
    except (AttributeError, TypeError) as e:
        raise NestedError("%s: %s" % (name, e)) from None


def converted(value: Node, kind: str) -> Node:
    """The value as a mapping, or as an Node: itself where it is one, else made from it."""
    if kind == NAMESPACE:
        if isinstance(value, Mapping):
            items = value.items()
            return SimpleNamespace(**{str(k): _below(v, kind) for k, v in items})
        return value if hasattr(value, "__dict__") or hasattr(value, "__slots__") else _empty(kind)
    if isinstance(value, Mapping):
        return value
    return {k: _below(v, kind) for k, v in vars(value).items()} if _is_plain(value) else {}


def _below(value: Node, kind: str) -> Node:
    is_other = isinstance(value, Mapping) if kind == NAMESPACE else _is_plain(value)
    return converted(value, kind) if is_other else value


def _is_plain(value: Node) -> bool:
    return hasattr(value, "__dict__") and not isinstance(value, type)


def _empty(kind: str) -> Node:
    return SimpleNamespace() if kind == NAMESPACE else {}


def leaves(node: Node, above: str = "") -> Iterator[Tuple[str, Node]]:
    """(dotted name, value) of what is nested in a mapping, but for mappings that are not empty."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        name = "%s%s" % (above, key)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, name + ".")
        else:
            yield name, value
