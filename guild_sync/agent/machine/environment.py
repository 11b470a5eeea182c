"""The environment that an operation runs in: a venv, a conda environment, or a Python."""

from __future__ import annotations

import getpass
import glob
import os
import shutil
import subprocess
import sys
from typing import Dict, List, Mapping, Optional, Sequence

from .. import protocol
from ..errors import AgentError

ACTIVATE_TIMEOUT = 120  # seconds
_CONDA_SCRIPTS = "etc/conda/activate.d/*.sh"
# Where conda and its kin install themselves; their environments are in `envs` there.
_CONDA_ROOTS = (
    "~/miniconda3",
    "~/anaconda3",
    "~/miniforge3",
    "~/mambaforge",
    "~/micromamba",
    "/opt/conda",
    "/opt/miniconda3",
    "/opt/anaconda3",
    "/opt/miniforge3",
)


class Environment:
    """The variables and the Python of an activated environment."""

    def __init__(self, variables: Dict[str, str], python: str) -> None:
        self.variables = variables
        self.python = python
        # What PYTHONPATH is to begin with for the requirements installed for it, where there are.
        self.start = ""

    @classmethod
    def load(cls, spec: Mapping[str, str]) -> Environment:
        """The environment that a remote's keys describe; `{}` is the login's own.

        Keys: venv-path, conda-env, venv-activate, python; the first of them counts. And
        variables (protocol.ENV), which activation sees and does not change.
        Raises AgentError, naming the key, where there is no such environment.
        """
        own = variables_of(spec, protocol.ENV)
        found = cls._activated(spec, {**os.environ, **own})
        found.variables.update(own)
        return found

    @classmethod
    def _activated(cls, spec: Mapping[str, str], base: Dict[str, str]) -> Environment:
        if spec.get("venv-path"):
            return cls._of_prefix(_expand(spec["venv-path"]), base, "venv-path", "VIRTUAL_ENV")
        if spec.get("conda-env"):
            return cls._of_conda(_conda_prefix(spec["conda-env"]), base)
        if spec.get("venv-activate"):
            base = _activated(_expand(spec["venv-activate"]), base)
        found = _find_python(spec.get("python") or "", base)
        return cls(base, found)

    @classmethod
    def _of_prefix(cls, prefix: str, base: Dict[str, str], key: str, variable: str) -> Environment:
        python = os.path.join(prefix, "bin", "python")
        if not os.access(python, os.X_OK):
            raise AgentError(
                "there is no Python environment at %s" % prefix,
                "Make one there, or correct %s in the config file." % key,
                "python",
            )
        base.pop("PYTHONHOME", None)
        path = os.path.join(prefix, "bin") + os.pathsep + base.get("PATH", os.defpath)
        base.update({variable: prefix, "PATH": path})
        return cls(base, python)

    @classmethod
    def _of_conda(cls, prefix: str, base: Dict[str, str]) -> Environment:
        """As `conda activate` does it, without a conda: packages' own scripts are sourced too."""
        found = cls._of_prefix(prefix, base, "conda-env", "CONDA_PREFIX")
        found.variables["CONDA_DEFAULT_ENV"] = os.path.basename(prefix)
        scripts = sorted(glob.glob(os.path.join(glob.escape(prefix), _CONDA_SCRIPTS)))
        if scripts:  # conda, too, does not ask how they ended
            each = 'for script; do . "$script" >&2; done; exec env -0'
            found.variables = _sourced(each, scripts, found.variables, "conda-env")
        return found


def variables_of(spec: Mapping[str, str], kind: str) -> Dict[str, str]:
    """The variables among the keys of an environment that begin with `kind`, by their names."""
    return {key[len(kind) :]: value for key, value in spec.items() if key.startswith(kind)}


def user_name() -> str:
    """The name of the user that this process runs as, or else the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a uid that has no name
        return str(os.getuid())


def _expand(path: str) -> str:
    """`path` from the login's home, where it is not absolute."""
    return os.path.join(os.path.expanduser("~"), os.path.expanduser(path))


def _find_python(named: str, variables: Mapping[str, str]) -> str:
    if named:
        # A path means that file; a bare name is looked for as a shell would do it.
        name = _expand(named) if "/" in named else named
        found = shutil.which(name, path=variables.get("PATH"))
        if found is None:
            raise AgentError(
                "there is no Python at %s" % named, "Correct python in the config file.", "python"
            )
        return found
    for name in ("python3", "python"):
        found = shutil.which(name, path=variables.get("PATH"))
        if found:
            return found
    return sys.executable


def _conda_prefix(named: str) -> str:
    if "/" in named or named.startswith("~"):
        return _expand(named)
    for prefix in _conda_environments():
        # The list of conda's own keeps what was removed without it.
        if os.path.basename(prefix) == named and os.path.isdir(prefix):
            return prefix
    if named == "base":
        for root in _conda_roots():
            if os.path.isdir(os.path.join(root, "conda-meta")):
                return root
    raise AgentError(
        "there is no conda environment %r" % named,
        "Make one, or give its path as conda-env in the config file.",
        "python",
    )


def _conda_environments() -> List[str]:
    """The environments that conda knows of (it lists them in ~/.conda/environments.txt)."""
    found: List[str] = []
    try:
        with open(os.path.expanduser("~/.conda/environments.txt"), encoding="utf-8") as f:
            found += [line.strip() for line in f if line.strip()]
    except OSError:
        pass
    for root in _conda_roots():
        envs = os.path.join(root, "envs")
        if os.path.isdir(envs):
            found += [os.path.join(envs, name) for name in os.listdir(envs)]
    return found


def _conda_roots() -> List[str]:
    return [os.path.expanduser(root) for root in _CONDA_ROOTS]


def _activated(script: str, base: Dict[str, str]) -> Dict[str, str]:
    """The variables after `. script`."""
    if not os.path.isfile(script):
        raise AgentError(
            "there is no file %s" % script, "Correct venv-activate in the config file.", "python"
        )
    command = '. "$1" >&2 && exec env -0'
    return _sourced(command, [script], base, "venv-activate")


def _sourced(
    command: str, scripts: Sequence[str], variables: Dict[str, str], key: str
) -> Dict[str, str]:
    """The variables that `command`, a shell's, prints with `env -0` once it has sourced `scripts`.

    Raises AgentError, naming the key of the config file, where it fails.
    """
    shell = shutil.which("bash") or "/bin/sh"
    try:
        done = subprocess.run(
            [shell, "-c", command, "guild", *scripts],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            timeout=ACTIVATE_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise AgentError(
            "%s did not end in %d s" % (", ".join(scripts), ACTIVATE_TIMEOUT), kind="python"
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise AgentError(
            "%s failed: %s" % (", ".join(scripts), said),
            "Correct %s in the config file." % key,
            "python",
        )
    pairs = (item.partition("=") for item in os.fsdecode(done.stdout).split("\0") if "=" in item)
    return {name: value for name, _, value in pairs}


def uv_of(variables: Mapping[str, str]) -> Optional[str]:
    """The uv on the PATH of these variables, or where its installer puts it.

    That is on the PATH of a login shell, and what ssh starts has none. None where there is none.
    """
    home = variables.get("HOME")
    own = os.path.join(home, ".local", "bin") if home else os.devnull
    return shutil.which("uv", path=variables.get("PATH")) or shutil.which("uv", path=own)
