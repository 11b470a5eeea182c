"""What models have of others: `extends`, `params`, `$include`, each resolved to plain keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from guild_sync.config.faults import Place
from guild_sync.config.texts import short
from guild_sync.guildfile.entries import ProjectEntry
from guild_sync.guildfile.lines import MOST_DEPTH, MOST_VALUES, Listed, Mapped, mapped
from guild_sync.project.definitions import Yaml

INCLUDE = "$include"
MOST_TEXT = 100_000  # characters of a text, once params are put in
_PARAM = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_ITS_OWN = ("model", "config", "extends", "default", "python-requires")  # passed on to nobody
# What a key below another holds: texts there are short forms of mappings.
_SHAPES: Mapping[tuple[str, str], str] = {
    ("model", "operations"): "operations",
    ("model", "operation-defaults"): "operation",
    ("model", "flags"): "flags",
    ("operation", "flags"): "flags",
}
_ITEMS = {"operations": "operation", "flags": "flag"}  # shapes of mappings of names
_SHORT = {"operation": "main", "flag": "default"}  # what the short form of one is


class Unresolved(Exception):
    """What a model takes from others cannot be taken; the message says what, and where."""

    def __init__(self, text: str, where: str = "") -> None:
        super().__init__(f"{text} ({where})" if where else text)


class Models:
    """The models and configs of a file, by name, as what others are made of."""

    def __init__(self, entries: Iterable[ProjectEntry]) -> None:
        self.by_name: dict[str, list[ProjectEntry]] = {}
        for entry in entries:
            if entry.kind in ("model", "config"):  # that without a name is `:OPERATION`
                self.by_name.setdefault(entry.name, []).append(entry)

    def whole(self, entry: ProjectEntry) -> Mapped:
        """A model with what it extends, and its params put in. Raises Unresolved."""
        try:
            return _Params(self._extended(entry, ())).put_in()
        except RecursionError:
            raise Unresolved("extends: goes too deep") from None

    def section(self, name: str, value: Yaml, place: Place) -> Mapped:
        """`operations`, `flags` or `resources` with what `$include` in it names; by name.

        Own entries win, and of several that are included the last. Raises Unresolved; what is
        not there to be included is a warning of `place`.
        """
        return self._included(name, _named(mapped(value)), set(), place)

    def _extended(self, entry: ProjectEntry, above: tuple[str, ...]) -> Mapped:
        made = entry.data
        value = made.get("extends")
        where = made.where.get("extends", "")
        for name in _texts(value, "extends", where):
            if name == entry.name or name in above:
                circle = " -> ".join([*above, entry.name, name])
                raise Unresolved(f"extends: {circle} goes round in a circle", where)
            parent = self._named(name, "extends", where)
            base = self._extended(parent, (*above, entry.name)).without(*_ITS_OWN)
            made = over(made, base, "model")
        return made

    def _named(self, name: str, key: str, where: str) -> ProjectEntry:
        found = self.by_name.get(name, [])
        if not found:
            from guild_sync.project.flags import did_you_mean

            near = did_you_mean(name, self.by_name).strip()
            more = f": {near[0].lower()}{near[1:]}" if near else ""
            raise Unresolved(f"{key}: there is no model or config {name!r}{more}", where)
        if len(found) > 1:
            raise Unresolved(f"{key}: there are {len(found)} of the name {name!r}", where)
        return found[0]

    def _included(self, section: str, value: Mapped, seen: set[str], place: Place) -> Mapped:
        where = value.where.get(INCLUDE, "")
        made = Mapped()
        for reference in _texts(value.get(INCLUDE), INCLUDE, where):
            if reference not in seen:  # what includes itself is there once
                seen.add(reference)
                source = self._referred(section, reference, where, place)
                made = over(self._included(section, source, seen, place), made, section)
        return over(value.without(INCLUDE), made, section)

    def _referred(self, section: str, reference: str, where: str, place: Place) -> Mapped:
        """What `CONFIG`, `CONFIG:OPERATION` or `CONFIG#NAME,NAME` has to be included."""
        spec, _, names = reference.partition("#")
        operation = ""
        if spec not in self.by_name:
            spec, _, operation = spec.rpartition(":") if ":" in spec else (spec, "", "")
        data = self._named(spec, INCLUDE, where).data
        if operation:
            operations = _named(mapped(data.get("operations")))
            if operation not in operations:
                raise Unresolved(f"{INCLUDE}: {spec} has no operation {operation!r}", where)
            if section == "operations":
                return Mapped([(operation, operations[operation])], operations.where)
            data = mapped(operations[operation])
        value = data.get(section)
        if value is not None and not isinstance(value, dict):
            raise Unresolved(f"{INCLUDE}: {section} of {spec}: must be a mapping", where)
        found = _named(mapped(value))
        wanted = [name.strip() for name in names.split(",")] if names else []
        if not wanted:
            return found
        own = self._included(section, found, set(), place)
        for name in wanted:
            if name not in own:
                place.warn(f"{INCLUDE}: {spec} has no {name!r} in its {section}")
        return Mapped([(n, own[n]) for n in wanted if n in own], own.where)


def over(own: Mapped, base: Mapped, shape: str) -> Mapped:
    """A mapping that lies over another: its keys win, and mappings are merged key by key."""
    made = Mapped(base.items(), {**base.where, **own.where}, {**base.texts, **own.texts})
    for key, value in own.items():
        below = _ITEMS.get(shape) or _SHAPES.get((shape, str(key)), "")
        made[key] = _merged(value, base[key], below) if key in base else value
    return made


def _merged(own: Yaml, base: Yaml, shape: str) -> Yaml:
    short = _SHORT.get(shape)
    if short and (isinstance(own, dict) or isinstance(base, dict)):
        own, base = _long(own, short), _long(base, short)
    if isinstance(own, dict) and isinstance(base, dict):
        if shape in _ITEMS:
            return over(_named(mapped(own)), _named(mapped(base)), shape)
        return over(mapped(own), mapped(base), shape)
    return own


def _long(value: Yaml, short: str) -> Yaml:
    """The long form of an operation or a flag: one that is a text is its main or default."""
    return value if isinstance(value, dict) else Mapped([(short, value)])


def _named(value: Mapped) -> Mapped:
    """A mapping of names: what was typed as `yes` or `1` is a name too."""
    if not value.texts:
        return value
    names = {key: value.name_of(key) for key in value}
    where: dict[Yaml, str] = {names[key]: line for key, line in value.where.items() if key in names}
    return Mapped(((names[key], item) for key, item in value.items()), where)


def _texts(value: Yaml, key: str, where: str) -> list[str]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    for item in values:
        if not isinstance(item, (str, int, float)):
            raise Unresolved(f"{key}: must be a name or a list of names, not {short(item)}", where)
    return [item if isinstance(item, str) else str(item) for item in values]


class _Params:
    """The params of a model, put in wherever its texts name them."""

    def __init__(self, model: Mapped) -> None:
        self.model = model
        self.params = _named(mapped(model.get("params")))
        self.left = MOST_VALUES

    def put_in(self) -> Mapped:
        if not self.params:
            return self.model
        made = Mapped(where=self.model.where, texts=self.model.texts)
        for key, value in self.model.items():
            where = self.model.where.get(key, "")
            made[key] = value if key == "params" else self._value(value, where, (), 0)
        return made

    def _value(self, value: Yaml, where: str, within: tuple[str, ...], depth: int) -> Yaml:
        """A value with the params put in, of which those that it is `within` stay as they are."""
        self.left -= 1
        if self.left < 0 or depth > 2 * MOST_DEPTH:
            raise Unresolved(f"params: it has more than {MOST_VALUES} values with them", where)
        if isinstance(value, str):
            return self._text(value, where, within, depth)
        if isinstance(value, list):
            lines = value.where if isinstance(value, Listed) else [where] * len(value)
            pairs = zip(value, lines, strict=False)
            return Listed((self._value(i, line, within, depth + 1) for i, line in pairs), lines)
        if isinstance(value, dict):
            return self._mapping(mapped(value), where, within, depth)
        return value

    def _mapping(self, value: Mapped, where: str, within: tuple[str, ...], depth: int) -> Mapped:
        made = Mapped(texts=value.texts)
        for key, item in value.items():
            line = value.where.get(key, where)
            name = key
            if isinstance(key, str) and "{{" in key:
                found = self._text(key, line, within, depth)
                name = found if isinstance(found, str) else str(found)
            if name in made:
                raise Unresolved(f"params: {short(name)} stands twice with them", line)
            made[name] = self._value(item, line, within, depth + 1)
            made.where[name] = line
        return made

    def _text(self, text: str, where: str, within: tuple[str, ...], depth: int) -> Yaml:
        whole = _PARAM.fullmatch(text)
        if whole and whole[1] in self.params and whole[1] not in within:
            name = whole[1]
            return self._value(self.params[name], where, (*within, name), depth + 1)
        parts = list(self._parts(text, where, within, depth))
        if sum(map(len, parts)) > MOST_TEXT + len(text):
            raise Unresolved(f"params: a text of more than {MOST_TEXT} characters", where)
        return "".join(parts)

    def _parts(self, text: str, where: str, within: tuple[str, ...], depth: int) -> Iterator[str]:
        at = 0
        for match in _PARAM.finditer(text):
            yield text[at : match.start()]
            at, name = match.end(), match[1]
            if name in self.params and name not in within:
                value = self._value(self.params[name], where, (*within, name), depth + 1)
                yield value if isinstance(value, str) else str(value)
            else:
                yield match[0]
        yield text[at:]
