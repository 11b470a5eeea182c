"""Packages of an environment that offer operations: which there are, and their files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Dict, List, Optional

from ..errors import AgentError
from ..protocol import CACHE, InstalledPackage, PackageFile
from .environment import Environment

_LISTING_SECONDS = 60
_MAX_FILES = 10_000
_MAX_TEXT = 1 << 20  # bytes of a file, all of which is sent where it may be read for flags
_MAX_TEXTS = 1 << 24  # bytes of all of them
_WORD = re.compile(r"[^\s'\"\\]+\Z")  # no quotes, which an operation's reference would need
# Run by the environment's Python. The entry points are what Guild AI's wheels have.
_LIST = """
import json, sys
sys.path[:] = [path for path in sys.path if path]
from importlib import metadata
found = []
for each in metadata.distributions():
    name = each.metadata["Name"] or ""
    if name.startswith("gpkg.") or "[guild.models]" in (each.read_text("entry_points.txt") or ""):
        files = [path for path in each.files or () if path.name == "guild.yml"]
        for path in sorted(files, key=lambda path: len(path.parts))[:1]:
            found.append([name, each.version, str(each.locate_file(path).parent)])
print()
print(json.dumps(found))
"""


def installed_packages(_home: str, environment: Dict[str, str]) -> List[InstalledPackage]:
    """The packages in the environment that have a guild.yml, as Guild AI 0.9 or guild builds them.

    Of several with one name the first in the module path counts.
    """
    active = Environment.load(environment)
    try:
        done = subprocess.run(
            [active.python, "-c", _LIST],
            env=active.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_LISTING_SECONDS,
        )
        listed = json.loads(done.stdout.decode("utf-8").strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        raise AgentError("Python at %s does not tell its packages" % active.python) from None
    found: Dict[str, InstalledPackage] = {}
    for name, version, folder in listed:
        words = isinstance(name, str) and isinstance(version, str) and isinstance(folder, str)
        if words and _WORD.match(name) and _WORD.match(version) and os.path.isabs(folder):
            found.setdefault(name, {"name": name, "version": version, "folder": folder})
    return list(found.values())


def package_files(_home: str, folder: str) -> List[PackageFile]:
    """The files below a package's folder; with their text those that say what it offers."""
    found: List[PackageFile] = []
    left = _MAX_TEXTS
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != CACHE)
        for name in sorted(names):
            path = os.path.join(top, name)
            text = _text(path, min(left, _MAX_TEXT)) if name.endswith((".py", ".yml")) else None
            left -= len(text or "")
            within = os.path.relpath(path, folder)
            if not name.endswith(".pyc") and os.path.isfile(path):
                found.append({"path": os.fsencode(within).decode("utf-8", "replace"), "text": text})
        if len(found) > _MAX_FILES:
            raise AgentError("the package at %s has more than %d files" % (folder, _MAX_FILES))
    return found


def _text(path: str, most: int) -> Optional[str]:
    """A file's text; None for one that is no text, or too large."""
    try:
        with open(path, "rb") as f:
            data = f.read(most + 1)
        return data.decode("utf-8") if len(data) <= most else None
    except (OSError, UnicodeDecodeError):
        return None
