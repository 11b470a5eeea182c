"""Files that are no runs, sent into a folder of a remote."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from guild_sync.config.remotes import Remote
from guild_sync.rsync import running
from guild_sync.rsync.argv import base_argv, place
from guild_sync.rsync.failures import VANISHED, failure


def send_folder(remote: Remote, folder: Path, target: str) -> None:
    """Copy the files of `folder` into the folder `target` there, which is made."""
    _send(remote, "--recursive", "--times", "--exclude=__pycache__", f"{folder}/", target=target)


def send_named(remote: Remote, files: Mapping[str, Path], target: str) -> None:
    """Copy files into the folder `target` there, which is there, each under its new name."""
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        for name, path in files.items():
            os.symlink(path.absolute(), os.path.join(folder, name))
        _send(remote, "--recursive", "--copy-links", f"{folder}/", target=target)


def _send(remote: Remote, *argv: str, target: str) -> None:
    *options, source = argv
    command = (*base_argv(remote), *options, "--", source, place(remote, target) + "/")
    done = running.run(command, sending=True)
    if done.code not in (0, VANISHED):
        raise failure(remote, done, sending=True)
