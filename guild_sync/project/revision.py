"""The commit that a project is at, and what of its folder differs from that, as git tells it.

The tree may be another's: no filter, no diff program and no monitor that its configuration
names is run, and no other folder is looked into (`listing.git`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_sync.errors import GuildError
from guild_sync.project.listing import git
from guild_sync.project.sourcecode import Source

MAX_DIFF = 1 << 20  # bytes
_COMMIT = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\n\Z")
_FILTER = re.compile(r"[\w.-]+\Z")
_MOST_FILTERS = 50
# What a user's own configuration would make of a diff, set back.
_PLAIN_DIFF = (
    *("-c", "core.quotePath=false", "-c", "diff.noprefix=false", "-c", "diff.relative=false"),
    *("-c", "diff.mnemonicPrefix=false"),
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--full-index"),
    *("--submodule=short", "--ignore-submodules=dirty", "--src-prefix=a/", "--dst-prefix=b/"),
    "-O/dev/null",
)


@dataclass(frozen=True)
class Revision:
    """A commit, and how the project differs from it: `diff` is what `git apply` takes."""

    commit: str
    differs: bool = False  # the work tree, as a whole
    diff: str = ""  # of the project's folder; other than UTF-8 is in it as lone surrogates

    @property
    def attribute(self) -> str:
        """As Guild AI 0.9 writes it: `git:COMMIT`, and a star where the work tree differs."""
        return f"git:{self.commit}{'*' if self.differs else ''}"


def revision(folder: Path, source: Source) -> Revision | None:
    """What the project in `folder` is at; None outside of git, and before the first commit.

    New files are told of in the diff where they are source code, in git's words.
    Raises GuildError where git is there and cannot tell.
    """
    folder = folder.resolve()
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if top is None:
        return None
    head = git(top, ("rev-parse", "--verify", "--quiet", "HEAD"))
    found = _COMMIT.match(head.stdout)
    if head.code != 0 or found is None:
        return None
    tree = _Tree(top)
    new = tree.new_files()
    changed = tree.diff(())
    name = "" if folder == top else folder.relative_to(top).as_posix()
    own = changed if not name else tree.diff((name,))
    pieces = [own.decode("utf-8", "surrogateescape"), *_new_source(top, source, new)]
    return Revision(found[1].decode(), bool(changed or new), _cut("".join(pieces)))


class _Tree:
    """A work tree, in which nothing that its configuration names is run."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._words = (f"--git-dir={top / '.git'}", f"--work-tree={top}", *self._no_filters())

    def new_files(self) -> set[str]:
        """The files that git neither has nor ignores, from the top."""
        said = self._asked("ls-files", "-z", "--others", "--exclude-standard")
        return {os.fsdecode(name) for name in said.split(b"\0") if name}

    def diff(self, paths: Sequence[str]) -> bytes:
        """How the files differ from the commit; no more of it than is kept, and a little."""
        literal = [f":(top,literal){path}" for path in paths]
        return self._asked(*_PLAIN_DIFF, "HEAD", "--", *literal)

    def _asked(self, *words: str) -> bytes:
        done = git(self.top, (*self._words, *words), most=MAX_DIFF + 1)
        if done.code != 0:
            said = done.stderr.strip().splitlines() or [f"exit status {done.code}"]
            raise GuildError(f"git does not tell how {self.top} differs from its commit: {said[0]}")
        return done.stdout

    def _no_filters(self) -> Iterator[str]:
        """What keeps git from running the filters that any of its configuration names."""
        asked = ("config", "--includes", "-z", "--name-only", "--get-regexp", r"^filter\.")
        done = git(self.top, asked)
        if done.code not in (0, 1):  # 1: there is none
            raise GuildError(f"git cannot read its configuration in {self.top}")
        keys = done.stdout.decode("utf-8", "replace").split("\0")
        names = {key.partition(".")[2].rpartition(".")[0] for key in keys if key}
        if len(names) > _MOST_FILTERS or not all(map(_FILTER.match, names)):
            raise GuildError(f"git's filters in {self.top} have names that guild does not take")
        for name in sorted(names):
            for setting in ("clean=", "smudge=", "process=", "required=false"):
                yield from ("-c", f"filter.{name}.{setting}")


def _new_source(top: Path, source: Source, new: set[str]) -> Iterator[str]:
    """The source files that git does not have, as git tells of new files."""
    left, root = MAX_DIFF, source.root.resolve()
    if not root.is_relative_to(top):  # it may be beside the project
        return
    for name in source.files:
        path = (root.relative_to(top) / name).as_posix()
        if path in new and left > 0:
            with (source.root / name).open("rb") as f:
                content = f.read(left + 1)
            mode = "100755" if os.access(source.root / name, os.X_OK) else "100644"
            left -= len(content)
            yield _new_file(path, mode, content)


def _new_file(path: str, mode: str, content: bytes) -> str:
    old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    head = f"diff --git {old} {new}\nnew file mode {mode}\n"
    if not content:
        return head
    if b"\0" in content:
        return f"{head}Binary files /dev/null and {new} differ\n"
    lines = content.split(b"\n")
    last = lines.pop()
    count = len(lines) + bool(last)
    body = "".join(f"+{line.decode('utf-8', 'surrogateescape')}\n" for line in lines)
    if last:
        body += f"+{last.decode('utf-8', 'surrogateescape')}\n\\ No newline at end of file\n"
    end = "\t" if " " in path else ""  # as git does it, for patch
    at = "+1" if count == 1 else f"+1,{count}"
    return f"{head}--- /dev/null\n+++ {new}{end}\n@@ -0,0 {at} @@\n{body}"


def _quoted(path: str) -> str:
    """A path as git has it in a diff; no source file has a character that ends a line."""
    if not any(character in path for character in '"\\\t'):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def _cut(diff: str) -> str:
    """The diff, up to a line's end within the limit; the last line says that it is cut."""
    content = diff.encode("utf-8", "surrogateescape")
    if len(content) <= MAX_DIFF:
        return diff
    said = b"guild: the diff is cut here: it has more than 1 MB\n"
    kept = content[: MAX_DIFF - len(said)]
    return (kept[: kept.rfind(b"\n") + 1] + said).decode("utf-8", "surrogateescape")
