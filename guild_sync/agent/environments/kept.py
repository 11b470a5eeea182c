"""Environments that are kept: found again by what they are for, in use, removed.

`environments/DIGEST` of the guild home is one: its name is a digest of what is in it, of its base,
and of the base's packages that it rests on. `.keys/KEY` tells which ones were made for a list of
requirements and a Python, so that no index is asked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from .. import protocol, trees
from ..errors import AgentError
from ..protocol import MONTH, KeptEnvironment, Value
from ..store import locks, rundir
from ..store.atomic import write_atomically
from .asked import Base

RECORD = "environment.json"
TOOLS = ".pip"  # a pip that came along, for Pythons without one
_KEYS = ".keys"
_KNOWN = "known.json"
_USING = "using-%d"  # a lock: an environment is taken by a run, or removed, one at a time
_GONE = ".gone-"
_NAME = re.compile(r"[0-9a-f]{16}\Z")
_MOST_BYTES = 1 << 24
_MOST_KNOWN = 8
_PAUSE = 0.1
_PATIENCE = 60.0  # seconds: it is held for as long as it takes to look at all runs


class Suitable(NamedTuple):
    """The environment for some requirements: its name, empty where the base needs none over it.

    `packages` meet them, and `uses` are the places of those of them that are the base's.
    """

    name: str
    packages: List[str]
    uses: List[str]


def top(home: str) -> str:
    """The folder of all environments."""
    path = os.path.join(home, "environments")
    os.makedirs(path, exist_ok=True)
    return path


def identity(base: Base) -> List[str]:
    """What two bases have in common for which one environment does."""
    real = os.path.realpath(base.executable)
    return [str(os.getuid()), real, base.version, base.prefix, base.tag, base.platform]


def key_of(requires: Sequence[str], base: Base) -> str:
    of = json.dumps([identity(base), sorted(requires)]).encode("utf-8", "surrogateescape")
    return hashlib.sha256(of).hexdigest()[:16]


def path_of(home: str, name: str) -> str:
    return os.path.join(home, "environments", name)


def key_folder(home: str, key: str) -> str:
    """The folder that is held, as a run is, by whoever makes an environment for the key."""
    path = os.path.join(top(home), _KEYS, key)
    os.makedirs(path, exist_ok=True)
    return path


def known(home: str, key: str) -> Optional[Suitable]:
    """What was made for the key and is still right, if anything."""
    for each in _known(os.path.join(home, "environments", _KEYS, key)):
        whole = not each.name or is_whole(path_of(home, each.name))
        if whole and all(map(os.path.exists, each.uses)):
            return each
    return None


def note(home: str, key: str, chosen: Suitable) -> None:
    """Note what was made for a key; whoever does holds it."""
    folder = key_folder(home, key)
    listed = [chosen, *(each for each in _known(folder) if each.name != chosen.name)]
    text = json.dumps([each._asdict() for each in listed[:_MOST_KNOWN]])
    write_atomically(os.path.join(folder, _KNOWN), text)


def _known(folder: str) -> List[Suitable]:
    try:
        with open(os.path.join(folder, _KNOWN), encoding="utf-8") as f:
            return [Suitable(**each) for each in json.loads(f.read(_MOST_BYTES))]
    except (OSError, ValueError, TypeError):  # a note that is lost is made again
        return []


def is_whole(path: str) -> bool:
    """Whether an environment is there and as it was made: its packages are those it had then."""
    found = _record(path)
    site = found.get("site")
    if not isinstance(site, str):
        return False
    try:
        return names_digest(os.path.join(path, site)) == found.get("names")
    except OSError:
        return False


def names_digest(site: str) -> str:
    """A digest of the names in a folder of packages: whoever installs or removes one changes it."""
    names = sorted(name for name in os.listdir(site) if name != protocol.CACHE)
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def _record(path: str) -> Dict[str, Value]:
    if not _NAME.match(os.path.basename(path)):
        return {}
    try:
        with open(os.path.join(path, RECORD), encoding="utf-8") as f:
            found = json.loads(f.read(_MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_for(home: str, name: str, python: str, of_run: Mapping[str, Value] = {}) -> bool:
    """Whether an environment is there, and right for a Python; no program is asked.

    It is for the one that it was made for, and for that for which a run was given it, `of_run`:
    a Python may have several names.
    """
    path = path_of(home, name)
    found = _record(path)
    uses = found.get("uses")
    named = python, os.path.realpath(python)
    return (
        any((of.get("python"), of.get("real")) == named for of in (found, of_run))
        and isinstance(uses, list)
        and all(os.path.exists(str(each)) for each in uses)
        and is_whole(path)
    )


@contextmanager
def using(home: str) -> Iterator[None]:
    """Nothing is removed meanwhile, nor does another run take an environment.

    Raises AgentError where another process does not let go.
    """
    folder = os.path.join(top(home), _KEYS, _USING % os.getuid())
    os.makedirs(folder, exist_ok=True)
    deadline = time.monotonic() + _PATIENCE
    while (held := locks.hold(folder)) is None:
        if time.monotonic() > deadline:
            machine = machine_of(folder)
            raise AgentError(
                "another process%s has not let go of %s in %d s"
                % (machine and " on " + machine, folder, _PATIENCE),
                "If it is gone, remove that folder: rm -r %s" % shlex.quote(folder),
            )
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        locks.release(folder, held)


def machine_of(folder: str) -> str:
    """The other machine on this disk whose process holds a folder; empty where there is none."""
    holder = locks.held_by(folder)
    return (holder.machine or "") if holder else ""


def hold(home: str, name: str) -> None:
    """Note that an environment is used, and hold it for as long as this process lives."""
    note_use(home, name)
    path = os.path.join(path_of(home, name), RECORD)
    # Without flock there is the run's own word that it uses it.
    locks.flocked(os.open(path, os.O_RDONLY | os.O_CLOEXEC), exclusive=False)


def note_use(home: str, name: str) -> None:
    os.utime(os.path.join(path_of(home, name), RECORD))


def environments(
    home: str, remove: bool = False, before: Optional[float] = None
) -> List[KeptEnvironment]:
    """The environments of this guild home; with `remove` those that no run uses are no more.

    With `before`, those that were used last before that time. A run uses one that runs in it, or
    waits to.
    """
    if not os.path.isdir(os.path.join(home, "environments")):
        return []
    with using(home):
        used = _by_runs(home)
        found = [_told(home, name, used) for name in sorted(_names(home))]
        gone = [e for e in found if not e["runs"] and (before is None or e["used"] < before)]
        aside = []
        for each in gone:
            path = os.path.join(top(home), _GONE + os.urandom(4).hex())
            if remove:
                os.rename(path_of(home, each["name"]), path)
                aside.append(path)
            each["going"] = True
    for path in aside:
        trees.remove_tree(path)
    if remove:
        _forget_keys(home)
        _remove_left(home)
    return found


def upkeep(home: str) -> None:
    """Remove what no run has used for a month, and what kills have left."""
    try:
        environments(home, remove=True, before=time.time() - MONTH)
    except (AgentError, OSError):  # another time
        pass


def _names(home: str) -> List[str]:
    """Those that are this user's: of a shared guild home, others' are theirs to remove."""
    names = [name for name in os.listdir(top(home)) if _NAME.match(name)]
    return [name for name in names if os.lstat(path_of(home, name)).st_uid == os.getuid()]


def _told(home: str, name: str, used: Sequence[str]) -> KeptEnvironment:
    path = path_of(home, name)
    found = _record(path)
    packages, size = found.get("packages"), found.get("bytes")
    try:
        last = os.stat(os.path.join(path, RECORD)).st_mtime
    except OSError:
        last = 0.0
    runs = used.count(name)
    return {
        "name": name,
        "path": path,
        "packages": [str(each) for each in packages] if isinstance(packages, list) else [],
        "bytes": size if isinstance(size, int) and size >= 0 else 0,
        "used": last,
        "runs": runs or int(_is_held(os.path.join(path, RECORD))),
        "going": False,
    }


def _is_held(record: str) -> bool:
    """Whether a process holds the environment, such as that of a run which lies elsewhere."""
    try:
        fd = os.open(record, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return locks.flocked(fd) is False
    finally:
        os.close(fd)


def of_run(directory: str) -> Dict[str, Value]:
    """What a run keeps of its environment."""
    return rundir.mapping(rundir.read_attr(directory, protocol.ENVIRONMENT))


def name_of_run(directory: str) -> str:
    """The environment that a run has, empty where it has none over its Python's own."""
    found = of_run(directory).get("name")
    return found if isinstance(found, str) and _NAME.match(found) else ""


