"""The file of a Python module, found as Python would find it: nothing of it is executed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def find_module(name: str, roots: Sequence[Path]) -> Path | None:
    """The file that `main: name` would run from the first root that has it, else None.

    `name` is a module's, or `FOLDER/MODULE`: the module as it is found in a root, or else in that
    folder of it.
    """
    below, _, module = name.rpartition("/")
    *packages, last = module.split(".")
    # A hyphen cannot be imported, but a script's file may have one.
    script = last.replace("-", "_") if last[:1] != "-" and last[-1:] != "-" else ""
    if name[:1] == "/" or "\0" in below:
        return None
    if not all(part.isidentifier() for part in (*packages, script)):
        return None
    for root, place in ((r, place) for r in roots for place in (r, r / below)):
        folder = place.joinpath(*packages, last)
        module_file = folder.with_name(last + ".py")
        main = folder / "__main__.py"
        # As Python has it: a package hides a module, which hides a folder that is none.
        for path in (main,) if (folder / "__init__.py").is_file() else (module_file, main):
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
    return None


def why_missing(name: str, root: Path) -> str:
    """Why `main: name` runs no module of `root`, where that can be told from what is there.

    Empty where it may be a module of an installed package.
    """
    path, _, module = name.rpartition("/")
    *packages, last = module.split(".")
    if name[:1] == "/" or "\0" in name or not all((*packages, last)):
        return ""
    above = root.joinpath(path, *packages)
    if any(above.joinpath(last).glob("*.py")):
        return f"{name} is a folder of modules without a __main__.py: which of them?"
    if above.joinpath(f"{last}.py").is_file() or (not (path or packages) and is_installed(module)):
        return ""
    from difflib import get_close_matches

    known = sorted(file.stem for file in above.glob("*.py") if file.stem != "__init__")
    if near := get_close_matches(last, known, 1):
        given = f"{name[: len(name) - len(last)]}{near[0]}"
        return f"the project has no module {name}: did you mean {given}?"
    if (path or packages) and known:
        return f"there is no module {last} in {name[: -len(last) - 1]}"
    return ""


def is_installed(name: str) -> bool:
    """Whether a package here may have the module: nothing is imported for that."""
    from importlib.util import find_spec

    try:
        return find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def find_imported(name: str, roots: Sequence[Path]) -> Path | None:
    """The file of the module that `import name` would find first in these folders, else None."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for root in roots:
        folder = root.joinpath(*parts)
        for path in (folder / "__init__.py", folder.with_name(f"{parts[-1]}.py")):
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
    return None
