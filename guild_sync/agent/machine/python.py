"""The Python of an environment: its version, held against what is asked for, and its packages."""

from __future__ import annotations

import json
import operator
import re
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import AgentError
from ..facts.asking import said
from ..protocol import SPECIFIER

_SECONDS = 60
_Version = Tuple[int, ...]
_COMPARED: Dict[str, Callable[[_Version, _Version], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TELL_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
# As `pip freeze` writes them; a distribution that comes twice is the first one on the path.
_TELL_PACKAGES = """
import json, re, sys
if sys.path and not sys.path[0]:
    del sys.path[0]
from importlib import metadata
found = {}
for each in metadata.distributions():
    name = each.metadata["Name"]
    if not name:
        continue
    line = "%s==%s" % (name, each.version)
    origin = json.loads(each.read_text("direct_url.json") or "{}")
    if origin.get("vcs_info"):
        kept = origin["vcs_info"]
        line = "%s @ %s+%s@%s" % (name, kept.get("vcs"), origin["url"], kept.get("commit_id"))
    elif origin.get("dir_info", {}).get("editable"):
        line = "-e " + origin["url"]
    elif origin.get("url"):
        line = "%s @ %s" % (name, origin["url"])
    found.setdefault(re.sub("[-_.]+", "-", name).lower(), line)
print()
print(json.dumps([found[name] for name in sorted(found)]))
"""


def meets(version: str, specifier: str) -> bool:
    """Whether a version, such as `3.11.7`, is one that the specifier means."""
    found = SPECIFIER.match(specifier)
    if found is None:
        return False
    sign, numbers, is_family = found[1], _numbers(found[2]), bool(found[3])
    own = _numbers(version)
    if sign in _COMPARED:
        return _COMPARED[sign](_filled(own), _filled(numbers))
    if sign == "~=":
        return _filled(own) >= _filled(numbers) and own[: len(numbers) - 1] == numbers[:-1]
    same = own[: len(numbers)] == numbers if is_family else _filled(own) == _filled(numbers)
    return same is (sign != "!=")


def check_version(python: str, variables: Mapping[str, str], specifiers: Sequence[str]) -> None:
    """Raise AgentError where the Python is none of the versions that are asked for."""
    lines = (said([python, "-c", _TELL_VERSION], _SECONDS, variables) or "").split()
    version = lines[-1] if lines else ""
    if all(meets(version, specifier) for specifier in specifiers):
        return
    raise AgentError(
        "the operation needs Python %s, and %s is %s"
        % (",".join(specifiers), python, version or "none that runs"),
        "Name one with python, venv-path or conda-env of the remote in the config file; here, "
        "install guild with it.",
        "refused",
    )


def packages(python: str, variables: Mapping[str, str]) -> List[str]:
    """The packages that there are for it, as `pip freeze` writes them.

    Raises AgentError where it does not tell.
    """
    lines = (said([python, "-c", _TELL_PACKAGES], _SECONDS, variables) or "").splitlines()
    found = _listed(lines[-1]) if lines else None
    if found is None:
        raise AgentError("%s does not tell which packages it has (pip-freeze)" % python)
    return found


def _listed(line: str) -> Optional[List[str]]:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return [str(each) for each in found] if isinstance(found, list) else None


def _numbers(version: str) -> _Version:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def _filled(version: _Version) -> _Version:
    return version + (0,) * (4 - len(version))
