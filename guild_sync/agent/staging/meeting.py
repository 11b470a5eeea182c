"""What an operation requires, met when it starts: its files, its modules, what is done to them."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import AgentError
from ..protocol import RequirementForm, Value
from ..store import rundir
from . import given, requirements
from .given import POST_PROCESS

_LONGEST = 60  # seconds for Python to look for a module
# Looked for and not imported: that may take long, and the operation does it.
_LOOK = """\
import importlib.util, sys
try:
    found = importlib.util.find_spec(sys.argv[1])
except Exception:
    found = None
sys.exit(0 if found else 3)
"""


def meet(
    home: str,
    directory: str,
    requires: Sequence[RequirementForm],
    python: str,
    variables: Mapping[str, str],
) -> List[str]:
    """Give the run all that it requires; what is to be said of it, a line each.

    Raises AgentError (kind "unmet") for what is not there, which for a module is what that
    `python` cannot import.
    """
    for requirement in requires:
        if requirement["kind"] == "module" and not requirement.get("optional"):
            _check_module(directory, requirement, python, variables)
    return requirements.resolve(home, directory, requires)


def variables(directory: str, requires: Sequence[RequirementForm]) -> Dict[str, str]:
    """The variables that say which runs and files were taken, of the flags that say it."""
    flags = rundir.mapping(rundir.read_attr(directory, "flags"))
    names = {requirement.get("flag") or "" for requirement in requires}
    return {
        "FLAG_%s" % re.sub(r"[^A-Za-z0-9_]", "_", name).upper(): str(flags[name])
        for name in sorted(names)
        if name and flags.get(name) not in (None, "") and not isinstance(flags[name], (list, dict))
    }


def _check_module(
    directory: str, requirement: RequirementForm, python: str, variables: Mapping[str, str]
) -> None:
    module = requirement["source"]
    try:
        done = subprocess.run(
            [python, "-c", _LOOK, module],
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST,
        )
        if done.returncode == 0:
            return
        why = "is not there for %s" % python
    except (OSError, subprocess.TimeoutExpired, ValueError) as e:
        why = "cannot be looked for: %s" % (getattr(e, "strerror", None) or type(e).__name__)
    raise AgentError(
        "run %s cannot start: it requires the module %s, which %s"
        % (os.path.basename(directory), rundir.shown(module), why),
        requirement.get("help", ""),
        "unmet",
    )


def commands(directory: str, requires: Sequence[RequirementForm]) -> List[Tuple[str, List[str]]]:
    """What is to be run in the run's folder before its operation: for whom, and its words.

    What an earlier start has done is not done again.
    """
    deps = rundir.mapping(rundir.read_attr(directory, "deps"))
    found: Dict[str, str] = {}
    for requirement in requires:
        text = requirement.get("post_process")
        known = _source(deps, requirement)
        if text and known is not None and known.get(POST_PROCESS) != text:
            found.setdefault(text, requirement["name"])
    return [(name, ["/bin/sh", "-c", text]) for text, name in found.items()]


def note_done(directory: str, requires: Sequence[RequirementForm]) -> None:
    """Note that all of `commands` were run."""
    deps = rundir.mapping(rundir.read_attr(directory, "deps"))
    for requirement in requires:
        known, text = _source(deps, requirement), requirement.get("post_process")
        if text and known is not None:
            known[POST_PROCESS] = text
    rundir.write_attr(directory, "deps", deps)


def _source(deps: Dict[str, Value], requirement: RequirementForm) -> Optional[Dict[str, Value]]:
    sources = deps.get(requirement["name"])
    found = sources.get(given.uri(requirement)) if isinstance(sources, dict) else None
    return found if isinstance(found, dict) else None
