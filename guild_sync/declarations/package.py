"""A `package` entry of guild.yml, read into a frozen record."""

from __future__ import annotations

import re
from collections.abc import Mapping

from guild_sync.config.faults import Place
from guild_sync.config.texts import is_one_line
from guild_sync.project.definitions import NAME, Package, Yaml

_KEYS = frozenset({
    "package", "version", "description", "url", "author", "author-email", "license", "tags",
    "python-tag", "data-files", "python-requires", "requires",
})  # fmt: skip
_TAG = re.compile(r"[a-z]+[a-z0-9]*(\.[a-z]+[a-z0-9]*)*\Z")


def package(entry: Mapping[Yaml, Yaml], place: Place) -> Package:
    """What the project's wheel is called, says of itself, brings along and needs."""
    for key in entry:
        if key == "packages":
            place.warn("packages is passed over: a run has the source code of the whole project")
        elif key not in _KEYS:
            place.pass_over(key)
    name, version = entry.get("package"), str(entry.get("version") or "0.0.0")
    if not isinstance(name, str) or not NAME.match(name):
        place.fault("package: must be a name")
    if not _is_version(version):
        place.fault("version: must be a version, such as 1.0")
    python_requires = entry.get("python-requires")
    if python_requires is not None and not is_one_line(python_requires):
        place.fault("python-requires: must be text, such as '>=3.8'")
    tag = entry.get("python-tag") or "py3"
    if not isinstance(tag, str) or not _TAG.match(tag):
        place.fault("python-tag: must be such as py3 or py2.py3")
    return Package(
        str(name),
        version,
        str(entry.get("description") or ""),
        str(python_requires) if python_requires is not None else None,
        _texts(entry, "requires", "a list of packages", place),
        url=_line(entry.get("url")),
        author=_line(entry.get("author")),
        author_email=_line(entry.get("author-email")),
        license=_line(entry.get("license")),
        tags=_texts(entry, "tags", "a list of texts", place),
        python_tag=str(tag),
        data_files=_data_files(entry, place),
    )


def _texts(entry: Mapping[Yaml, Yaml], key: str, what: str, place: Place) -> tuple[str, ...]:
    """The texts of a list, or one text, each of one line."""
    value = entry.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    found = tuple(text for text in values if is_one_line(text))
    if len(found) < len(values):
        place.fault(f"{key}: must be {what}")
        return ()
    return found


def _data_files(entry: Mapping[Yaml, Yaml], place: Place) -> tuple[str, ...]:
    found = _texts(entry, "data-files", "a list of files or patterns", place)
    for path in found:
        if path[0] == "/" or ".." in path.split("/"):
            place.fault(f"data-files: {path!r} must be a path in the project")
    return found


def _line(value: Yaml) -> str:
    """What the wheel says of itself, on one line."""
    return " ".join(str(value).split()) if value is not None else ""


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
