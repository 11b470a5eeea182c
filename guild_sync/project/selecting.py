"""Which files `sourcecode` in guild.yml says are source code: patterns, as Guild AI reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from guild_sync.project.definitions import SourceRule

NO_COPY = ".guild-nocopy"  # a folder with a file of this name is no source code
_TEXT_SAMPLE = 8192  # bytes
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Rules:
    """The rules of a `sourcecode`, held against the files of a folder."""

    def __init__(self, root: Path, rules: Sequence[SourceRule]) -> None:
        self._root = root
        self._of_folders = [rule for rule in rules if rule.kind == "dir"]
        self._of_files = [
            (rule, [glob for p in rule.patterns for glob in self._globs(p, rule.is_included)])
            for rule in rules
            if rule.kind != "dir"
        ]
        self.named = [p for rule in rules if rule.is_included for p in rule.patterns]
        self._has_folder = cache(self._folder)

    def choice(self, name: str) -> bool | None:
        """Whether a file is said to be source code, or to be none; None: nothing is said of it."""
        folder, _, base = name.rpartition("/")
        if folder and not self._has_folder(folder):
            return False
        found = None
        for rule, globs in self._of_files:
            is_meant = any(fnmatchcase(f"/{name}" if "/" in glob else base, glob) for glob in globs)
            if is_meant and rule.kind:
                is_meant = is_text(self._root / name) == (rule.kind == "text")
            found = rule.is_included if is_meant else found
        return found

    def _folder(self, name: str) -> bool:
        """Whether the files of a folder count at all: it is looked into, and those above it."""
        above, _, base = name.rpartition("/")
        found = not (self._root / name / NO_COPY).exists()
        for rule in self._of_folders:
            if any(fnmatchcase(base, p) or fnmatchcase(name, p) for p in rule.patterns):
                found = rule.is_included
        return found and (not above or self._has_folder(above))

    def _globs(self, pattern: str, is_included: bool) -> Iterator[str]:
        """What a path has to match, one with a slash in it as a whole, else its last part.

        A `**/` in what is included may stand for no folder, as in .gitignore.
        """
        stripped = pattern.strip("/")
        if stripped and (self._root / stripped).is_dir():
            yield f"/{stripped}/*"
        spelled = _spellings(pattern) if is_included else [pattern]
        yield from (f"/{text.lstrip('/')}" if "/" in text else text for text in spelled)


def _spellings(pattern: str) -> Iterator[str]:
    before, folders, behind = pattern.partition("**/")
    for rest in _spellings(behind) if folders else ("",):
        yield before + folders + rest
        if folders:
            yield before + rest


def is_text(path: Path) -> bool:
    """Whether a file has text: no NUL near its beginning, unless it says that it is UTF-16."""
    try:
        with path.open("rb") as f:
            sample = f.read(_TEXT_SAMPLE)
    except OSError:
        return False
    return b"\0" not in sample or sample.startswith(_BYTE_ORDER_MARKS)
