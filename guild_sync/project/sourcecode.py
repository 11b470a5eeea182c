"""A project's source code, and the wheel that carries it to a remote."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from guild_sync.errors import ConfigError, GuildError
from guild_sync.project.definitions import Package, Requirement
from guild_sync.project.listing import TreeFiles, is_in_cache

MAX_FILES = 100
MAX_BYTES = 1 << 20  # a larger file is data rather than source code
# Not UTF-8, or with a character that ends a line of a manifest: no wheel can have it.
_NAMEABLE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+\Z")


@dataclass(frozen=True)
class Source:
    """The files that are a project's source code, relative to `root`, and what was left out."""

    root: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def digest(self) -> str:
        """64 hex digits that stand for the project's place and content."""
        digest = hashlib.sha256(os.fsencode(self.root) + b"\0")
        for name in self.files:
            content = content_of(self.root / name)
            digest.update(os.fsencode(name) + b"\0%d\0" % len(content) + content)
        return digest.hexdigest()


def source(root: Path, selection: Any = None) -> Source:
    """The source code of the project at `root`, as `sourcecode` in guild.yml selects it.

    In a git work tree: what git tracks, and what it neither tracks nor ignores; elsewhere
    all but caches, virtual environments and files over 1 MB. Submodules, and packages that
    are links, are part of it (`listing`).
    Raises GuildError for more than 100 files that `sourcecode` does not ask for.
    """
    include, exclude = _patterns(selection)
    if selection is False or selection == "no":
        return Source(root, ())
    names, left_out = _candidates(root, include)
    if include:
        names = [name for name in names if _matches(name, include)]
    names = [name for name in names if not _matches(name, exclude)]
    said = [text for name, text in left_out.items() if not _matches(name, exclude)]
    if len(names) > MAX_FILES and not include:
        raise GuildError(
            f"the project {root} has {len(names)} files, more than {MAX_FILES}",
            "Say in the operation which are source code, such as\n"
            "  sourcecode: ['*.py', 'config/*']",
        )
    return Source(root, tuple(sorted(names)), tuple(said))


def package_name(found: Source, package: Package) -> str:
    """What the project's package is called; one without a name, after its place and content."""
    return f"gpkg.{package.name or f'anonymous-{found.digest()[:8]}'}"


def required_files(root: Path, requires: Sequence[Requirement]) -> tuple[str, ...]:
    """The project's files that requirements name, relative to `root`.

    Raises GuildError, naming it, for one that is not there.
    """
    found: dict[str, None] = {}
    for requirement in requires:
        if requirement.kind != "file" or os.path.isabs(requirement.source):
            continue
        path = root / requirement.source
        if not path.exists():
            raise GuildError(
                f"the operation requires {requirement.source}, which is not in {root}",
                "Put it there, or correct 'requires' in guild.yml.",
            )
        names = [requirement.source] if path.is_file() else _walk_all(root, path)
        found.update(dict.fromkeys(names))
    return tuple(found)


def _walk_all(root: Path, folder: Path) -> Iterator[str]:
    for top, _, names in os.walk(folder):
        for name in sorted(names):
            yield str((Path(top) / name).relative_to(root))


def content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise GuildError(f"cannot read {path}: {e.strerror}") from None


def _patterns(selection: Any) -> tuple[list[str], list[str]]:
    if selection is None or isinstance(selection, bool) or selection == "no":
        return [], []
    if isinstance(selection, dict):
        unknown = [key for key in selection if key not in ("include", "exclude")]
        if not unknown:
            return _texts(selection.get("include")), _texts(selection.get("exclude"))
        raise ConfigError(f"sourcecode: {unknown[0]} is not one of include, exclude")
    return _texts(selection), []


def _texts(value: Any) -> list[str]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise ConfigError("sourcecode: must be a pattern or a list of patterns")
    return values


def _matches(name: str, patterns: Sequence[str]) -> bool:
    spelled = [spelling for pattern in patterns for spelling in _spellings(pattern)]
    return any(fnmatch(name, p) or fnmatch(name, p.rstrip("/") + "/*") for p in spelled)


def _spellings(pattern: str) -> Iterator[str]:
    """A pattern, and what it is where a `**/` in it stands for no folder, as in .gitignore."""
    before, folders, behind = pattern.partition("**/")
    for rest in _spellings(behind) if folders else ("",):
        yield before + folders + rest
        if folders:
            yield before + rest


def _candidates(root: Path, include: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The files that may be source code; and those that may not, with what is said of them."""
    listing = TreeFiles(root, include)
    names: list[str] = []
    left_out = dict(listing.left_out)
    for name, is_tracked in listing.files.items():
        path = root / name
        if not is_tracked and is_in_cache(root, name):
            continue
        if not _NAMEABLE.match(name):
            left_out[name] = f"{name!r} is left out: a package cannot have a file of that name"
            continue
        size = path.stat().st_size
        if size > MAX_BYTES and not is_tracked and not include:
            left_out[name] = (
                f"{name} is left out: it is {size / MAX_BYTES:.1f} MB, and 'sourcecode' in "
                "guild.yml does not name it"
            )
        else:
            names.append(name)
    return names, left_out
