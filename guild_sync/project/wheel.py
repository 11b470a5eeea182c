"""A project's files -> a wheel of pure Python, made here and installed there."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from guild_sync.errors import ConfigError
from guild_sync.project.definitions import Package
from guild_sync.project.sourcecode import Source, content_of, package_name

_PLAIN = 0o644


@dataclass(frozen=True)
class Built:
    """A wheel, and where its source code is once it is installed."""

    wheel: Path
    name: str
    version: str
    folder: str
    requires: tuple[str, ...]


def build(found: Source, package: Package, target: Path) -> Built:
    """Write the project's wheel into the folder `target`: the same bytes for the same content.

    Source: the wheel format, PEP 427 and its packaging.python.org specification.
    """
    name = package_name(found, package)
    short = name.removeprefix("gpkg.")
    escaped = re.sub(r"[-_.]+", "_", name).lower()
    folder = "gpkg/" + re.sub(r"[^A-Za-z0-9]+", "_", short)
    version = package.version.replace("-", "_")  # a dash is between the parts of the file's name
    dist_info = f"{escaped}-{version}.dist-info"
    path = target / f"{escaped}-{version}-{package.python_tag}-none-any.whl"
    requires = checked_requires(package)
    members: dict[str, tuple[bytes, int]] = {}
    for file in found.files:
        here = found.root / file
        members[f"{folder}/{file}"] = content_of(here), here.stat().st_mode & 0o777
    members[f"{dist_info}/METADATA"] = _metadata(name, package, requires).encode(), _PLAIN
    members[f"{dist_info}/WHEEL"] = _wheel_headers(package.python_tag).encode(), _PLAIN
    members[f"{dist_info}/RECORD"] = _record(members, f"{dist_info}/RECORD"), _PLAIN
    with ZipFile(path, "w") as wheel:
        for member, (content, mode) in members.items():
            wheel.writestr(_member(member, mode), content)
    return Built(path, name, package.version, folder, requires)


def _record(members: Mapping[str, tuple[bytes, int]], name: str) -> bytes:
    """What the wheel says is in it: each file, its digest and size; of itself none."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    for member, (content, _) in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        rows.writerow((member, f"sha256={digest.decode()}", len(content)))
    rows.writerow((name, "", ""))
    return text.getvalue().encode("utf-8", "surrogateescape")


def _member(name: str, mode: int) -> ZipInfo:
    """The member of the wheel for a file: its mode, and no time, so that content alone counts."""
    member = ZipInfo(name)
    member.external_attr = (stat.S_IFREG | mode) << 16
    member.compress_type = ZIP_DEFLATED
    return member


def checked_requires(package: Package) -> tuple[str, ...]:
    """What a package requires, each requirement in the one form that it has.

    Raises ConfigError for what is none.
    """
    if not package.requires:  # most projects: the import costs 20 ms
        return ()
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in package.requires:
        try:
            found.append(str(Requirement(text)))
        except InvalidRequirement as e:
            problem = str(e).splitlines()[0]
            raise ConfigError(
                f"package: requires: {text!r} is not a requirement: {problem}"
            ) from None
    return tuple(dict.fromkeys(found))


def _metadata(name: str, package: Package, requires: Sequence[str]) -> str:
    return _headers(
        ("Metadata-Version", "2.1"),
        ("Name", name),
        ("Version", package.version),
        ("Summary", " ".join(package.description.split()) or "A Guild project"),
        ("Home-page", package.url),
        ("Author", package.author),
        ("Author-email", package.author_email),
        ("License", package.license),
        ("Keywords", " ".join(package.tags)),
        ("Requires-Python", package.python_requires),
        *(("Requires-Dist", requirement) for requirement in requires),
    )


def _wheel_headers(python_tag: str) -> str:
    from guild_sync import __version__

    return _headers(
        ("Wheel-Version", "1.0"),
        ("Generator", f"guild-sync {__version__}"),
        ("Root-Is-Purelib", "true"),
        *(("Tag", f"{tag}-none-any") for tag in python_tag.split(".")),
    )


def _headers(*headers: tuple[str, str | None]) -> str:
    """The headers that say something, as a file has them: each on one line, which its value is."""
    return "".join(f"{name}: {value}\n" for name, value in headers if value) + "\n"
