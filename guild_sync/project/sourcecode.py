"""A project's source code, and the wheel that carries it to a remote."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape, glob
from pathlib import Path

from guild_sync.agent.protocol import RequirementForm
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Package, SourceCode, SourceRule
from guild_sync.project.listing import (
    Caches,
    TreeFiles,
    guild_ignored,
    is_left_out,
    is_of_git,
)
from guild_sync.project.selecting import Rules, is_text

_BY_DEFAULT = SourceCode()
MAX_FILES = 100
MAX_BYTES = 1 << 20  # a larger file is data rather than source code
_NOT_NAMED = "'sourcecode' in guild.yml does not name it"
# Not UTF-8, or with a character that ends a line of a manifest: no wheel can have it.
_NAMEABLE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+\Z")


def is_nameable(name: str) -> bool:
    """Whether a package, and a run's manifest, can have a file of that name."""
    return bool(_NAMEABLE.match(name))


@dataclass(frozen=True)
class Source:
    """The files that are a project's source code, relative to `root`, and what was left out."""

    root: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    folder: Path | None = None  # the project's, where that is another than `root`
    beyond: tuple[str, ...] = ()  # files that would be more than are taken outside git

    @property
    def project(self) -> Path:
        return self.folder or self.root

    def digest(self) -> str:
        """64 hex digits that stand for the project's place and content."""
        digest = hashlib.sha256(os.fsencode(self.project) + b"\0")
        for name in self.files:
            content = content_of(self.root / name)
            digest.update(os.fsencode(name) + b"\0%d\0" % len(content) + content)
        return digest.hexdigest()


def source(folder: Path, selection: SourceCode = _BY_DEFAULT, most: int | None = None) -> Source:
    """The source code of the project in `folder`, as `sourcecode` in guild.yml selects it.

    Without a rule for a file: in a git work tree what git tracks, and what it neither tracks nor
    ignores, but for git's own files and what the project's .guildignore names; elsewhere all but
    caches, virtual environments and files over 1 MB, and of more than 100 files Python's first and
    then those that Guild AI would take. Submodules, and packages that are links, are part of it
    (`listing`).

    Raises GuildError where there are more than `most` files outside git.
    """
    root = Path(os.path.normpath(folder / selection.root))
    if not root.is_dir():
        raise GuildError(
            f"sourcecode: there is no folder {root}", "Correct 'root' of 'sourcecode' in guild.yml."
        )
    elsewhere = folder if root != folder else None
    if selection.rules and selection.rules[-1] == SourceRule(False, ("*",)):
        return Source(root, (), (), elsewhere)
    rules = Rules(root, selection.rules)
    listing, caches = TreeFiles(root, rules.named, most), Caches(root)
    ignored = guild_ignored(folder, root) if listing.of_git else frozenset()
    names, left_out = dict[str, bool](), dict(listing.left_out)
    for name, is_tracked in listing.files.items():
        choice = rules.choice(name)
        if choice is None and name in listing.of_git and (name in ignored or is_of_git(name)):
            continue
        is_own = name.startswith(".guild/")  # a guild home; in a run it would be the run's own
        if is_own or choice is False or (not is_tracked and caches.has(name)):
            continue
        if not is_nameable(name):
            left_out[name] = "a package cannot have a file of that name"
            continue
        is_asked_for = bool(choice) or name in listing.of_git
        size = 0 if is_asked_for else (root / name).stat().st_size
        if size > MAX_BYTES:
            left_out[name] = f"it is {size / MAX_BYTES:.1f} MB, and {_NOT_NAMED}"
        else:
            names[name] = is_asked_for
    told = {name: why for name, why in left_out.items() if rules.choice(name) is not False}
    told.update(_ignored(root, rules, listing))
    said = [f"{_shown(root, folder, name)} is left out: {why}" for name, why in told.items()]
    taken = _at_most_100(root, names)
    beyond = tuple(sorted(names.keys() - {*taken}))
    if beyond:
        said.append(
            f"{len(beyond)} files are left out: outside git, only {MAX_FILES} are taken that "
            "'sourcecode' in guild.yml does not name"
        )
    return Source(root, tuple(sorted(taken)), tuple(said), elsewhere, beyond)


def _shown(root: Path, folder: Path, name: str) -> str:
    """A file's name as people know it: from the project's folder, whatever the root is."""
    known = os.path.relpath(root / name, folder)
    return known if is_nameable(known) else repr(known)


def _ignored(root: Path, rules: Rules, listing: TreeFiles) -> Iterator[tuple[str, str]]:
    """Files and folders that `sourcecode` names, and that git ignores, with what is said of it."""
    for pattern in dict.fromkeys(rules.named) if listing.is_in_git else ():
        name = os.path.normpath(pattern.strip("/"))
        path = root / name
        is_there = path.is_file() or (path.is_dir() and not is_left_out(path))
        if _is_pattern(name) or name.split("/")[0] in (".", "..") or not is_there:
            continue
        is_known = any(f == name or f.startswith(f"{name}/") for f in listing.files)
        is_wanted = rules.choice(name if path.is_file() else f"{name}/x") is not False
        if is_wanted and not is_known and name not in listing.left_out:
            yield name, "'sourcecode' in guild.yml names it, and git ignores it"


