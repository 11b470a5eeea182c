"""A program of a scheduler, called once, free of what would change its answer; parts of answers."""

from __future__ import annotations

import os
import re
import shutil
from typing import Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from ..machine import children
from ..machine.children import NotStarted, Said, Unanswered
from .face import SchedulerDown, Site

SECONDS = 30.0  # for an answer: Slurm's commands give up by themselves after some 10 s
SUBMIT_SECONDS = 60.0  # for that of what submits a job, which has ended, or was ended, by then
MOST = 64 << 20  # bytes: 100,000 jobs take a tenth of it
MOST_TASKS = 200_000  # of all arrays in one answer
# A login shell says more than it is asked for.
_SAY_PATH = """printf '\\nGUILD-PATH=%s\\n' "$PATH\""""
_MARK = "GUILD-PATH="
_TASKS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})(?::([1-9][0-9]{0,8}))?)?\Z")

_found: Dict[Tuple[str, str], str] = {}  # by this process: the paths of programs


class Programs:
    """The programs of a scheduler at a site.

    They are looked for in the site's `path` alone, where it has one, else on the PATH, in
    `folders`, and on the PATH of a login shell. Of our variables they get those that `is_kept`.
    """

    def __init__(self, site: Site, folders: Sequence[str], is_kept: Callable[[str], bool]) -> None:
        self._path = site.path
        self._folders = os.pathsep.join(folders)
        self._is_kept = is_kept

    def call(
        self,
        words: Sequence[str],
        settings: Mapping[str, str],
        seconds: float = SECONDS,
        stdin: Optional[str] = None,
        handles: Sequence[int] = (),
    ) -> Said:
        """What the program says whose name is the first word, with these variables beside ours.

        Raises NotStarted, Unanswered.
        """
        variables = {name: text for name, text in os.environ.items() if self._is_kept(name)}
        argv = [self._program(words[0]), *words[1:]]
        return children.asked(argv, {**variables, **settings}, seconds, MOST, stdin, handles)

    def _program(self, name: str) -> str:
        key = name, self._path
        if key not in _found:
            _found[key] = self._in_site(name) if self._path else self._anywhere(name)
        return _found[key]

    def _in_site(self, name: str) -> str:
        found = shutil.which(name, path=self._path)
        if found is None:
            raise NotStarted("there is no %s in %s" % (name, self._path))
        return found

    def _anywhere(self, name: str) -> str:
        found = (
            shutil.which(name)
            or shutil.which(name, path=self._folders)
            or shutil.which(name, path=_path_of_login())
        )
        if found is None:
            raise NotStarted("%s is not found; say 'path: FOLDER' for this remote" % name)
        return found


def _path_of_login() -> str:
    """The PATH that a login shell has; empty where there is no bash."""
    try:
        said = children.asked(["bash", "-lc", _SAY_PATH], os.environ, SECONDS, MOST)
    except (NotStarted, Unanswered):
        return ""
    lines = [line for line in said.out.splitlines() if line.startswith(_MARK)]
    return lines[-1][len(_MARK) :] if lines else ""


def tasks_of(program: str, text: str, most: int = MOST_TASKS) -> Iterator[int]:
    """The numbers of tasks that a program tells of by ranges: `0,3-9,20-30:2`.

    Raises SchedulerDown where they cannot be read: no task is taken to be gone for that.
    """
    for part in text.split(","):
        match = _TASKS.match(part)
        if match is None:
            raise SchedulerDown("%s: no numbers of tasks: %r" % (program, text[:80]))
        first, last, step = match.groups()
        numbers = range(int(first), int(last or first) + 1, int(step or 1))
        most -= len(numbers)
        if most < 0:
            raise SchedulerDown("%s tells of more than %d tasks of arrays" % (program, MOST_TASKS))
        yield from numbers


def one_line(text: str) -> str:
    """A text of a program's as it is shown."""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    return " ".join(words)[:400]
