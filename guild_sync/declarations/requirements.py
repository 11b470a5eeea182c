"""`requires` of an operation in guild.yml, read into frozen records."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.project.definitions import Requirement, Yaml
from guild_sync.project.values import words_of

_KINDS = ("file", "operation")
_REQUIREMENT_KEYS = {
    *_KINDS, "name", "select", "rename", "target-path", "path", "target-type", "preserve-path",
}  # fmt: skip
_TARGET_TYPES = ("copy", "link")


_NO_RESOURCES: Mapping[str, Yaml] = MappingProxyType({})


def requirements_of(
    value: Any, place: Place, resources: Mapping[str, Yaml] = _NO_RESOURCES
) -> tuple[Requirement, ...]:
    """What an operation requires: one entry, or a list of them."""
    found: list[Requirement] = []
    for number, entry in numbered(value):
        own = place.at(f"requires{number}")
        requirement = _requirement(entry, own)
        if requirement is None:
            continue
        if any(requirement.name == other.name for other in found):
            own.fault(f"{requirement.name} is required twice: give one of them another name")
        found.append(requirement)
    return tuple(found)


def numbered(value: Any) -> list[tuple[str, Any]]:
    """The entries, each with its number where there are several."""
    if not isinstance(value, list):
        return [] if value is None else [("", value)]
    return [(f", entry {number}", entry) for number, entry in enumerate(value, 1)]


def _requirement(entry: Any, place: Place) -> Requirement | None:
    if isinstance(entry, str):  # `file:data.csv`, as Guild AI has it
        kind, colon, source = entry.partition(":")
        entry = {kind: source} if colon else {}
    kinds = [kind for kind in _KINDS if isinstance(entry, dict) and entry.get(kind)]
    if len(kinds) != 1:
        place.fault("must have one of file and operation; guild knows no other kind")
        return None
    kind = kinds[0]
    for key in entry:
        if key not in _REQUIREMENT_KEYS:
            place.pass_over(key)
    before = len(place.faults)
    source, name = entry[kind], entry.get("name", entry[kind])
    for key, text in ((kind, source), ("name", name)):
        if not _one_line(text):
            place.fault(f"{key}: must be text on one line")
    if isinstance(name, str) and "=" in name:
        place.fault("name: must have no '='")
    if kind == "file" and isinstance(source, str) and ".." in source.split("/"):
        place.fault("file: must be in the project: its path has no '..'")
    target_type = entry.get("target-type", "link")
    if target_type not in _TARGET_TYPES:
        place.fault(f"target-type: must be one of {', '.join(_TARGET_TYPES)}")
    select = _select(entry.get("select"), place)
    rename = _rename(entry.get("rename"), place)
    target_path = _target_path(entry.get("target-path", entry.get("path")), place)
    if not isinstance(entry.get("preserve-path", False), bool):
        place.fault("preserve-path: must be yes or no")
    if len(place.faults) > before:
        return None
    return Requirement(
        kind,
        source.rstrip("/") or source,
        name,
        select,
        rename,
        target_path,
        target_type == "copy",
        entry.get("preserve-path", False),
    )


def _one_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _select(value: Any, place: Place) -> tuple[str, ...]:
    patterns = [] if value is None else value if isinstance(value, list) else [value]
    for pattern in patterns:
        if not isinstance(pattern, str) or not _is_pattern(pattern):
            place.fault(f"select: {pattern!r} is not a regular expression")
    return tuple(str(pattern) for pattern in patterns)


def _rename(value: Any, place: Place) -> tuple[tuple[str, str], ...]:
    """Pairs of a pattern and what takes its place: `'PATTERN TEXT'`, or a mapping of both."""
    entries = [] if value is None else value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        if isinstance(entry, dict):
            words = [word for key in ("pattern", "repl") if isinstance(word := entry.get(key), str)]
        else:
            text = entry if isinstance(entry, str) else ""
            # Without quotes a backslash is the expression's own, as in `\1`.
            words = words_of(text) if "'" in text or '"' in text else text.split()
        if len(words) != 2:
            place.fault("rename: must be 'PATTERN TEXT', or have pattern and repl")
        elif not _is_pattern(words[0]) or not _is_replacement(words[0], words[1]):
            place.fault(f"rename: {words[0]!r}, {words[1]!r} is no pattern and its replacement")
        else:
            found.append((words[0], words[1]))
    return tuple(found)


def _target_path(value: Any, place: Place) -> str:
    if value is None:
        return ""
    if not _one_line(value) or value.startswith("/") or ".." in value.split("/"):
        place.fault("target-path: must be a path in the run")
        return ""
    if posixpath.normpath(value).split("/")[0] == ".guild":
        place.fault("target-path: .guild is guild's own")
    return str(value).rstrip("/")


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _is_replacement(pattern: str, text: str) -> bool:
    """Whether `text` names only groups that the pattern has."""
    try:
        re.sub(pattern, text, "")  # reads the replacement, whether or not it has a place
    except (re.error, IndexError):
        return False
    return True
