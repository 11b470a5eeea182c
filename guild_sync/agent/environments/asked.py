"""What a Python is asked: which one it is, and which requirements are met for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import List, Mapping, NamedTuple, Sequence

from ..errors import AgentError

_LOGIN = re.compile(r"(?<=://)[^/\s]+@")  # a password, or a token in its place
_SECONDS = 120  # on a slow disk a Python's own modules take their time
# Run by the Python that is asked, which may be an old one. `folders` are those of packages.
_LOOK = """
import glob, json, os, platform, sys, sysconfig
from importlib.util import find_spec
sys.path[:] = [path for path in sys.path if path]
library = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
library |= {os.path.join(path, "lib-dynload") for path in library}
beside = find_spec("ensurepip")
places = [os.path.join(os.path.dirname(beside.origin), "_bundled")] if beside else []
places.append(sysconfig.get_config_var("WHEEL_PKG_DIR") or "")
wheels = [sorted(glob.glob(os.path.join(place, "pip-*.whl")))[-1:] for place in places if place]
print()
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "prefix": sys.prefix,
    "tag": sys.implementation.cache_tag,
    "platform": " ".join([sysconfig.get_platform()] + list(platform.libc_ver())),
    "folders": [path for path in sys.path
                if os.path.isdir(path) and os.path.realpath(path) not in library],
    "own": [sysconfig.get_path(name) for name in ("purelib", "platlib")],
    "has_pip": find_spec("pip") is not None,
    "wheels": [path for found in wheels for path in found],
}))
"""
# Which of the requirements in argv[1] are met, those of what meets them included, and by what.
# Without `packaging`, which comes with pip, versions and markers say nothing.
_MET = """
import json, re, sys
sys.path[:] = [path for path in sys.path if path]
from importlib import metadata
try:
    from packaging.requirements import Requirement
except ImportError:
    try:
        from pip._vendor.packaging.requirements import Requirement
    except ImportError:
        Requirement = None
wanted, is_installed = json.loads(sys.argv[1]), sys.argv[2] == "installed"
todo, seen, missing, found, sure = [(text, ()) for text in wanted], set(), [], {}, True
while todo:
    text, extras = todo.pop()
    needed, own = None, ()
    if Requirement is not None:
        try:
            needed = Requirement(text)
        except Exception:  # of a package of old: its installer has passed it over, too
            sure = False
            continue
        if needed.marker and not any(needed.marker.evaluate({"extra": e}) for e in extras or [""]):
            continue
        name, own = needed.name, tuple(sorted(needed.extras))
    else:
        name, sure = re.match("[A-Za-z0-9._-]*", text).group(), False
    same = re.sub("[-_.]+", "-", name).lower()
    if (same, own, text) in seen:
        continue
    seen.add((same, own, text))
    try:
        dist = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        missing.append(text)
        continue
    is_met = needed is None or needed.specifier.contains(dist.version, prereleases=True)
    if needed is not None and needed.url and not is_installed:
        is_met = False  # whether what is there is what is there now, the installer knows
    if not is_met:
        missing.append(text)
        continue
    found[same] = [dist.metadata["Name"], dist.version, str(getattr(dist, "_path", ""))]
    todo += [(each, own) for each in dist.requires or ()]
print()
print(json.dumps({"sure": sure, "missing": missing, "found": sorted(found.values())}))
"""


class Base(NamedTuple):
    """A Python, and where its packages are."""

    python: str  # what runs it
    executable: str
    version: str
    prefix: str
    tag: str  # of what it has compiled
    platform: str
    folders: List[str]  # all that packages are in
    own: List[str]  # those of them that packages are installed in
    has_pip: bool
    wheels: List[str]  # of a pip that came with it and is not installed


class Met(NamedTuple):
    """How far requirements are met: what is missing, and what is there.

    Not `sure`: whether all versions are those that are asked for is not known.
    """

    sure: bool
    missing: List[str]
    found: List[List[str]]  # name, version, and where it is noted


def base_of(python: str, variables: Mapping[str, str]) -> Base:
    """What a Python says of itself. Raises AgentError for one that does not."""
    try:
        return Base(python=python, **json.loads(_told(python, variables, _LOOK)))
    except (ValueError, TypeError):
        raise AgentError("%s is no Python that runs" % python, kind="python") from None


def met(
    python: str, variables: Mapping[str, str], requires: Sequence[str], installed: bool = False
) -> Met:
    """Which of the requirements are met. `installed`: they were installed, from where they say.

    A Python that does not tell, as one before 3.8, leaves that to the installer.
    """
    words = (json.dumps(list(requires)), "installed" if installed else "")
    try:
        return Met(**json.loads(_told(python, variables, _MET, *words)))
    except (ValueError, TypeError):
        return Met(False, [], [])


def same_name(name: str) -> str:
    """What all ways to write the name of a package have in common."""
    return re.sub("[-_.]+", "-", name).lower()


def told(text: str) -> str:
    """A text that names requirements, as people see it: not with who logs in at an address."""
    return _LOGIN.sub("****@", text)


def packages(folder: str) -> List[List[str]]:
    """Name, version and origin of each package in a folder, as it says of itself."""
    found = []
    for name in sorted(os.listdir(folder)):
        info, kind = os.path.splitext(os.path.join(folder, name))
        if kind in (".dist-info", ".egg-info"):
            about = _text(info + kind, "METADATA") or _text(info + kind, "PKG-INFO")
            said = [re.search(r"(?m)^%s: *(\S+)" % key, about) for key in ("Name", "Version")]
            known = [match[1] if match else "?" for match in said]
            found.append([*known, _text(info + kind, "direct_url.json")])
    return sorted(found)


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def _told(python: str, variables: Mapping[str, str], program: str, *words: str) -> str:
    """The last line that a program prints; empty where there is none."""
    try:
        done = subprocess.run(
            [python, "-c", program, *words],
            cwd=os.sep,  # whose modules are nobody's
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "".join(done.stdout.decode("utf-8", "replace").splitlines()[-1:])
