"""The entries of guild.yml, with those of the files that it includes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guild_sync.config.file import text_of
from guild_sync.config.texts import is_one_line, short
from guild_sync.errors import ConfigError
from guild_sync.guildfile import keys
from guild_sync.guildfile.lines import Listed, Mapped, Spot, mapped, parsed
from guild_sync.project.definitions import GUILDFILE, Yaml

MOST_FILES = 100
_GROUPS = {
    "package": "a package", "model": "a model", "config": "a model", "include": "an include",
}  # fmt: skip
_KINDS = tuple(_GROUPS)


@dataclass(frozen=True)
class ProjectEntry:
    """An entry: a package, or a model or config with its name, and the place that it has."""

    kind: str
    name: str
    data: Mapped
    spot: Spot
    is_included: bool = False


def load(path: Path) -> Yaml:
    """What guild.yml says. Raises ConfigError where it cannot be read."""
    try:
        return parsed(path, text_of(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None


class ProjectEntries:
    """The entries of a project's guild.yml, in order; what is wrong with them goes to `file`."""

    def __init__(self, path: Path, file: Spot) -> None:
        self.path = path
        self.file = file
        self.count = 0  # of the files that were included

    def of(self, data: Yaml) -> list[ProjectEntry]:
        return list(self._of(data, self.path, self.file, ()))

    def _of(
        self, data: Yaml, path: Path, file: Spot, above: tuple[Path, ...]
    ) -> Iterator[ProjectEntry]:
        if isinstance(data, dict):
            model = Mapped([("operations", data)])
            yield ProjectEntry(
                "model", "", model, Spot("", file, model, "", "a model"), bool(above)
            )
        elif not isinstance(data, list):
            if data is not None:
                file.must_be("a mapping of operations, or a list of entries")
        else:
            lines = data.where if isinstance(data, Listed) else []
            for number, item in enumerate(data):
                where = lines[number] if number < len(lines) else ""
                spot = Spot(f"entry {number + 1}", file, item, where)
                yield from self._entry(item, spot, path, above)

    def _entry(
        self, item: Yaml, spot: Spot, path: Path, above: tuple[Path, ...]
    ) -> Iterator[ProjectEntry]:
        if not isinstance(item, dict):
            spot.must_be("a mapping")
            return
        data = mapped(item)
        kind = next((kind for kind in _KINDS if kind in data), "model")
        spot.group = _GROUPS[kind]
        if kind == "include":
            keys.check(data, "an include", spot)
            yield from self._included(data["include"], spot, path, above)
        elif kind == "model" and "model" not in data and "operations" not in data:
            known = " or ".join((", ".join(_KINDS[:-1]), _KINDS[-1]))
            spot.fault(f"must have {known}, or operations, and has {_listed(data)}")
        else:
            value = data.get(kind)
            name = "" if value is None else value if isinstance(value, str) else str(value)
            if isinstance(value, (dict, list)) or (name and not is_one_line(name)):
                spot.must_be("a name", kind)
            elif kind == "config" and not name:
                spot.must_be("a name", "config")
            else:
                yield ProjectEntry(kind, name, data, spot, bool(above))

    def _included(
        self, value: Yaml, spot: Spot, path: Path, above: tuple[Path, ...]
    ) -> Iterator[ProjectEntry]:
        for name in value if isinstance(value, list) else [value]:
            if not is_one_line(name):
                spot.fault(f"include: must be the path of a file or folder, not {short(name)}")
                continue
            found = path.parent / name
            if found.is_dir():
                found /= GUILDFILE
            self.count += 1
            if not found.exists():  # nor is what links in a circle lead to
                spot.fault(f"include: there is no {name} in {path.parent}")
            elif found.resolve() in (seen := (*above, path.resolve())):
                spot.fault(f"include: {name} includes itself")
            elif self.count > MOST_FILES:
                spot.fault(f"include: more than {MOST_FILES} files")
            else:
                yield from self._of_file(found, spot, seen)

    def _of_file(self, path: Path, spot: Spot, above: tuple[Path, ...]) -> Iterator[ProjectEntry]:
        shown = os.path.relpath(path, self.path.parent)
        try:
            data = parsed(path, text_of(path), shown)
        except (ConfigError, OSError, ValueError) as e:
            spot.fault(f"include: {e}")
            return
        yield from self._of(data, path, self.file, above)


def _listed(data: Mapped) -> str:
    """The keys that an entry has, for a message."""
    names = [data.name_of(key) for key in data]
    return short(", ".join(names)) if names else "none of them"
