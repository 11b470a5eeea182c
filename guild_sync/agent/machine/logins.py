"""Whether what a login has started outlives it.

Source: logind.conf(5), KillUserProcesses.
"""

from __future__ import annotations

import os
from typing import Dict, Iterator

from .environment import user_name

_FOLDERS = ("usr/lib/systemd", "run/systemd", "etc/systemd")
_YES = ("1", "yes", "true", "on")


def are_runs_ended(root: str = "/") -> bool:
    """Whether systemd ends all processes of this user once the user is logged in no more."""
    if not os.path.isdir(os.path.join(root, "run/systemd/system")):
        return False  # no systemd
    user = user_name()
    if os.path.exists(os.path.join(root, "var/lib/systemd/linger", user)):
        return False
    keys: Dict[str, str] = {}
    for path in _files(root):
        keys.update(_keys(path))
    if keys.get("KillUserProcesses", "no").lower() not in _YES:
        return False
    only = keys.get("KillOnlyUsers", "").split()
    excluded = keys.get("KillExcludeUsers", "root").split()
    return (not only or user in only) and user not in excluded


def _files(root: str) -> Iterator[str]:
    """The files that count, the one that counts most last."""
    paths = [os.path.join(root, folder, "logind.conf") for folder in _FOLDERS]
    yield from [path for path in paths if os.path.exists(path)][-1:]  # one alone is read
    parts: Dict[str, str] = {}
    for folder in _FOLDERS:
        below = os.path.join(root, folder, "logind.conf.d")
        names = os.listdir(below) if os.path.isdir(below) else []
        parts.update({n: os.path.join(below, n) for n in names if n.endswith(".conf")})
    for name in sorted(parts):
        yield parts[name]


def _keys(path: str) -> Dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return {}
    pairs = [line.partition("=") for line in lines if not line.startswith(("#", ";"))]
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