def requirements_of(directory: str) -> List[str]:
    """What is to be installed for a run, as it keeps it."""
    found = of_run(directory).get("requires")
    texts = found if isinstance(found, list) else []
    return [text for text in texts if isinstance(text, str)]


def _by_runs(home: str) -> List[str]:
    """The environments of the runs that are not over, once for each."""
    found = []
    for run_id in rundir.names(rundir.runs_dir(home)):
        directory = rundir.run_dir(home, run_id)
        if rundir.status(directory).text not in protocol.FINAL:
            found.append(name_of_run(directory))
    return found


def _forget_keys(home: str) -> None:
    """Remove the keys of which nothing is left that was made for them."""
    keys = os.path.join(top(home), _KEYS)
    for key in os.listdir(keys):
        folder = os.path.join(keys, key)
        if not _NAME.match(key) or known(home, key) is not None:
            continue
        try:
            held = locks.hold(folder)
        except OSError:
            continue
        if held is not None:
            try:
                os.unlink(os.path.join(folder, _KNOWN))
            except OSError:
                pass
            locks.release(folder, held)
            try:
                os.rmdir(folder)
            except OSError:  # somebody has just come
                pass


def _remove_left(home: str) -> None:
    """Remove what the killed have left: what was being removed, or made."""
    for name in os.listdir(top(home)):
        path = os.path.join(top(home), name)
        if name.startswith(_GONE):
            trees.remove_tree(path)
        elif name.startswith(".new-"):
            key = name[len(".new-") :].partition("-")[0]
            folder = os.path.join(top(home), _KEYS, key)
            if locks.held_by(folder) is None:
                trees.remove_tree(path)
