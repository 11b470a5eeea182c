"""The text of a job script: what a scheduler starts on a node, which becomes a runner."""

from __future__ import annotations

import shlex
from typing import Sequence

from .records import OUTPUT

# Lines that begin with `#SBATCH` or `#PBS` are options, up to the first that is no comment: none
# of what follows is one.
_BEGIN = "#!/bin/bash -l\n:\n"


def text(argv: Sequence[str], setup: Sequence[str]) -> str:
    """A script that runs shell lines of the user's, and becomes a program."""
    return "%s%sexec %s\n" % (_BEGIN, _lines(setup), shlex.join(argv))


def text_of_array(
    argv: Sequence[str], setup: Sequence[str], runs: str, listed: str, variable: str, first: int = 0
) -> str:
    """A script of which each task becomes the program for its own run's directory, the last word.

    `listed` is a file with the ids of runs, one a line, whose directories are in `runs`; `variable`
    has the number of the task; that of number 0 takes the line `first`, counted from 0. What a
    task says itself goes to `job.out` of its run, from here on.
    """
    return (
        "%(begin)s"
        'guild_run=%(runs)s/$(sed -n "$((%(variable)s + %(line)d))p" %(listed)s)\n'
        '[ -d "$guild_run/.guild" ] || { echo "guild: no run has number $%(variable)s"; exit 1; }\n'
        'exec >>"$guild_run/.guild/%(output)s" 2>&1\n'
        "%(setup)s"
        'exec %(argv)s "$guild_run"\n'
    ) % {
        "begin": _BEGIN,
        "runs": shlex.quote(runs),
        "variable": variable,
        "line": first + 1,
        "listed": shlex.quote(listed),
        "output": OUTPUT,
        "setup": _lines(setup),
        "argv": shlex.join(argv),
    }


def _lines(setup: Sequence[str]) -> str:
    return "".join(line + "\n" for line in setup)
