"""What a host has to be used: programs, room, a folder to write to, an environment to run in."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
from typing import List, Mapping, Optional

from ..errors import AgentError
from ..facts.asking import said
from ..protocol import Activated, Checkup, HomeState
from ..store import identity, locks
from . import logins
from .environment import Environment, uv_of

_SECONDS = 20  # for a program that tells its version
# What the Python of an environment is asked. It may be an old one.
_TELL = "import json, sys; print(json.dumps(['%d.%d.%d' % sys.version_info[:3], sys.prefix]))"


def clock(_home: str) -> float:
    """The time there, in seconds since 1970."""
    return time.time()


def network(_home: str) -> str:
    """Whose loopback its ports are on, as `identity.network` has it."""
    return identity.network()


def checkup(home: str, rsync: str = "rsync") -> Checkup:
    """The Python that the agent runs on, the rsync, the guild home's state, and the login.

    `rsync` is its version, empty where it does not tell one, None where there is none.
    """
    return {
        "python": {"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable},
        "rsync": _rsync(os.path.expanduser(rsync)),
        "home": _home_state(home),
        "ended": logins.are_runs_ended(),
    }


def _rsync(program: str) -> Optional[str]:
    if shutil.which(program) is None:
        return None
    text = said([program, "--version"], _SECONDS, os.environ) or ""
    found = re.search(r"\brsync +version v?(\d[\w.]*)", text)
    return found.group(1) if found else ""


def _home_state(home: str) -> HomeState:
    """The guild home, or where there is none yet, the folder in which it would be made."""
    there = home
    while not os.path.isdir(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    state = os.statvfs(there)
    found: HomeState = {
        "path": home,
        "exists": there == home,
        "free": state.f_bavail * state.f_frsize,
        # Some file systems (btrfs) count none, and have no end of them.
        "inodes": state.f_favail if state.f_files else None,
        "fault": "",
        "flock": None,
    }
    try:
        with tempfile.TemporaryFile(dir=there) as f:
            found["flock"] = locks.can_lock(f.fileno())
    except OSError as e:
        found["fault"] = "cannot write to %s: %s" % (there, e.strerror or e)
    return found


def try_environment(_home: str, spec: Mapping[str, str]) -> Activated:
    """The Python that operations get, after the environment was activated; its installers.

    Raises AgentError where it cannot be activated, or where its Python does not run.
    """
    environment = Environment.load(spec)
    python, variables = environment.python, environment.variables
    text = said([python, "-c", _TELL], _SECONDS, variables)
    try:
        version, prefix = json.loads((text or "").splitlines()[-1])
    except (ValueError, IndexError):
        raise AgentError("%s is no Python that runs" % python, kind="python") from None
    return {
        "python": python,
        "version": str(version),
        "prefix": str(prefix),
        "pip": _version_of([python, "-m", "pip", "--version"], variables),
        "uv": _version_of([uv_of(variables) or "uv", "--version"], variables),
    }


def _version_of(argv: List[str], variables: Mapping[str, str]) -> Optional[str]:
    """The second word of what a program says of itself; None where there is none."""
    words = (said(argv, _SECONDS, variables) or "").split()
    return words[1] if len(words) > 1 else None
