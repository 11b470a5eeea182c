"""YAML that people write: how it is read, and what is said of what is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from guild_sync.agent.protocol import Value
from guild_sync.errors import ConfigError

_TAG = "tag:yaml.org,2002:"
# What is something else to YAML than it is to a scheduler: `4:00:00`, `0x10`, `2026-01-01`.
_MISTAKEN = (f"{_TAG}int", f"{_TAG}float", f"{_TAG}timestamp")
_WHOLE = re.compile(r"0|[1-9][0-9]*")
# What PyYAML raises for a value that its tag does not fit: `!!int x`, `!!bool x`, `!!timestamp x`.
NO_VALUE = (ValueError, LookupError, AttributeError)


class ConfigLoader(yaml.SafeLoader):
    """Takes no number that Python cannot write: one of thousands of digits, in hexadecimal."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        found: int = super().construct_yaml_int(node)
        str(found)  # ValueError, as for one in decimals
        return found


ConfigLoader.add_constructor(f"{_TAG}int", ConfigLoader.construct_yaml_int)


class _FileLoader(ConfigLoader):
    """Leaves what a remote's `job` has as it was typed, but for whole numbers, yes and no.

    To YAML `4:00:00` is 14400 seconds, which a scheduler takes for minutes.
    """

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        for remote in _below(node, "remotes", None):
            for job in _below(remote, "job"):
                for mapping in _merged(job):
                    mapping.value = [(key, _as_typed(value)) for key, value in mapping.value]
        return node


def _below(node: yaml.Node | None, *path: str | None) -> Iterator[yaml.Node]:
    """What a mapping has below the keys of a path; None is any key."""
    if not path and node is not None:
        yield node
    for mapping in _merged(node) if path else ():
        for key, value in mapping.value:
            if path[0] in (None, key.value):
                yield from _below(value, *path[1:])


def _merged(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """A mapping, and those that `<<` takes into it."""
    todo, seen = [node], set()
    while todo:
        one = todo.pop()
        if not isinstance(one, yaml.MappingNode) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        for key, value in one.value:
            if key.tag == f"{_TAG}merge":
                todo += value.value if isinstance(value, yaml.SequenceNode) else [value]


def _as_typed(node: yaml.Node) -> yaml.Node:
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    if is_plain and node.tag in _MISTAKEN and not _WHOLE.fullmatch(node.value):
        return yaml.ScalarNode(f"{_TAG}str", node.value, node.start_mark, node.end_mark)
    return node


def parsed(path: Path, text: str) -> Value:
    """What the text of a file says; dates and the like are what Python has for them.

    Raises ConfigError for what is no YAML.
    """
    try:
        found: Value = yaml.load(text, _FileLoader)  # not libyaml's: deep nesting ends the process
        return found
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as e:
        raise yaml_error(path, e) from None


def yaml_error(path: Path, error: Exception) -> ConfigError:
    """A ConfigError that names the file, line and column where `error` says it stops being YAML."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return ConfigError(f"{path} is not valid YAML: {problem}")
    return ConfigError(
        f"{path}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    )