def _at_most_100(root: Path, names: Mapping[str, bool]) -> list[str]:
    """The files; of too many that nobody asked for the first.

    Those are files that Guild AI 0.9 takes, in its order: a folder's own before those of its
    folders, text alone, and nothing of hidden folders and of what was built. But modules come
    before all else: a run can do without the hundredth text, and not without what it runs.
    """
    if list(names.values()).count(False) <= MAX_FILES:
        return list(names)
    asked_for = [name for name, is_asked_for in names.items() if is_asked_for]
    others = [name for name, is_asked_for in names.items() if not is_asked_for]
    eligible = [name for name in others if not _is_hidden(name) and is_text(root / name)]
    first = sorted(eligible, key=_modules_first)[: max(MAX_FILES - len(asked_for), 0)]
    return [*asked_for, *first]


def _is_hidden(name: str) -> bool:
    folders = name.split("/")[:-1]
    return any(folder[0] == "." or folder in ("build", "dist") for folder in folders)


def _modules_first(name: str) -> tuple[bool, list[tuple[bool, str]]]:
    return not name.endswith(".py"), _files_before_folders(name)


def _files_before_folders(name: str) -> list[tuple[bool, str]]:
    *folders, base = name.split("/")
    return [*((True, folder) for folder in folders), (False, base)]


def package_name(found: Source, package: Package) -> str:
    """What the project's package is called; one without a name, after its place and content."""
    name = package.name or f"anonymous-{found.digest()[:8]}"
    return name if name.startswith("gpkg.") else f"gpkg.{name}"


def with_data(found: Source, package: Package) -> Source:
    """The source code with the data files of the project's package, which lie beside it.

    A pattern means nothing that git ignores. What is not there, or not below the root, is said.
    """
    if not package.data_files:
        return found
    known: set[Path] = set()
    if any(map(_is_pattern, package.data_files)):
        known = {found.project / name for name in TreeFiles(found.project).files}
    names, said = dict.fromkeys(found.files), list(found.left_out)
    for text in package.data_files:
        paths = _matching(found.project, text)
        if _is_pattern(text):
            paths = [path for path in paths if path in known]
        if not paths:
            said.append(f"data-files: there is no {text}")
        is_beside = False
        for path in paths:
            if not path.is_relative_to(found.root):
                is_beside = True
                continue
            name = str(path.relative_to(found.root))
            if is_nameable(name):
                names[name] = None
            else:
                said.append(f"{name!r} is left out: a package cannot have a file of that name")
        if is_beside:
            said.append(f"data-files: {text} is left out: it is not in the root {found.root}")
    return replace(found, files=tuple(sorted(names)), left_out=tuple(said))


def _is_pattern(text: str) -> bool:
    return any(c in text for c in "*?[")


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The files that a pattern means, and those in the folders that it means."""
    found = [Path(name) for name in glob(str(Path(escape(str(folder))) / pattern), recursive=True)]
    below = [path / name for path in found if path.is_dir() for name in _walk_all(path, "")]
    return [*(path for path in found if path.is_file()), *below]


def required_files(root: Path, requires: Sequence[RequirementForm]) -> tuple[str, ...]:
    """The project's files that requirements name, relative to `root`.

    They are in the project, or beside it. Raises GuildError, naming it, for one that is not there.
    """
    found: dict[str, None] = {}
    for requirement in requires:
        source = requirement["source"]
        if requirement["kind"] != "file" or os.path.isabs(source):
            continue
        path = root / source
        if not path.exists():
            if requirement.get("optional"):
                continue
            raise GuildError(
                f"the operation requires {source}, which is not in {root}",
                "Put it there, or correct 'requires' in guild.yml.",
            )
        found.update(dict.fromkeys([source] if path.is_file() else _walk_all(path, source)))
    return tuple(found)


def without_required(said: Sequence[str], files: Sequence[str]) -> list[str]:
    """What was said of a project, but for large files that the run is given all the same."""
    given = tuple(f"{os.path.normpath(name)} is left out: it is " for name in files)
    return [text for text in said if not (text.startswith(given) and text.endswith(_NOT_NAMED))]


def _walk_all(folder: Path, source: str) -> Iterator[str]:
    """The files in a folder and below, links to files and folders among them."""
    from guild_sync.agent.staging.selecting import comes_along  # few operations require folders

    waiting = [(str(folder), source)]
    while waiting:
        top, named = waiting.pop()
        try:
            names = sorted(os.listdir(top))
        except OSError as e:
            raise GuildError(f"cannot read {top}: {e.strerror}") from None
        paths = [(os.path.join(top, n), os.path.normpath(os.path.join(named, n))) for n in names]
        found = [(path, name) for path, name in paths if comes_along(path)]
        yield from (name for path, name in found if not os.path.isdir(path))
        waiting += [(path, name) for path, name in reversed(found) if os.path.isdir(path)]


def content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise GuildError(f"cannot read {path}: {e.strerror}") from None
