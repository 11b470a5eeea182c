"""Folders that are removed or copied with all that is in them, however deep they are.

What is in a run, or in an archive, is of its maker's choice, and `shutil` calls itself for each
folder in a folder: up to Python 3.12 to remove them, and in each Python to copy them.
"""

from __future__ import annotations

import os
from typing import Callable, Container, Optional

_DEEP = 8  # folders in one another, whatever they are called, have no path that is too long
_RAISED = ".raised-"


def remove_tree(path: str) -> bool:
    """Remove a folder, and in it folders that their owner made read-only."""
    if os.path.islink(path):  # a kill has left one that was about to take the place of another
        os.unlink(path)
        return True
    if not _is_removed(path):
        _make_shallow(opened(path))
        _is_removed(path)
    return not os.path.lexists(path)


def _is_removed(path: str) -> bool:
    import shutil  # it loads what archives are packed with: not for who removes nothing

    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:
        pass
    return not os.path.lexists(path)


def _make_shallow(top: str) -> None:
    """Have all folders in one be open to their owner, and none be deep in others."""
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as found:
                paths = [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for path in map(opened, paths):
            if depth < _DEEP:
                waiting.append((path, depth + 1))
                continue
            raised = os.path.join(top, _RAISED + os.urandom(8).hex())
            try:
                os.rename(path, raised)
            except OSError:  # not ours to move
                continue
            waiting.append((raised, 1))


def opened(folder: str) -> str:
    """`folder`, which its owner may now read and write, where it is one and the user's own."""
    try:
        if not os.path.islink(folder):
            os.chmod(folder, 0o700)
    except OSError:
        pass  # another's, or gone
    return folder


def copy_tree(
    source: str,
    target: str,
    symlinks: bool = False,
    ignore: Container[str] = (),
    only: Callable[[str], bool] = lambda path: True,
    copy_function: Optional[Callable[[str, str], Optional[str]]] = None,
    dirs_exist_ok: bool = False,
) -> None:
    """Copy a folder as shutil.copytree does, without what is called as `ignore` has it, and of the
    rest those paths `only` for which that is true; each file by `copy_function`, if one is given.

    Raises OSError for the first thing that cannot be copied.
    """
    import shutil

    copy_file = copy_function or shutil.copy2
    waiting = [(source, target)]
    made = []
    while waiting:
        folder, place = waiting.pop()
        os.makedirs(place, exist_ok=dirs_exist_ok)
        made.append((folder, place))
        with os.scandir(folder) as found:
            named = [entry for entry in found if entry.name not in ignore]
        entries = [entry for entry in named if only(entry.path)]
        for entry in entries:
            path = os.path.join(place, entry.name)
            if symlinks and entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
                shutil.copystat(entry.path, path, follow_symlinks=False)
            elif entry.is_dir():
                waiting.append((entry.path, path))
            else:
                copy_file(entry.path, path)
    for folder, place in reversed(made):  # it may be one in which nothing can be made
        shutil.copystat(folder, place)
