"""What the agent can be asked, by name: the same functions here and on a remote."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from typing import Any, Callable, Dict, Iterator, Optional

from . import copies, files, runs, staging
from .errors import AgentError

Answer = Any
Stream = Iterator[bytes]


def call(home: str, function: str, args: Dict[str, Any]) -> Answer:
    """The answer of one function; AgentError where it cannot be given."""
    return _guarded(FUNCTIONS, home, function, args)


def stream(home: str, function: str, args: Dict[str, Any]) -> Stream:
    """The bytes that one streaming function sends."""
    found: Stream = _guarded(STREAMS, home, function, args)
    return found


def _guarded(
    table: Dict[str, Callable[..., Any]], home: str, function: str, args: Dict[str, Any]
) -> Any:
    if function not in table:
        raise AgentError("the agent has no function %s" % runs.shown(function))
    try:
        return table[function](home, **args)
    except OSError as e:
        place = " (%s)" % e.filename if e.filename else ""
        raise AgentError("%s%s" % (e.strerror or e, place)) from None


def _cat(home: str, run: str, path: str) -> Stream:
    return files.chunks(files.open_file(home, runs.one(home, run), path))


def _watch(home: str, run: str, hangup_fd: Optional[int] = None) -> Stream:
    return files.follow(home, runs.one(home, run), hangup_fd)


def clean_agents(home: str, keep: str) -> None:
    """Remove every other version of the agent that no process of it uses."""
    top = os.path.join(home, "agent")
    for name in os.listdir(top):
        path = os.path.join(top, name)
        if name == keep or name.startswith("."):
            continue
        try:
            fd = os.open(os.path.join(path, "__main__.py"), os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(fd)


def _python(_home: str) -> Dict[str, str]:
    return {"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable}


FUNCTIONS: Dict[str, Callable[..., Answer]] = {
    "begin_copy": copies.begin,
    "clean_agents": clean_agents,
    "copy_source": staging.copy_source,
    "discard": staging.discard,
    "end_copy": copies.end,
    "info": runs.info,
    "install": staging.install,
    "list": runs.list_runs,
    "python": _python,
    "settle_copy": copies.settle,
    "stage": staging.stage,
    "start": staging.start,
    "states": runs.states,
    "synced_from": runs.synced_from,
}
STREAMS: Dict[str, Callable[..., Stream]] = {"cat": _cat, "watch": _watch}
