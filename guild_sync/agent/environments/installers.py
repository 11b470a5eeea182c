"""Programs that install packages: uv, the Python's own pip, or a pip that came along with it."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from typing import Dict, Iterator, List, Mapping, Match, Optional, Sequence, Tuple

from ..errors import AgentError
from ..facts.dying import die_with_parent
from ..machine.environment import uv_of
from .asked import Base, same_name, told
from .wheels import unpack

NO_INSTALLER = "no-installer"  # the kind of the error: whoever asks may send a pip along
_SECONDS = 3 * 3600  # what is built from source may take long
# What a user's settings say for all else: where packages go is told to the installer here.
_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")
_INSTALLED = re.compile(r" \+ (\S+?)(?:==(\S+))?(?: @ (\S+)| \(from (\S+)\))?$")
_NAME_ENDS = re.compile(r"[^\w.-]")
_SAYS_WHY = re.compile(r"(?i)error\b|  (?:cause|hint|\W)")
_NO_WAY = re.compile(
    r"(?i)connection broken|name or service not known|name resolution|network is unreachable"
    r"|connection refused|no route to host|timed out|error sending request|failed to fetch"
    r"|network (?:was|is) disabled"
)
_MOST_LINES = 6


def install(
    base: Base,
    requires: Sequence[str],
    python: str,
    tools: str,
    variables: Mapping[str, str],
) -> None:
    """Install what of the requirements the base lacks into the environment of `python`.

    `tools` is a folder with wheels of a pip. Raises AgentError in the installer's own words,
    and one of kind NO_INSTALLER where there is none.
    """
    variables = {name: value for name, value in variables.items() if name not in _ELSEWHERE}
    variables.update(PIP_USER="0", NO_COLOR="1", UV_NO_PROGRESS="1")
    failures: List[str] = []
    for kind, program in _installers(base, python, tools, variables):
        if kind == "uv":
            code, text = _by_uv(program, base, requires, python, variables)
        else:
            options = ["install", "--quiet", "--disable-pip-version-check", "--no-input"]
            code, text = _ran([*program, *options, "--", *requires], variables)
        if code == 0:
            return
        failures.append(text)
        if code is not None:  # it runs, and its word counts
            break
    if failures:
        raise _failure(requires, base.python, failures[-1])
    raise AgentError(
        "there is neither uv nor pip for %s, and the project has requirements" % base.python,
        # That Python has no ensurepip: what that has would have been taken.
        "Install uv there: curl -LsSf https://astral.sh/uv/install.sh | sh\n"
        "or pip, as root on Debian or Ubuntu: apt install python3-venv",
        NO_INSTALLER,
    )


def _installers(
    base: Base, python: str, tools: str, variables: Mapping[str, str]
) -> Iterator[Tuple[str, List[str]]]:
    """What can install, the best first: uv is the faster one.

    It looks for packages where it would install them, so it is the second where others are.
    """
    uv = uv_of(variables)
    wheels = [*base.wheels, *sorted(glob.glob(os.path.join(glob.escape(tools), "pip-*.whl")))]
    found: List[Tuple[str, List[str]]] = [("uv", [uv])] if uv else []
    if base.has_pip:
        found.append(("pip", [python, "-m", "pip"]))
    elif wheels:
        unpacked = os.path.join(os.path.dirname(os.path.dirname(python)), "pip")
        unpack(wheels[0], unpacked)
        found.append(("pip", [python, os.path.join(unpacked, "pip")]))
    if not _is_seen_by_uv(base):
        found.sort(key=lambda one: one[0] == "uv")
    yield from found


def _is_seen_by_uv(base: Base) -> bool:
    own = {os.path.realpath(path) for path in base.own}
    others = (path for path in base.folders if os.path.realpath(path) not in own)
    return not any(name.endswith("-info") for path in others for name in os.listdir(path))


def _by_uv(
    program: Sequence[str],
    base: Base,
    requires: Sequence[str],
    python: str,
    variables: Mapping[str, str],
) -> Tuple[Optional[int], str]:
    """What uv would install into the base, which it is asked first, goes into the environment.

    By itself it takes nothing for installed that is not in the environment itself.
    """
    install = [*program, "pip", "install", "--python"]
    # --dry-run changes nothing: a base that its system's packages manage is not asked for more.
    would = [*install, base.executable, "--dry-run", "--break-system-packages", "--", *requires]
    code, text = _ran(would, variables)
    if code != 0:
        return code, text
    lacking = [
        _named(match, requires) for match in map(_INSTALLED.match, text.splitlines()) if match
    ]
    if not lacking:
        return 0, ""
    # A second name of a file in uv's cache would be everybody's to change, and its mode is.
    how = ["--no-deps", "--link-mode", "copy", "--compile-bytecode", "--"]
    return _ran([*install, python, *how, *lacking], variables)


def _named(would: Match[str], requires: Sequence[str]) -> str:
    """A requirement for what uv has said that it would install, and from where.

    In an address it masks who logs in there, so that is taken as it was written.
    """
    name, version, *places = would.groups()
    place = places[0] or places[1]
    if not place:
        return "%s==%s" % (name, version)
    if "****" in place:
        for text in requires:
            if "://" in text and same_name(_NAME_ENDS.split(text, 1)[0]) == same_name(name):
                return text
    return "%s @ %s" % (name, place)


def _ran(argv: Sequence[str], variables: Mapping[str, str]) -> Tuple[Optional[int], str]:
    """The exit status of a program and what it has said; None where it does not run."""
    environment: Dict[str, str] = dict(variables)
    try:
        done = subprocess.run(
            list(argv),
            cwd=os.sep,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            preexec_fn=die_with_parent(),
        )
    except OSError as e:
        return None, "%s: %s" % (argv[0], e.strerror)
    except subprocess.TimeoutExpired:
        return 1, "error: %s was ended after %d hours" % (argv[0], _SECONDS // 3600)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _failure(requires: Sequence[str], python: str, text: str) -> AgentError:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _SAYS_WHY.match(line)] or lines
    hint = telling[-_MOST_LINES:]
    if _NO_WAY.search(text):
        hint += [
            "The packages cannot be fetched there. What the environment of the operations has "
            "(venv-path, conda-env, python of the remote) need not be;",
            "or have wheels in a folder there: PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER in 'env' "
            "of the remote (for uv UV_OFFLINE=1 and UV_FIND_LINKS).",
        ]
    what = "cannot install the project's requirements for %s: %s" % (python, ", ".join(requires))
    return AgentError(told(what), told("\n".join(hint)))
