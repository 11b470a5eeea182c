"""The flags that are nested in a mapping or a namespace of a module, or in a config file."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from guild_sync.agent.running.nested import NestedError, Node, leaves, put
from guild_sync.agent.store import attrs
from guild_sync.project.definitions import Yaml
from guild_sync.project.flags import Flag
from guild_sync.project.values import argument_text, is_number

_MAX_FLAGS = 2000
_UNKEPT = re.compile("[\0\ud800-\udfff]")  # in a text that is no flag's value


class _Unknown:
    """What an expression is, where its source alone does not tell."""


_UNKNOWN = _Unknown()
_Known = Yaml | _Unknown


def flags_in(data: Mapping[Yaml, Yaml]) -> dict[str, Flag]:
    """A flag for each value in `data`, `a.b` for what is nested; what no flag can be is left out.

    A list of plain values is a text of words, as Guild AI 0.9 has it.
    """
    found: dict[str, Flag] = {}
    for name, value in leaves(data):
        if len(found) == _MAX_FLAGS:
            break
        if not name.isprintable() or not name or "=" in name or name in found:
            continue
        if isinstance(value, (list, tuple)):
            if all(map(_is_flag_value, value)):
                text = shlex.join(map(argument_text, value))
                found[name] = Flag(name, text, several=True, is_words=True, there=text)
        elif _is_flag_value(value):
            found[name] = Flag(name, value, type=_type_of(value), there=value)
    return found


def _is_flag_value(value: Node) -> TypeGuard[bool | int | float | str | None]:
    """Whether a run can keep it, too: as an attribute, and in its environment."""
    if isinstance(value, int) and value.bit_length() > attrs.MAX_INT_BITS:
        return False
    return _is_plain(value) and not (isinstance(value, str) and _UNKEPT.search(value))


def _is_plain(value: Node) -> TypeGuard[bool | int | float | str | None]:
    return value is None or isinstance(value, (bool, int, float, str))


def _type_of(value: Yaml) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "string" if isinstance(value, str) else None


def data_of(source: str, filename: str, name: str) -> dict[Yaml, Yaml]:
    """What the mapping or namespace `name` of a module holds, as far as its source says it.

    Raises SyntaxError for what is not Python, ValueError for what cannot be parsed.
    """
    if "\0" in source:
        raise ValueError(f"{filename}: source code with NUL bytes")
    try:
        reader = _Reader(name)
        reader.read(ast.parse(source.removeprefix("\ufeff"), filename))
    except (RecursionError, MemoryError):
        raise ValueError(f"{filename}: source code is nested too deeply") from None
    return reader.data


class _Reader:
    """Follows what the top level of a module makes of one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data: dict[Yaml, Yaml] = {}
        self._classes: dict[str, dict[Yaml, Yaml]] = {}

    def read(self, tree: ast.Module) -> None:
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                self._classes[statement.name] = dict(self._body(statement))
                if statement.name == self.name:
                    self.data = self._classes[statement.name]
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    self._assign(target, statement.value)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self._assign(statement.target, statement.value)

    def _body(self, node: ast.ClassDef) -> Iterator[tuple[Yaml, Yaml]]:
        for base in node.bases:
            yield from self._classes.get(ast.unparse(base), {}).items()
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                targets, value = statement.targets, self._value(statement.value)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                targets, value = [statement.target], self._value(statement.value)
            else:
                continue
            for target in targets:
                is_own = isinstance(target, ast.Name) and not target.id.startswith("_")
                if is_own and not isinstance(value, _Unknown):
                    yield ast.unparse(target), value

    def _assign(self, target: ast.expr, node: ast.expr) -> None:
        if isinstance(target, ast.Name):
            if target.id == self.name:
                value = self._value(node)
                self.data = value if isinstance(value, dict) else {}
            return
        path = _path(target)
        value = self._value(node)
        if path and path[0] == self.name and not isinstance(value, _Unknown):
            try:
                put(self.data, ".".join(path[1:]), value)
            except NestedError:
                return

    def _value(self, node: ast.expr) -> _Known:
        if isinstance(node, ast.Dict):
            found: dict[Yaml, Yaml] = {}
            for key, item in zip(node.keys, node.values, strict=True):
                if key is None:  # **other
                    below = self._value(item)
                    found.update(below if isinstance(below, dict) else {})
                    continue
                name, value = self._value(key), self._value(item)
                if isinstance(name, _Unknown) or isinstance(value, _Unknown):
                    continue
                if _is_plain(name):
                    found[name] = value
            return found
        if isinstance(node, ast.Call):
            return self._called(node)
        try:
            literal: Yaml = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return _UNKNOWN
        return literal if _is_plain(literal) or isinstance(literal, (list, tuple)) else _UNKNOWN

    def _called(self, node: ast.Call) -> _Known:
        """What `dict(a=1)`, `SimpleNamespace(a=1)` or an instance of a class of the module has."""
        name = ast.unparse(node.func)
        is_known = name.rpartition(".")[2] in ("dict", "SimpleNamespace", "Namespace")
        if not is_known and name not in self._classes:
            return _UNKNOWN
        found = dict(self._classes.get(name, {}))
        for item in (*node.args, *(k.value for k in node.keywords if k.arg is None)):
            below = self._value(item)
            found.update(below if isinstance(below, dict) else {})
        for keyword in node.keywords:
            value = self._value(keyword.value)
            if keyword.arg and not isinstance(value, _Unknown):
                found[keyword.arg] = value
        return found


def _path(node: ast.expr) -> list[str]:
    """The names in `a.b`, `a["b"]["c"]`; none where some part is no name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        above = _path(node.value)
        return [*above, node.attr] if above else []
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        above = _path(node.value)
        return [*above, str(node.slice.value)] if above else []
    return []
