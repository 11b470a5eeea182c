"""The JSON schema of guild.yml, made from the table of keys: editors check and complete by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from guild_sync.guildfile import keys
from guild_sync.guildfile.keys import LIST, MAPPING, NUMBER, SWITCH, TEXT, Key
from guild_sync.project.definitions import Yaml

Schema = dict[Yaml, Yaml]

_TYPES = {TEXT: "string", NUMBER: "number", SWITCH: "boolean", LIST: "array", MAPPING: "object"}
_INCLUDE: Schema = {"$include": {"type": ["string", "array"]}}


def schema() -> Schema:
    """The schema as JSON: of both forms that the file has."""
    groups: Schema = {_name(group): _object(known, group) for group, known in keys.GROUPS.items()}
    entries: list[Yaml] = [_ref(group) for group in ("a package", "an include", "a model")]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "guild.yml",
        "anyOf": [
            {"type": "array", "items": {"anyOf": entries}},
            {"type": "object", "additionalProperties": _one_of(_ref("an operation"))},
        ],
        "definitions": groups,
    }


def _object(known: Mapping[str, Key], group: str) -> Schema:
    properties: Schema = {
        name: _value(key, keys.about(group, name), keys.group_below(group, name))
        for name, key in known.items()
    }
    if group == "a model":
        properties["operations"] = {
            **_about(known["operations"], keys.about(group, "operations")),
            **_names_to(_one_of(_ref("an operation"))),
        }
    # Flags keep keys that guild does not know; elsewhere one is a slip.
    made: Schema = {"type": "object", "additionalProperties": group == "a flag"}
    required: dict[str, list[Yaml]] = {
        "a package": ["package"],
        "an include": ["include"],
        "a step": ["run"],
    }
    return {**made, "properties": properties, "required": required.get(group, [])}


def _value(key: Key, text: str, group: str) -> Schema:
    """What a key takes; below it stand keys of that group, where it has one."""
    about = _about(key, text)
    if key.values:
        return {**about, "enum": [*key.values, None]}
    if group in keys.GROUPS and LIST in key.takes:
        items = _one_of(_ref(group))
        return {**about, "anyOf": [items, {"type": "array", "items": items}]}
    if group in keys.GROUPS:
        return {**about, "allOf": [_ref(group)]}
    if group:  # a mapping of names
        below = keys.group_below(group, "")
        return {**about, **_names_to(_one_of(_ref(below), keys.ANY))}
    return {**about, "type": _types(key.takes)}


def _about(key: Key, text: str) -> Schema:
    return {"description": f"{text} (since {key.since})"}


def _names_to(value: Schema) -> Schema:
    return {"type": ["object", "null"], "properties": _INCLUDE, "additionalProperties": value}


def _one_of(value: Schema, others: Iterable[str] = (TEXT,)) -> Schema:
    """That, or the short form of it; nothing, where there is nothing to say."""
    return {"anyOf": [value, {"type": _types(kind for kind in others if kind != MAPPING)}]}


def _types(kinds: Iterable[str]) -> list[Yaml]:
    return [*(_TYPES[kind] for kind in kinds), "null"]


def _ref(group: str) -> Schema:
    return {"$ref": f"#/definitions/{_name(group)}"}


def _name(group: str) -> str:
    """The group's name without its article."""
    return group.split()[-1]
