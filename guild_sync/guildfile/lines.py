"""guild.yml as plain values that know on which lines they stand, and faults that say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from guild_sync.agent.value_words import SCIENTIFIC, TIME_OF_DAY
from guild_sync.config.faults import Place
from guild_sync.config.texts import short
from guild_sync.guildfile import keys
from guild_sync.project.definitions import Yaml

if TYPE_CHECKING:
    import yaml

MOST_VALUES = 100_000  # of a file, once its anchors are put in
MOST_DEPTH = 60
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_ENTRY = re.compile(r"(.*), entry ([0-9]+)\Z")


_NOTHING: Mapping[Yaml, str] = MappingProxyType({})


class Mapped(dict[Yaml, Yaml]):
    """A mapping of guild.yml: `where` has the line of each key, `texts` what was typed as one."""

    def __init__(
        self,
        items: Iterable[tuple[Yaml, Yaml]] = (),
        where: Mapping[Yaml, str] = _NOTHING,
        texts: Mapping[Yaml, str] = _NOTHING,
    ) -> None:
        super().__init__(items)
        self.where = dict(where)
        self.texts = dict(texts)

    def name_of(self, key: Yaml) -> str:
        """The key as a name: `yes` and `1` are what they were typed as."""
        return self.texts.get(key) or (key if isinstance(key, str) else str(key))

    def without(self, *keys: str) -> Mapped:
        left = ((key, value) for key, value in self.items() if key not in keys)
        return Mapped(left, self.where, self.texts)


class Listed(list[Yaml]):
    """A list of guild.yml: `where` has the line of each item."""

    def __init__(self, items: Iterable[Yaml] = (), where: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.where = list(where)


def mapped(value: Yaml) -> Mapped:
    """A mapping, with its lines where it has some; none at all for what is no mapping."""
    if isinstance(value, Mapped):
        return value
    return Mapped(value.items() if isinstance(value, dict) else ())


def parsed(path: Path, text: str, shown: str = "") -> Yaml:
    """What the text of a file says; its lines are those of the file `shown`.

    Raises ConfigError, with the line and column, for what is no YAML.
    """
    import yaml

    from guild_sync.config.yaml_text import NO_VALUE, yaml_error

    try:
        # Not libyaml's loader: deep nesting ends the process.
        loader = _loader()(text)
        node = loader.get_single_node()
        return None if node is None else _Builder(loader, shown).value(node, 0)
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as e:
        raise yaml_error(path, e) from None


def _loader() -> type[yaml.SafeLoader]:
    """YAML's safe loader, to which values are what they are on a command line.

    `1e-3` is a number, and neither `12:30` nor `2026-01-01` is: they are text.
    """
    import yaml

    from guild_sync.config.yaml_text import ConfigLoader

    class Loader(ConfigLoader):
        count = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            node = super().compose_node(parent, index)
            self.count += 1
            if node is not None and self.count > MOST_VALUES:
                raise _too_many(node)  # not once there are more: each takes a kilobyte
            return node

    Loader.yaml_implicit_resolvers = {
        first: [
            (f"{_TAG}str", TIME_OF_DAY),
            *(pair for pair in known if pair[0] not in (f"{_TAG}timestamp", f"{_TAG}value")),
            (f"{_TAG}float", SCIENTIFIC),
        ]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


class _Builder:
    """Makes values of YAML's nodes: as many and as deeply nested as people write."""

    def __init__(self, loader: yaml.SafeLoader, shown: str) -> None:
        self.loader = loader
        self.before = f"{shown}, " if shown else ""
        self.count = 0

    def value(self, node: yaml.Node, depth: int) -> Yaml:
        self._spend(node, depth)
        if node.tag == f"{_TAG}map" and isinstance(node.value, list):
            return self._mapping(node, depth)
        if node.tag == f"{_TAG}seq" and isinstance(node.value, list):
            items = [self.value(item, depth + 1) for item in node.value]
            return Listed(items, map(self._where, node.value))
        if node.tag == _MERGE:
            return str(node.value)
        found = self.loader.construct_object(node) if isinstance(node.value, str) else ...
        if found is None or isinstance(found, (bool, int, float, str)):
            return found
        raise _error(node, f"nothing is read from a value of the kind {node.tag!r}")

    def _mapping(self, node: yaml.Node, depth: int) -> Mapped:
        made = Mapped()
        for key_node, value_node in self._pairs(node, depth):
            key = self.value(key_node, depth + 1)
            if isinstance(key, (dict, list)):
                raise _error(key_node, "a list or mapping is no key")
            text = key_node.value
            if not isinstance(key, str) and made.texts.setdefault(key, text) != text:
                key = str(text)  # `1` and `yes` are one key to Python
            made[key] = self.value(value_node, depth + 1)
            made.where[key] = self._where(key_node)
        return made

    def _pairs(self, node: yaml.Node, depth: int) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The keys and values of a mapping: those that `<<` takes from others come first."""
        self._spend(node, depth)
        for key, value in node.value:
            if key.tag == _MERGE:
                # Of several the first wins, so it is the last to be put in.
                sources = value.value[::-1] if value.tag == f"{_TAG}seq" else [value]
                for source in sources:
                    if source.tag != f"{_TAG}map" or not isinstance(source.value, list):
                        raise _error(value, "'<<' takes a mapping, or a list of some")
                    yield from self._pairs(source, depth + 1)
        for key, value in node.value:
            if key.tag != _MERGE:
                self._spend(key, depth)
                yield key, value

    def _where(self, node: yaml.Node) -> str:
        return f"{self.before}line {node.start_mark.line + 1}"

    def _spend(self, node: yaml.Node, depth: int) -> None:
        self.count += 1
        if self.count > MOST_VALUES:
            raise _too_many(node)
        if depth > MOST_DEPTH:
            raise _error(node, f"it is nested more than {MOST_DEPTH} deep")


def _too_many(node: yaml.Node) -> Exception:
    return _error(node, f"it has more than {MOST_VALUES} values")


def _error(node: yaml.Node, problem: str) -> Exception:
    import yaml

    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


class Spot(Place):
    """A place in guild.yml that knows its value, its line, and which keys it can have."""

    def __init__(
        self,
        name: str = "",
        file: Place | None = None,
        value: Yaml = None,
        where: str = "",
        group: str = "",
    ) -> None:
        super().__init__(name, file)
        self.value = value
        self.where = where
        self.group = group

    def at(self, name: str) -> Spot:
        entry = _ENTRY.match(name)
        key = entry[1] if entry else name
        found, where = _found(self.value, key)
        if entry and isinstance(found, list):
            number = int(entry[2]) - 1
            if isinstance(found, Listed) and number < len(found.where):
                where = found.where[number]
            found = found[number] if number < len(found) else None
        group = keys.group_below(self.group, key)
        return Spot(self._line(name), self, found, where or self.where, group)

    def fault(self, text: str) -> None:
        super().fault(text + self._line_of(text.partition(":")[0]))

    def must_be(self, what: str, key: str = "") -> None:
        is_within = key and isinstance(self.value, dict)
        found = _found(self.value, key)[0] if is_within else self.value
        super().must_be(what if found is None else f"{what}, not {short(found)}", key)

    def fault_at_its_line(self, text: str) -> None:
        """A fault whose text has its line already."""
        super().fault(text)

    def pass_over(self, key: object) -> None:
        self.warn(f"{key} is passed over: {keys.why_unknown(self.group, str(key))}")

    def _line_of(self, key: str) -> str:
        where = _found(self.value, key)[1] or self.where
        return f" ({where})" if where else ""


def _found(value: Yaml, name: str) -> tuple[Yaml, str]:
    """What a mapping has under a name, and on which line."""
    if isinstance(value, Mapped):
        for key, found in value.items():
            if value.name_of(key) == name or str(key) == name:
                return found, value.where.get(key, "")
    return None, ""
