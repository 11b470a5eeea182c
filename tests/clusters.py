"""The Slurm clusters of a test session, and why there can be none."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess

import daemons
from cluster import NAMESPACES, OWNER, PREFIX, TOP, Cluster, remove
from daemons import PATH
from slurm_files import Settings

_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "sshd", "ssh-keygen")
_ALSO = {"dbd": ("slurmdbd", "mariadbd", "mysql_install_db"), "local flocks": ("bindfs",)}

_MOST = 5  # that run at a time, and more than any test has


class Unavailable(Exception):
    """There can be no cluster here, and why."""


class Clusters:
    """The clusters of a test session: each is started once, for all tests that ask for its kind."""

    def __init__(self) -> None:
        self._running: dict[Settings, Cluster] = {}
        self._started = 0

    def like(self, settings: Settings) -> Cluster:
        """A cluster with these settings, as clean as a new one. Raises Unavailable."""
        if settings not in self._running:
            refuse_if_there_can_be_none(settings)
            if not self._running:
                remove_left()
            if len(self._running) == _MOST:
                self._running.pop(next(iter(self._running))).close()
            self._running[settings] = self._new(settings)
        return self._running[settings]

    def _new(self, settings: Settings, tries: int = 2) -> Cluster:
        self._started += 1
        try:
            return Cluster(settings, self._started % 100)
        except AssertionError:  # a daemon has given up, as where all others were slow
            if tries == 1:
                raise
            return self._new(settings, tries - 1)

    def clean(self, cluster: Cluster) -> None:
        """Have nothing of a test be left: of a cluster that cannot be cleaned all goes."""
        try:
            cluster.clean()
        except (AssertionError, OSError, subprocess.SubprocessError):
            self._running.pop(cluster.settings, None)
            cluster.close()

    def close(self) -> None:
        for cluster in self._running.values():
            cluster.close()


def refuse_if_there_can_be_none(settings: Settings) -> None:
    """Raises Unavailable."""
    if os.getuid() != 0:
        raise Unavailable("a cluster of one's own needs root")
    wanted = {"dbd": settings.accounting == "dbd", "local flocks": settings.local_flock}
    programs = [*_PROGRAMS, *(name for key in _ALSO if wanted[key] for name in _ALSO[key])]
    missing = [name for name in programs if not shutil.which(name, path=PATH)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    if settings.local_flock and not os.path.exists("/dev/fuse"):
        raise Unavailable("no FUSE here")
    try:
        socket.getaddrinfo("127.0.0.1", None, socket.AF_INET, flags=socket.AI_ADDRCONFIG)
    except OSError:
        raise Unavailable("Slurm finds no address where there is no network") from None
    done = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"no namespaces here: {done.stderr.strip()}")


def remove_left() -> None:
    """Remove what sessions that were killed have left: their processes, then their folders."""
    daemons.end_orphans()
    for folder in TOP.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            found = folder.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0
            if is_ours and daemons.is_over((folder / OWNER).read_text()):
                remove(folder)
