"""The files of a project's folder: what git has and does not ignore, or all but caches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guild_sync.errors import GuildError

if TYPE_CHECKING:
    from guild_sync.transport.process import Completed

_CACHES = {
    "__pycache__", ".git", ".hg", ".svn", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox",
    ".nox", ".ipynb_checkpoints", ".eggs", "node_modules", ".cache",
}  # fmt: skip
# The tree may be another's: nothing that its configuration names is run, nothing is fetched.
_GIT = (
    *("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    # git refuses to look into a tree of somebody else, as that would run what it names.
    *("-c", "safe.directory=*"),
)
_GIT_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_GIT_SECONDS = 60.0
_EACH = ("--others", "--cached")
IGNORE = ".guildignore"


class TreeFiles:
    """The files of a folder, relative to it -> does git track it; and what was left out, why.

    `of_git` are those that git tracks, and those that it neither tracks nor ignores; `is_in_git`
    is the folder itself.
    Links to folders with Python modules are followed, and those that one of `named` (patterns
    of `sourcecode`) begins with; submodules are part of it.
    """

    def __init__(self, root: Path, named: Sequence[str] = (), most: int | None = None) -> None:
        """Raises GuildError where there are more than `most` files outside git."""
        self.files: dict[str, bool] = {}
        self.of_git: set[str] = set()
        self.left_out: dict[str, str] = {}
        self.is_in_git = False
        self._root = root
        self._named = named
        self._most = most
        self._list("", (root.resolve(),))

    def _list(self, prefix: str, chain: tuple[Path, ...]) -> None:
        """Take what is in the folder `prefix` in; `chain` has the folders that led here."""
        folder = self._root / prefix
        listed = git_files(folder.resolve())
        is_in_git = listed is not None
        self.is_in_git = self.is_in_git if prefix else is_in_git
        if listed is None:
            listed = dict.fromkeys(self._walked(folder, prefix), False)
        for name, is_tracked in listed.items():
            path, whole = folder / name, (prefix + name).rstrip("/")
            if path.is_dir():
                if not is_left_out(path) and self._is_part(path, whole, chain):
                    self._list(f"{whole}/", (*chain, path.resolve()))
            elif path.is_file():
                self.files[whole] = is_tracked
                self.of_git.update([whole] if is_in_git else ())
            elif path.is_symlink():
                self._leave_out(whole, "it is a link that leads nowhere")
            elif path.exists():
                self._leave_out(whole, "it is no file")

    def _walked(self, folder: Path, prefix: str) -> Iterator[str]:
        """The files in a folder outside git and below; what is a link is one of them."""

        def unread(error: OSError) -> None:
            name = os.path.relpath(error.filename or folder, self._root)
            self._leave_out(name, f"it cannot be read: {error.strerror}")

        for count, name in enumerate(_walk(folder, unread), 1):
            if self._most is not None and count > self._most:
                raise GuildError(
                    f"{folder} has more than {self._most:,} files, and is no folder of git",
                    "Name the folder of one project.",
                )
            yield name

    def _is_part(self, path: Path, name: str, chain: tuple[Path, ...]) -> bool:
        """Whether a folder is, that git does not look into: a link, or another work tree."""
        real = path.resolve()
        if real in chain or any(real in folder.parents for folder in chain):
            self._leave_out(name, "it is a link that leads back to where it is")
        elif path.is_symlink() and not (_has_modules(path) or self._is_named(name)):
            self._leave_out(
                name,
                "it is a link to a folder without Python modules, and 'sourcecode' in guild.yml "
                "does not name it",
            )
        elif not path.is_symlink() and not any(path.iterdir()):
            self._leave_out(name, "it is empty; for a submodule: git submodule update --init")
        else:
            return True
        return False

    def _is_named(self, name: str) -> bool:
        return any(pattern == name or pattern.startswith(f"{name}/") for pattern in self._named)

    def _leave_out(self, name: str, why: str) -> None:
        self.left_out[name] = why


def _has_modules(folder: Path) -> bool:
    try:
        return any(path.suffix == ".py" for path in folder.iterdir())
    except OSError:
        return False


def git_files(folder: Path) -> dict[str, bool] | None:
    """The files that git knows of and does not ignore -> is it tracked; None outside git.

    A link, and another work tree in this one, is a name like a file's. Raises GuildError where
    git cannot tell: what it ignores is never sent.
    """
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    others, known = (_ls_files(folder, which, ("--exclude-standard",)) for which in _EACH)
    if others is None or known is None:
        return None
    return {**dict.fromkeys(others, False), **dict.fromkeys(known, True)}


def guild_ignored(folder: Path, root: Path) -> frozenset[str]:
    """The files below `root` that .guildignore in `folder` names, which is like .gitignore."""
    own = folder / IGNORE
    if not own.is_file():
        return frozenset()
    found = (_ls_files(root, which, ("-i", f"-X{own.resolve()}")) for which in _EACH)
    return frozenset(name for names in found for name in names or ())


def is_of_git(name: str) -> bool:
    """Whether it says which files git and guild look at, and is no part of a program."""
    base = name.rpartition("/")[2]
    return base.startswith(".git") or base == IGNORE


def git(folder: Path, words: Sequence[str], most: int | None = None) -> Completed:
    """How git ended in that folder, of whose stdout the first `most` bytes are kept."""
    from guild_sync.transport import question

    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    argv, env = (*_GIT, "-C", str(folder), *words), {**inherited, **_GIT_ENVIRONMENT}
    return question.run(argv, timeout=_GIT_SECONDS, env=env, most=most)


def _ls_files(folder: Path, which: str, excluded: Sequence[str]) -> list[str] | None:
    done = git(folder, ("ls-files", "-z", which, *excluded))
    if done.code == 0:
        return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    if "not a git repository" in done.stderr:
        return None
    said = done.stderr.strip().splitlines() or [f"exit status {done.code}"]
    raise GuildError(
        f"git does not tell which files of {folder} it ignores: {said[0]}",
        "They must not be sent. See what 'git status' says there.",
    )


class Caches:
    """Which files of a folder are in a cache, or in an environment; each folder is asked once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known = {"": False}

    def has(self, name: str) -> bool:
        """Whether a file is; its name is a path from the folder."""
        return name.endswith((".pyc", ".pyo")) or self._has_folder(name.rpartition("/")[0])

    def _has_folder(self, name: str) -> bool:
        if name not in self._known:
            above = self._has_folder(name.rpartition("/")[0])
            self._known[name] = above or is_left_out(self._root / name)
        return self._known[name]


def _walk(root: Path, unread: Callable[[OSError], None]) -> Iterator[str]:
    for top, folders, names in os.walk(root, onerror=unread):
        here = Path(top)
        links = [f for f in folders if (here / f).is_symlink()]  # which it does not follow
        folders[:] = sorted(f for f in folders if not is_left_out(here / f))
        for name in sorted([*names, *links]):
            yield str((here / name).relative_to(root))


def is_left_out(folder: Path) -> bool:
    """Whether it is a cache or an environment, which is left out without a word."""
    return (
        folder.name in _CACHES
        or folder.name.endswith(".egg-info")
        # Of one that may not be looked into, nothing is known to be there.
        or os.path.exists(folder / "pyvenv.cfg")
        or os.path.exists(folder / "conda-meta")
    )
