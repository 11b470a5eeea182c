"""Guild AI 0.9 at the same work, where it can be had."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.measure import Command

_INSTALLER = Path(__file__).parent.parent / "tests" / "guild_ai.py"
_TIMEOUT = 1800.0  # seconds: it does one run after the other, each over connections of its own
_KEYS = ("type", "host", "port", "private-key", "guild-home")


class Rival:
    """Guild AI, with a config file of its own and an ssh that knows the benchmark's servers."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder = folder / "guild-ai"
        self._folder.mkdir()
        self._project = project

    @cached_property
    def program(self) -> Path | None:
        """Its `guild`, installed by what the tests install it with; None where that fails."""
        home = {"HOME": pwd.getpwuid(os.getuid()).pw_dir}  # not the benchmark's: it is kept
        done = subprocess.run(
            [sys.executable, str(_INSTALLER)],
            env={**os.environ, **home},
            stdout=subprocess.PIPE,
            text=True,
        )
        return Path(done.stdout.strip()) if done.returncode == 0 else None

    def command(
        self, remotes: Mapping[str, Mapping[str, Any]], *words: str, home: str, copied: int
    ) -> Command:
        """Its command line on the guild home `home`, in which it is to copy so many runs."""
        assert self.program
        installed = str(self.program.parent.parent)
        known = {
            name: {**{key: remote[key] for key in _KEYS}, "guild-env": installed}
            for name, remote in remotes.items()
        }
        (self._folder / "config.yml").write_text(json.dumps({"remotes": known}))
        (key,) = {remote["private-key"] for remote in remotes.values()}
        env = {
            "GUILD_HOME": str(self._folder.parent / home),
            "GUILD_CONFIG": str(self._folder / "config.yml"),
            "PATH": f"{self._ssh(key).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
        }
        argv = (str(self.program), *words)
        return Command(argv, env, self._project, expect=("Copying", copied), timeout=_TIMEOUT)

    def here(self, *words: str, home: str, folder: Path, expect: tuple[str, int]) -> Command:
        """Its command line in a project of this machine, with a guild home of its own."""
        assert self.program
        own_home = self._folder / home
        own_home.mkdir(exist_ok=True)
        env = {"GUILD_HOME": str(own_home), "NO_COLOR": "1"}
        return Command((str(self.program), *words), env, folder, expect=expect, timeout=_TIMEOUT)

    def _ssh(self, key: str) -> Path:
        """Has no key for known hosts, and HOME is not where ssh looks for its config."""
        script = self._folder / "bin" / "ssh"
        if not script.exists():
            script.parent.mkdir()
            options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
            argv = [str(shutil.which("ssh")), "-i", key, *(f"-o{option}" for option in options)]
            script.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
            script.chmod(0o755)
        return script
