"""An environment made: installed by the side of its place, whole before it is moved there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from typing import Dict, List, Sequence

from .. import trees
from ..errors import AgentError
from ..machine.environment import Environment
from ..protocol import Value
from ..store import inside
from ..store.atomic import write_atomically
from . import asked, entry, installers, kept
from .asked import Base
from .kept import Suitable

_NEW = ".new-"
_BASE_PACKAGES = "_guild_base.pth"  # has the installer see what the base has
_LONGEST_SHEBANG = 120  # characters that every kernel takes
_SECONDS = 600


def made(home: str, key: str, base: Base, requires: Sequence[str], of: Environment) -> Suitable:
    """Make the environment for the requirements that the base lacks, or see that it lacks none.

    Whoever calls it holds the key. A kill leaves a folder that the next one removes.
    """
    top = kept.top(home)
    for name in os.listdir(top):
        if name.startswith(_NEW + key):
            trees.remove_tree(os.path.join(top, name))
    folder = os.path.join(top, "%s%s-%s" % (_NEW, key, os.urandom(4).hex()))
    os.mkdir(folder)
    try:
        variables = dict(of.variables)
        python = _skeleton(folder, base, variables)
        site, of_venv = _site(folder), os.listdir(os.path.dirname(python))
        tools = os.path.join(top, kept.TOOLS)
        installers.install(base, requires, python, tools, variables)
        met = asked.met(python, variables, requires, installed=True)
        # What a package of the base lacks itself was not asked for.
        missing = [text for text in requires if text in met.missing]
        if met.sure and missing:
            raise AgentError(
                "the project's requirements were installed, and are not met: %s"
                % asked.told(", ".join(missing)),
                "Look at the settings of pip or uv there.",
            )
        packages = asked.packages(site)
        own = {asked.same_name(name) for name, _, _ in packages}
        uses = [each for each in met.found if asked.same_name(each[0]) not in own]
        named = sorted("%s==%s" % (name, version) for name, version, *_ in [*packages, *uses])
        places = sorted(place for _, _, place in uses if place)
        if not packages:
            return Suitable("", named, places)
        _finish(folder, site, python, base, of_venv)
        name = _placed(home, folder, site, base, packages, places, named)
        return Suitable(name, named, places)
    finally:
        trees.remove_tree(folder)


def _skeleton(folder: str, base: Base, variables: Dict[str, str]) -> str:
    """Make a venv that sees the packages of the base and changes none of them; its Python."""
    argv = [base.executable, "-m", "venv", "--without-pip", folder]
    try:
        done = subprocess.run(
            argv,
            env=variables,
            cwd=os.sep,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
        )
        said, code = done.stdout.decode("utf-8", "replace").strip(), done.returncode
    except (OSError, subprocess.TimeoutExpired) as e:
        said, code = str(e), 1
    if code != 0:
        raise AgentError("%s cannot make a venv" % base.executable, said[-500:], "python")
    lines = ["import site; site.addsitedir(%r)\n" % path for path in base.folders]
    with open(os.path.join(_site(folder), _BASE_PACKAGES), "w", encoding="utf-8") as f:
        f.writelines(lines)
    return os.path.join(folder, entry.PROGRAMS, "python")


def _site(folder: str) -> str:
    lib = os.path.join(folder, "lib")
    for name in os.listdir(lib):
        path = os.path.join(lib, name, "site-packages")
        if os.path.isdir(path):
            return path
    raise AgentError("there is no place for packages in a venv of that Python", kind="python")


def _finish(folder: str, site: str, python: str, base: Base, of_venv: Sequence[str]) -> None:
    """Leave what is installed, for the base's Python: nothing of the venv, nor of the installer.

    Of the programs, those that the venv had at first, `of_venv`, go.
    """
    os.unlink(os.path.join(site, _BASE_PACKAGES))
    for name in ("pyvenv.cfg", ".lock", ".gitignore"):
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    trees.remove_tree(os.path.join(folder, "pip"))
    programs = os.path.join(folder, entry.PROGRAMS)
    for name in os.listdir(programs):
        path = os.path.join(programs, name)
        if name in of_venv or os.path.islink(path):
            os.unlink(path)
        elif os.path.isfile(path):
            _address(path, python, base.executable)
    for path in (programs, os.path.join(folder, "include")):
        if os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
    entry.make(folder, base, os.path.relpath(site, folder))


def _address(program: str, python: str, other: str) -> None:
    """Have a script that names a Python name the other one.

    A path too long for a kernel comes as a line of sh, which is in Python a text.
    """
    with open(program, "rb") as f:
        content = f.read()
    lines = content.split(b"\n", 3)
    name = os.fsencode(python)
    if not content.startswith(b"#!") or len(lines) < 3:
        return
    if name in lines[0]:
        rest = b"\n".join(lines[1:])
    elif name in lines[1]:
        rest = b"\n".join(lines[3:])
    else:
        return
    to = os.fsencode(other)
    first = b"#!" + to
    if len(first) > _LONGEST_SHEBANG or b" " in to:
        first = b"#!/bin/sh\n'''exec' \"%s\" \"$0\" \"$@\"\n' '''" % to
    with open(program, "wb") as f:
        f.write(first + b"\n" + rest)


def _placed(
    home: str,
    folder: str,
    site: str,
    base: Base,
    packages: Sequence[List[str]],
    places: Sequence[str],
    named: Sequence[str],
) -> str:
    """Move what is made to its place, whole and read-only; its name, a digest of what it is."""
    record: Dict[str, Value] = {
        "python": base.python,
        "real": os.path.realpath(base.python),
        "site": os.path.relpath(site, folder),
        "names": kept.names_digest(site),
        "packages": list(named),
        "uses": list(places),
        "bytes": inside.bytes_of(folder),
        "made": time.time(),
    }
    write_atomically(os.path.join(folder, kept.RECORD), json.dumps(record, indent=1))
    _make_read_only(folder)
    inside.flush([folder])
    top = kept.top(home)
    of = json.dumps([kept.identity(base), list(packages), list(places)]).encode()
    for count in range(100):  # one that somebody has altered is left to those who have it
        name = hashlib.sha256(b"%d %s" % (count, of)).hexdigest()[:16]
        path = os.path.join(top, name)
        try:
            os.rename(folder, path)
        except OSError:
            if not os.path.isdir(path):
                raise
        if kept.is_whole(path):
            inside.flush_folder(top)
            return name
    raise AgentError("all environments of that content have been altered", "guild clean")


def _make_read_only(folder: str) -> None:
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                os.chmod(path, os.lstat(path).st_mode & 0o555)
        os.chmod(top, 0o555)
