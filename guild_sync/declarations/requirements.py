"""`requires` of an operation, and `resources` of a model, in guild.yml, read into records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from guild_sync.config.faults import Place
from guild_sync.config.texts import is_one_line
from guild_sync.declarations.sources import KINDS, SOURCE_KEYS, source_of
from guild_sync.declarations.spellings import skipped
from guild_sync.project.definitions import Requirement, Yaml
from guild_sync.project.flags import Flag

_RESOURCE_KEYS = {
    "sources", "name", "target-path", "path", "target-type", "preserve-path", "default-unpack",
    "help", "description", "private", "references",
}  # fmt: skip
# What a resource says for each of its sources that does not say it itself.
_INHERITED = ("target-path", "path", "target-type", "preserve-path", "help")


def requirements_of(
    value: Yaml, place: Place, resources: Mapping[str, Yaml] | None = None, model: str = ""
) -> tuple[Requirement, ...]:
    """What an operation requires: one entry, or a list of them.

    `resources` are those that it can name, of its `model`.
    """
    found: list[Requirement] = []
    for number, entry in numbered(value):
        own = place.at(f"requires{number}")
        found += [r for r in _required(entry, own, resources or {}) if r not in found]
    return tuple(
        replace(requirement, model=model) if requirement.kind == "operation" else requirement
        for requirement in found
    )


def add_flags(
    requires: tuple[Requirement, ...], flags: dict[str, Flag], declared: Mapping[Yaml, Yaml]
) -> None:
    """Add the flags that say which runs, and which files, are required.

    One that the operation has `declared` says it, too, and is no argument unless it says so.
    """
    for requirement in requires:
        is_run, name = requirement.kind == "operation", requirement.flag
        if not name:
            continue
        default = None if is_run or "${" in requirement.source else requirement.source
        if name not in flags and (is_run or requirement.has_flag):
            what = f"the run of {requirement.source} to take; the latest completed one"
            flags[name] = Flag(
                name,
                default,
                type="string",
                is_run=True,
                description=what if is_run else f"what to take in place of {requirement.source}",
            )
        elif name in flags and not flags[name].is_run and (is_run or requirement.has_flag):
            flag = skipped(flags[name], declared.get(name))
            flags[name] = replace(flag, default=default) if flag.default is None else flag


def numbered(value: Yaml) -> list[tuple[str, Yaml]]:
    """The entries, each with its number where there are several."""
    if not isinstance(value, list):
        return [] if value is None else [("", value)]
    return [(f", entry {number}", entry) for number, entry in enumerate(value, 1)]


def _required(
    entry: Yaml, place: Place, resources: Mapping[str, Yaml], above: tuple[str, ...] = ()
) -> list[Requirement]:
    """The sources of one entry: a source, a resource, or the name of one."""
    name = _named(entry, resources)
    if name is not None:
        if name not in resources:
            known = f": it has {', '.join(map(str, resources))}" if resources else ""
            place.fault(f"the model has no resource {name!r}{known}")
            return []
        if name in above:
            place.fault(f"resource {name} requires itself")
            return []
        return _of_resource(name, resources[name], place.at(f"resource {name}"), resources, above)
    if isinstance(entry, dict) and "sources" in entry:
        return _resource(entry, entry.get("name"), place)
    found = source_of(entry, place)
    return [] if found is None else [found]


def _named(entry: Yaml, resources: Mapping[str, Yaml]) -> str | None:
    """The name of the resource that an entry is, where it is one."""
    if isinstance(entry, dict) and set(entry) == {"resource"}:
        entry = entry["resource"]
    if not is_one_line(entry):
        return None
    if entry in resources and ":" not in entry:
        return entry  # it may be called `file`
    is_source = entry.partition(":")[0] in KINDS or "://" in entry
    return None if is_source else entry.strip()


def _of_resource(
    name: str,
    value: Yaml,
    place: Place,
    resources: Mapping[str, Yaml],
    above: tuple[str, ...],
) -> list[Requirement]:
    """The sources of a resource of the model, all of its name."""
    if isinstance(value, dict) and "sources" in value:
        return _resource(value, name, place)
    found: list[Requirement] = []
    for number, entry in numbered(value):
        if isinstance(entry, str) and entry in resources:
            found += _required(entry, place, resources, (*above, name))
        elif (source := source_of(entry, place.at(f"source{number}"), text_is="file")) is not None:
            found.append(source)
    return [replace(requirement, name=name) for requirement in found]


def _resource(entry: Mapping[Yaml, Yaml], name: Yaml, place: Place) -> list[Requirement]:
    """The sources of a mapping with `sources`, which have its name where it has one."""
    if name is not None and not is_one_line(name):
        place.fault("name: must be text on one line")
    for key in entry:
        if key in SOURCE_KEYS and key not in _RESOURCE_KEYS:
            place.warn(f"{key} is passed over: it is a key of a source")
        elif key not in _RESOURCE_KEYS:
            place.pass_over(key)
    inherited: dict[Yaml, Yaml] = {key: entry[key] for key in _INHERITED if key in entry}
    if "default-unpack" in entry:
        inherited["unpack"] = entry["default-unpack"]
    found = []
    for number, source in numbered(entry["sources"]):
        own = place.at(f"source{number}")
        made = source_of(source, own, text_is="file", inherited=inherited)
        if made is not None:
            found.append(made)
    if not entry["sources"]:
        place.fault("sources: must be a list of what is required")
    if isinstance(name, str):
        return [replace(requirement, name=name) for requirement in found]
    return found
