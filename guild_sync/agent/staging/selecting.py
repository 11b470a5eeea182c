"""Which files of what is required are meant, and what they are called in the run."""

from __future__ import annotations

import os
import re
from typing import Collection, Dict, Iterator, List, Pattern, Tuple

from ..errors import AgentError
from ..protocol import CACHE, RequirementForm
from ..store import inside, manifest, rundir

_GUILD = ".guild"
Chosen = Tuple[str, str]  # the path in the run, and the path to take


def chosen(
    requirement: RequirementForm, source: str, run_id: str = "", is_archive: bool = False
) -> List[Chosen]:
    """The files and folders that are meant of `source`, with their places in the run."""
    return list(_renamed(requirement, _meant(requirement, source, run_id, is_archive)))


def comes_along(path: str) -> bool:
    """Whether what is in a required folder comes with it: files and folders do, by links, too.

    What is neither, such as a pipe, does not, and no link that leads nowhere, or goes round.
    """
    if not (os.path.islink(path) and os.path.isdir(path)):
        return os.path.isfile(path) or os.path.isdir(path)
    real, above = os.path.realpath(path), os.path.abspath(path)
    while above != os.path.dirname(above):
        above = os.path.dirname(above)
        if os.path.realpath(above) == real:
            return False
    return True


def place_of(requirement: RequirementForm) -> str:
    """Where the one file that is required is in the run."""
    source = requirement["source"]
    name = _above_of(source, source) if requirement["keep_folders"] else os.path.basename(source)
    return next(_renamed(requirement, iter([(name, source)])))[0]


def described(requirement: RequirementForm) -> str:
    """` matching A or B`, where files are selected."""
    patterns = [
        *requirement["select"],
        *requirement.get("least", ()),
        *requirement.get("greatest", ()),
    ]
    return " matching %s" % " or ".join(patterns) if patterns else ""


def _meant(
    requirement: RequirementForm, source: str, run_id: str, is_archive: bool
) -> Iterator[Chosen]:
    """(path in the run, path to take) of each file or folder, before it is renamed."""
    keep = requirement["keep_folders"]
    # A project's files keep the path that guild.yml gives them too.
    above = "" if run_id or is_archive else _above_of(requirement["source"], source)
    select = _compiled(requirement["select"])
    least = _compiled(requirement.get("least", ()))
    greatest = _compiled(requirement.get("greatest", ()))
    is_selected = bool(select or least or greatest)
    if not os.path.isdir(source) or not (is_selected or run_id or is_archive):
        yield (above if keep else os.path.basename(source)), source
        return
    if not is_selected:
        # Of another run what it made, and not what it was given.
        given = set(manifest.given_files(source)) if run_id else set()
        for path in _paths(source, given, whole_folders=True):
            yield path, os.path.join(source, path)
        return
    numbers = _Numbers(least, greatest)
    for path in _paths(source, (), whole_folders=False):
        numbers.see(path)
        if any(pattern.fullmatch(path) for pattern in select):
            yield _place(above, path, keep), os.path.join(source, path)
    for path in sorted(_folders(source, select)):
        yield _place(above, path, keep), os.path.join(source, path)
    for path in _own_files(source, select) if run_id else ():
        yield _place(above, path, keep), os.path.join(source, path)
    for path in numbers.found():
        yield _place(above, path, keep), os.path.join(source, path)


def _compiled(patterns: Collection[str]) -> List[Pattern[str]]:
    try:
        return [re.compile(pattern) for pattern in patterns]
    except (re.error, RecursionError, OverflowError):  # with a flag's value in it
        raise AgentError(
            "select: %s is not a regular expression" % rundir.shown(" ".join(patterns))
        ) from None


def _above_of(source: str, path: str) -> str:
    """The path that a project's file keeps: as guild.yml has it, without what leads out."""
    if os.path.isabs(source):
        return os.path.basename(path)
    return os.path.join(*[part for part in os.path.normpath(source).split("/") if part != ".."])


def _place(above: str, path: str, keep: bool) -> str:
    return os.path.join(above, path) if keep else os.path.basename(path)


class _Numbers:
    """Of each pattern the file whose first group is the least, or the greatest, number."""

    def __init__(self, least: List[Pattern[str]], greatest: List[Pattern[str]]) -> None:
        self._signs = [(pattern, -1.0) for pattern in least]
        self._signs += [(pattern, 1.0) for pattern in greatest]
        self._best: Dict[int, Tuple[float, str]] = {}

    def see(self, path: str) -> None:
        for index, (pattern, sign) in enumerate(self._signs):
            match = pattern.fullmatch(path)
            try:
                number = float(match[1]) * sign if match else None
            except (ValueError, TypeError, IndexError):  # no number, no such group
                number = None
            if number is not None and (index not in self._best or number > self._best[index][0]):
                self._best[index] = (number, path)

    def found(self) -> List[str]:
        return [path for _, path in self._best.values()]


def _folders(source: str, select: List[Pattern[str]]) -> Iterator[str]:
    """The folders that a pattern matches as a whole."""
    if not select:
        return
    for top, names, _ in inside.walk(source):
        here = "" if top == source else os.path.relpath(top, source)
        names[:] = [name for name in names if name not in (".guild", CACHE)]
        for name in names:
            path = os.path.join(here, name)
            if any(pattern.fullmatch(path) for pattern in select):
                yield path


def _own_files(source: str, select: List[Pattern[str]]) -> Iterator[str]:
    """What a pattern that begins with `.guild` matches of what guild keeps of a run."""
    of_guild = [p for p in select if p.pattern.startswith((_GUILD, "\\" + _GUILD))]
    for top, _, names in inside.walk(os.path.join(source, _GUILD)) if of_guild else ():
        here = os.path.relpath(top, source)
        for path in [here, *(os.path.join(here, name) for name in sorted(names))]:
            if any(pattern.fullmatch(path) for pattern in of_guild):
                yield path


def _paths(source: str, given: Collection[str], whole_folders: bool) -> Iterator[str]:
    """Paths below a folder but for .guild and `given`; with `whole_folders` those that have
    nothing of `given` in them come as one."""
    folders = {above for path in given for above in _above(os.path.dirname(path))}
    for top, names, files in inside.walk(source):
        names.sort()
        here = os.path.relpath(top, source)
        if here == ".":
            here = ""
            names[:] = [name for name in names if name != ".guild"]
        names[:] = [name for name in names if name != CACHE]
        for name in sorted(files):
            path = os.path.join(here, name)
            if path not in given:
                yield path
        for name in list(names):
            path = os.path.join(here, name)
            if path in given:  # a folder that was required as a whole
                names.remove(name)
            elif os.path.islink(os.path.join(source, path)) or (
                whole_folders and path not in folders
            ):
                names.remove(name)
                yield path


def _above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = os.path.dirname(path)


def _renamed(requirement: RequirementForm, meant: Iterator[Chosen]) -> Iterator[Chosen]:
    for name, path in meant:
        folder, base = os.path.split(name)
        for pattern, text in requirement["rename"]:
            try:
                base = re.sub(pattern, text, base, count=1)
            except (re.error, IndexError, RecursionError, OverflowError):
                raise AgentError("rename: %s cannot be" % rundir.shown(pattern)) from None
        name = os.path.normpath(os.path.join(requirement["target_path"], folder, base))
        if "\n" in name + path:  # the manifest has a line for each
            raise AgentError(
                "the required file %s has a line break in its name" % rundir.shown(name),
                "Give it another name, or leave it out with select.",
            )
        yield name, path
