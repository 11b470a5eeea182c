"""`sourcecode` of a model and an operation in guild.yml, read into a frozen record."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import is_one_line
from guild_sync.project.definitions import SourceCode, SourceRule, Yaml

_KEYS = ("select", "root", "dest", "digest", "include", "exclude")
_KINDS = ("text", "binary", "dir")
NOTHING = SourceRule(False, ("*",))


def source_code_of(values: Sequence[Yaml], place: Place) -> SourceCode:
    """Which files are source code, by `sourcecode` of the model and then of the operation.

    The rules of both hold, those of the operation last; its folders count before the model's.
    """
    place = place.at("sourcecode")
    rules: list[SourceRule] = []
    root, dest = ".", "."
    for value in values:
        given = value if isinstance(value, dict) else {"select": value}
        for key in given:
            if key not in _KEYS:
                place.pass_over(key)
        rules += _selected(given.get("select"), place)
        if given.get("include") is not None:
            rules += [NOTHING, *_rules(True, given["include"], place)]
        if given.get("exclude") is not None:
            rules += _rules(False, given["exclude"], place)
        yes_or_no(given.get("digest"), "digest", place)
        root = _folder("root", given.get("root"), root, place)
        dest = _folder("dest", given.get("dest"), dest, place)
    if os.path.isabs(dest) or dest.split("/")[0] == "..":
        place.fault("dest: must be a folder of the run")
    if dest.split("/")[0] == ".guild" and dest != ".guild/sourcecode":
        place.fault("dest: .guild is the run's own, but for .guild/sourcecode")
    return SourceCode(tuple(rules), root, dest)


def _folder(key: str, value: Yaml, before: str, place: Place) -> str:
    """A path, without `.` and `..` where there may be none."""
    if value is None:
        return before
    if not is_one_line(value):
        place.fault(f"{key}: must be a folder")
        return before
    return os.path.normpath(value)


def _selected(value: Yaml, place: Place) -> Iterator[SourceRule]:
    """What a `select` says: patterns alone leave out all else."""
    if value is None or value is True:
        return
    if value is False or value == "no":
        yield NOTHING
        return
    items = value if isinstance(value, list) else [value]
    if not any(isinstance(item, dict) for item in items):
        yield NOTHING
    for item in items:
        if not isinstance(item, dict):
            yield from _rules(True, item, place)
        elif len(item) == 1 and ("include" in item or "exclude" in item):
            for key, given in item.items():
                yield from _rules(key == "include", given, place)
        else:
            place.fault("an item must be a pattern, or a mapping of either include or exclude")


def _rules(is_included: bool, value: Yaml, place: Place) -> Iterator[SourceRule]:
    """The rules of an `include` or `exclude`: patterns, or a mapping of a kind to patterns."""
    given = value if isinstance(value, dict) else {"": value}
    for kind, patterns in given.items():
        if not isinstance(kind, str) or (kind and kind not in _KINDS):
            place.fault(f"{kind} is not one of {', '.join(_KINDS)}")
            continue
        texts = patterns if isinstance(patterns, list) else [patterns]
        found = tuple(text for text in texts if isinstance(text, str) and "\0" not in text)
        if len(found) < len(texts):
            place.fault("must be a pattern or a list of patterns")
        yield SourceRule(is_included, found, kind)
