"""What the acceptance documents may call: run(), cd(), copied(), example(), sleep() and the like.

The documents are doctests, which pytest collects (`--doctest-glob='*.md'`). Each has a
guild home of its own. The remote that they use, `guild-uat`, is the one of the config
file in the container (GUILD_UAT_REMOTE names it), and elsewhere a sandbox with the same
`init`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REMOTE = "guild-uat"
# What is about a cluster needs one: an image has it, and elsewhere it is the tests' own.
CLUSTER_DOCUMENT = "cluster.md"


class Session:
    """A user at a terminal: a folder to be in, and commands to type."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self._env = env
        self._folder = folder
        self._own_config = folder / "config.yml"
        self._config = Path(env.get("GUILD_CONFIG") or Path.home() / ".guild/config.yml")

    def cd(self, folder: str | Path) -> None:
        self._folder = self._folder / folder

    def copied(self, name: str) -> Path:
        """A copy of an example project, the user's own, which may be changed."""
        made = shutil.copytree(example(name), self._folder / name)
        return Path(made)

    def write(self, file: str, text: str) -> None:
        (self._folder / file).write_text(text)

    def configure(self, remotes: str) -> None:
        """Have a config file of the document's own, with these remotes beside `guild-uat`."""
        text = self._config.read_text() + textwrap.indent(remotes, "  ")
        self._own_config.write_text(text)
        self._env["GUILD_CONFIG"] = str(self._own_config)

    def run(self, command: str, stdin: str = "") -> None:
        """Print what the command prints, and how it ends."""
        done = subprocess.run(
            shlex.split(command),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._folder,
            env=self._env,
            timeout=120,
        )
        print(done.stdout, end="" if done.stdout.endswith("\n") or not done.stdout else "\n")
        print(f"<exit {done.returncode}>")

    def names(self) -> dict[str, Callable[..., Any]]:
        own: dict[str, Callable[..., Any]] = {
            "cd": self.cd,
            "configure": self.configure,
            "copied": self.copied,
            "run": self.run,
            "write": self.write,
        }
        return {**own, "example": example, "sleep": time.sleep}


def example(name: str) -> Path:
    """The folder of an example project."""
    return HERE / "examples" / name


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands, in which the remote is there."""
    env = dict(os.environ)
    env.pop("FORCE_COLOR", None)  # the documents show what a pipe gets
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Ops", f"GIT_{role}_EMAIL": "ops@example.org"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    if env.get("GUILD_UAT_REMOTE") == REMOTE:
        yield env
        return
    top = tmp_path_factory.mktemp("uat")
    env["GUILD_CONFIG"] = str(top / "config.yml")
    (top / "config.yml").touch()
    with _sandbox(top) as remote:
        (top / "config.yml").write_text(f"remotes:\n  {REMOTE}: {remote}\n")
        yield env


def _sandbox(top: Path) -> Any:
    """A real sshd for the time of the session; the remote that reaches it, as YAML."""
    import json
    from contextlib import contextmanager

    import yaml

    in_container = yaml.safe_load((HERE / "container/config.yml").read_text())
    init = in_container["remotes"][REMOTE]["init"]
    sys.path.insert(0, str(HERE.parent / "tests"))
    from support import server

    @contextmanager
    def started() -> Iterator[str]:
        with server(top / "sshd") as running:
            yield json.dumps(running.keys(top / "there", init=init))

    return started()


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The remote `hpc`, which is a cluster, as YAML; empty where it is in the config file."""
    if os.environ.get("GUILD_UAT_CLUSTER"):
        yield ""
        return
    import json

    sys.path.insert(0, str(HERE.parent / "tests"))
    import clusters
    from slurm_files import Settings

    found = clusters.Clusters()
    try:
        keys = found.like(Settings()).keys()
    except clusters.Unavailable as e:
        pytest.skip(str(e))
    yield f"hpc: {json.dumps(keys)}\n"
    found.close()


@pytest.fixture(autouse=True)
def _names(
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    tmp_path: Path,
    doctest_namespace: dict[str, Any],
) -> None:
    session = Session({**environment, "GUILD_HOME": str(tmp_path / "guild-home")}, tmp_path)
    if request.path.name == CLUSTER_DOCUMENT:
        session.configure(request.getfixturevalue("cluster"))
    doctest_namespace.update(session.names())
