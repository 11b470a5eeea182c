"""What a step of a pipeline is expected to have made, checked once it has completed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import List, Optional, Sequence

from ..protocol import FILES, ExpectationForm
from ..store import rundir

_MOST = 64 << 20  # bytes of a file that is searched or compared


def failed(directory: str, expected: Sequence[ExpectationForm], series: str) -> str:
    """Why the run is not as its step is expected to be; empty where it is.

    `series` is the pipeline's directory, which has the project's files to compare to.
    """
    for expectation in expected:
        problem = _problem(directory, expectation, series)
        if problem:
            return problem
    return ""


def _problem(directory: str, expected: ExpectationForm, series: str) -> str:
    if not expected["file"]:
        found = _content(rundir.guild_dir(directory), rundir.OUTPUT)
        return _lacks(found, expected["contains"], "its output")
    names = _matching(directory, expected["file"])
    if not names:
        return "it has no file %s" % rundir.shown(expected["file"])
    for name in names:
        found = _content(directory, name)
        problem = _differs(found, expected["compare_to"], series, directory, name)
        if not problem and expected["contains"]:
            problem = _lacks(found, expected["contains"], name)
        if problem:
            return problem
    return ""


def _matching(directory: str, pattern: str) -> List[str]:
    """The paths of the run's files that fit the pattern."""
    try:
        found = [path for path in Path(directory).glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError, OSError):  # a pattern that is none
        return []
    return sorted(str(path.relative_to(directory)) for path in found)


def _differs(found: Optional[bytes], other: str, series: str, directory: str, name: str) -> str:
    if not other:
        return ""
    wanted = None
    for place in _places(other, series, directory):
        wanted = _content(*place)
        if wanted is not None:
            break
    if wanted is None:
        return "there is no %s to compare to" % rundir.shown(other)
    # Line ends aside, and those at the very end: a checkout may change them.
    is_same = found is not None and found.splitlines() == wanted.splitlines()
    return "" if is_same else "%s differs from %s" % (rundir.shown(name), rundir.shown(other))


def _places(name: str, series: str, directory: str) -> List[Sequence[str]]:
    """Folder and path, in turn, of a file of the project or of the host."""
    if os.path.isabs(name):
        return [(os.path.dirname(name), os.path.basename(name))]
    kept = os.path.join(rundir.guild_dir(series), rundir.JOB_PACKAGES, FILES)
    return [(kept, name), (directory, name)]


def _lacks(found: Optional[bytes], pattern: str, what: str) -> str:
    text = (found or b"").decode("utf-8", "replace")
    if re.search(pattern, text, re.MULTILINE):
        return ""
    return "%s has nothing that fits %s" % (what, rundir.shown(pattern))


def _content(folder: str, name: str) -> Optional[bytes]:
    """The beginning of a file; None where it cannot be read."""
    try:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as f:
            return f.read(_MOST) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    except (OSError, ValueError):
        return None
