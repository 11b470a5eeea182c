"""What the agent does for itself: say what it runs on, and remove its older versions."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys

from ..protocol import Python


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


def python(_home: str) -> Python:
    """The Python that the agent runs on."""
    return {"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable}
