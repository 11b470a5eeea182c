"""A `package` entry of guild.yml, read into a frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.project.definitions import NAME, Package


def package(entry: Mapping[Any, Any], place: Place) -> Package:
    """What the project's wheel is called and needs."""
    for key in entry:
        if key in ("data-files",) or key not in (
            "package", "version", "description", "python-requires", "requires",
        ):  # fmt: skip
            place.pass_over(key)
    name, version = entry["package"], str(entry.get("version") or "0.0.0")
    requires = entry.get("requires") or []
    if not isinstance(name, str) or not NAME.match(name):
        place.fault("package: must be a name")
    if not _is_version(version):
        place.fault("version: must be a version, such as 1.0")
    requires = [requires] if isinstance(requires, str) else requires
    if not isinstance(requires, list) or not all(_one_line(r) for r in requires):
        place.fault("requires: must be a list of packages")
        requires = []
    python_requires = entry.get("python-requires")
    if python_requires is not None and not _one_line(python_requires):
        place.fault("python-requires: must be text, such as '>=3.8'")
    return Package(
        str(name),
        version,
        str(entry.get("description") or ""),
        python_requires,
        tuple(requires),
    )


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _one_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\n" not in value and "\r" not in value
