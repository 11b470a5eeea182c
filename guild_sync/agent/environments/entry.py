"""How a run enters an environment: its programs and modules come before those of its base.

The run's Python is the base's own, so that what that has finds its files (`sys.prefix`). It
gets to the environment's modules by a `sitecustomize`, in a folder of PYTHONPATH that has nothing
else: so they come behind the standard library, as those of a venv do, `.pth` files among them
count, and a Python for which they were not compiled, such as the one of a program that the
operation calls, does not see them. Nor does a pip that installs: in a Python that is no venv, it
would remove a package of the environment for one that it puts elsewhere, and root's could.
"""

from __future__ import annotations

import os
from typing import Dict

from ..store.atomic import write_atomically
from .asked import Base

START = "start"  # the folder that PYTHONPATH has
PROGRAMS = "bin"
# Each Python may come here, an old one too. What the base itself has of that name runs after it.
_SITECUSTOMIZE = '''\
"""Made by guild: it adds the packages of this environment to the Python that it is for."""
import os
import sys


def _enter():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    if getattr(getattr(sys, "implementation", None), "cache_tag", "") != %(tag)r or _is_pip():
        return
    import site

    known = len(sys.path)
    site.addsitedir(os.path.join(os.path.dirname(here), %(site)r))
    added = sys.path[known:]
    del sys.path[known:]
    names = [os.path.basename(path) for path in sys.path]
    places = [names.index(name) for name in ("site-packages", "dist-packages") if name in names]
    at = min(places or [known])
    sys.path[at:at] = added


def _is_pip():
    """Whether this is a pip that changes packages: those of this environment are not its own."""
    words = getattr(sys, "orig_argv", None)  # from Python 3.10 on
    if words is None:
        try:
            with open("/proc/self/cmdline", "rb") as f:
                words = f.read().decode("latin-1").split("\\0")
        except (IOError, OSError):
            return False
    is_pip = any(os.path.basename(word).startswith("pip") for word in words[:5])
    return is_pip and ("install" in words or "uninstall" in words)


def _go_on():
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize
    except ImportError:
        pass
    finally:
        if own is not None:
            sys.modules.setdefault("sitecustomize", own)


_enter()
_go_on()
'''


def make(folder: str, base: Base, site: str) -> None:
    """Make it possible to enter the environment in `folder`, whose packages are in `site` of it."""
    os.makedirs(os.path.join(folder, START), exist_ok=True)
    text = _SITECUSTOMIZE % {"tag": base.tag, "site": site}
    write_atomically(os.path.join(folder, START, "sitecustomize.py"), text)


def enter(variables: Dict[str, str], folder: str) -> str:
    """Have the environment's programs come first; the folder that PYTHONPATH is to begin with."""
    programs = os.path.join(folder, PROGRAMS)
    if os.path.isdir(programs):
        variables["PATH"] = programs + os.pathsep + variables.get("PATH", os.defpath)
    return os.path.join(folder, START)
