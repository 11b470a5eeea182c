"""A run given the environment that its requirements need: found, or made while others wait."""

from __future__ import annotations

import glob
import os
import re
import shlex
import subprocess
import time
from typing import Generator, Iterator, List, NamedTuple, Optional, Sequence
from urllib.parse import unquote, urlsplit

from ..errors import AgentError
from ..machine.environment import Environment
from ..machine.python import check_version
from ..protocol import DATA, ENVIRONMENT, SPECIFIER, Packet
from ..store import inside, locks, rundir
from ..store.job import read_job
from . import asked, entry, kept, making
from .installers import NO_INSTALLER as NO_INSTALLER
from .kept import Suitable

_URL = re.compile(r"[^@;]*@\s*([a-z+]+:\S+)")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:#|\Z)")
_GIT = re.compile(r"git\+(\w+://[^/]*/[^@#]*)(?:@([^#]+))?")
_SECONDS = 60  # for a git server to tell a commit
_PAUSE = 0.2
Lines = Generator[str, None, Suitable]


class _Wanted(NamedTuple):
    requires: Sequence[str]
    environment: Environment


def provide(
    home: str,
    run_id: str,
    requires: Sequence[str],
    python_requires: str = "",
    run_dir: str = "",
) -> Generator[Packet, None, None]:
    """Give a pending run an environment that meets the requirements; what is done, as it is.

    A wheel of pip that was put beside the run's packages is kept for Pythons that have none.
    """
    directory = run_dir or rundir.run_dir(home, run_id)
    job = read_job(directory)
    environment = Environment.load(job.get("environment") or {})
    specifiers = [part.strip() for part in python_requires.split(",") if part.strip()]
    if specifiers and all(map(SPECIFIER.match, specifiers)):
        check_version(environment.python, environment.variables, specifiers)
    _take_pip(home, directory)
    for line in _given(home, directory, _Wanted(requires, environment)):
        yield DATA, line.encode("utf-8", "replace")


def enter(home: str, directory: str, environment: Environment) -> List[str]:
    """Have a run that starts now be in its environment, which it holds; what is to be said.

    One that is gone, or does not fit the Python any more, is made anew.
    """
    said: List[str] = []
    while True:
        name = kept.name_of_run(directory)
        if not name:
            return said
        with kept.using(home):
            if kept.is_for(home, name, environment.python, kept.of_run(directory)):
                kept.hold(home, name)
                _enter(home, name, environment)
                return said
        said += _given(home, directory, _Wanted(kept.requirements_of(directory), environment))


def look_into(home: str, directory: str, environment: Environment) -> None:
    """Have whoever looks into a run be in its environment, where that is there."""
    name = kept.name_of_run(directory)
    if name and kept.is_whole(kept.path_of(home, name)):
        _enter(home, name, environment)


def _enter(home: str, name: str, environment: Environment) -> None:
    environment.start = entry.enter(environment.variables, kept.path_of(home, name))


def _given(home: str, directory: str, wanted: _Wanted) -> Iterator[str]:
    """Give the run an environment, which is there when this is done; lines that tell of it."""
    for text in wanted.requires:
        if text.startswith("-") or not text.isprintable():
            raise AgentError("%s is not a requirement" % rundir.shown(text))
    while True:
        chosen = yield from _chosen(home, wanted)
        with kept.using(home):
            if chosen.name and not kept.is_whole(kept.path_of(home, chosen.name)):
                continue  # it was removed before it was this run's
            if chosen.name:
                kept.note_use(home, chosen.name)
            rundir.write_attr(
                directory,
                ENVIRONMENT,
                {
                    "name": chosen.name,
                    "python": wanted.environment.python,
                    "real": os.path.realpath(wanted.environment.python),
                    "requires": list(wanted.requires),
                    "packages": chosen.packages,
                },
            )
        return


def _chosen(home: str, wanted: _Wanted) -> Lines:
    """The environment that meets the requirements: one that there is, or a new one."""
    environment, requires = wanted.environment, wanted.requires
    base = asked.base_of(environment.python, environment.variables)
    key = kept.key_of([*requires, *filter(None, map(_moving, requires))], base)
    found = kept.known(home, key)
    if found:
        return found
    folder = kept.key_folder(home, key)
    held = _hold(home, key)
    if held is None:
        machine = kept.machine_of(folder)
        where = " on %s" % machine if machine else ""
        yield "Waiting for another run%s, which installs the same requirements" % where
        if machine:  # of which nobody can tell from here whether it lives
            yield "If that is gone, remove what it has left: rm -r %s" % shlex.quote(folder)
    while held is None:
        time.sleep(_PAUSE)
        held = _hold(home, key)
    try:
        found = kept.known(home, key)
        if found:
            return found
        met = asked.met(environment.python, environment.variables, requires)
        if met.sure and not met.missing:
            packages = sorted("%s==%s" % (name, version) for name, version, _ in met.found)
            found = Suitable("", packages, [place for _, _, place in met.found if place])
        else:
            lacking = ", ".join(sorted(met.missing or requires))
            yield "Installing requirements: %s" % asked.told(lacking)
            found = making.made(home, key, base, requires, environment)
            yield "Requirements: %s" % ", ".join(found.packages)
        kept.note(home, key, found)
    finally:
        locks.release(folder, held)
    kept.upkeep(home)
    return found


def _hold(home: str, key: str) -> Optional[int]:
    """The lock of a key, unless another has it."""
    while True:
        try:
            return locks.hold(kept.key_folder(home, key))
        except FileNotFoundError:  # whoever removes keys that are not used has just done so
            pass


def _moving(text: str) -> str:
    """What a requirement means today that names a place whose content may change."""
    match = _URL.match(text)
    if match is None:
        return ""
    url = match[1]
    kind = url.partition(":")[0]
    if kind == "file":
        try:
            return _stamp(unquote(urlsplit(url).path))
        except ValueError:  # no path that a file can have: the installer says so
            return ""
    if "+" not in kind or _COMMIT.search(url):
        return ""
    return _commit(url) if kind.startswith("git+") else time.strftime("%Y-%m-%d")


def _stamp(path: str) -> str:
    """What changes with a file, or with any file in a folder."""
    if not os.path.isdir(path):
        try:
            found = os.stat(path)
            return "%d %d" % (found.st_size, found.st_mtime_ns)
        except OSError:
            return ""
    stamps = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
        for name in names:
            whole = os.path.join(folder, name)
            stamps.append("%s %s" % (whole, _stamp(whole) if os.path.isfile(whole) else ""))
    return "\n".join(sorted(stamps))


def _commit(url: str) -> str:
    """The commit that a git requirement means now; where that is not told, the day."""
    match = _GIT.match(url)
    try:
        done = subprocess.run(
            ["git", "ls-remote", "--", match[1], match[2] or "HEAD"] if match else ["false"],
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        words = done.stdout.decode("utf-8", "replace").split()
    except (OSError, subprocess.TimeoutExpired):
        words = []
    return words[0] if words else time.strftime("%Y-%m-%d")


def _take_pip(home: str, directory: str) -> None:
    """Keep a wheel of pip that came along with a run, whole, for the next one, too."""
    packages = os.path.join(rundir.guild_dir(directory), rundir.JOB_PACKAGES)
    for wheel in glob.glob(os.path.join(glob.escape(packages), "pip-*.whl")):
        tools = os.path.join(kept.top(home), kept.TOOLS)
        os.makedirs(tools, exist_ok=True)
        inside.flush([packages])
        os.replace(wheel, os.path.join(tools, os.path.basename(wheel)))
