"""The Slurm clusters of a test session, and why there can be none."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator

import daemons
from cluster import NAMESPACES, PREFIX, TOP, Cluster
from daemons import PATH
from slurm_files import Settings

_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "sshd", "ssh-keygen")
_ALSO = {"dbd": ("slurmdbd", "mariadbd", "mysql_install_db"), "local flocks": ("bindfs",)}


class Unavailable(Exception):
    """There can be no cluster here, and why."""


class Clusters:
    """The clusters of a test session: one that tests share, and those that tests have alone."""

    def __init__(self) -> None:
        self._shared: Cluster | None = None
        self._started = 0

    def shared(self) -> Cluster:
        """The cluster of the session, which was started once. Raises Unavailable."""
        if self._shared is None:
            remove_left()
            self._shared = self._new(Settings())
        return self._shared

    @contextlib.contextmanager
    def another(self, settings: Settings) -> Iterator[Cluster]:
        """A cluster of one test's own. Raises Unavailable."""
        cluster = self._new(settings)
        try:
            yield cluster
        finally:
            cluster.close()

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()

    def _new(self, settings: Settings) -> Cluster:
        refuse_if_there_can_be_none(settings)
        self._started += 1
        return Cluster(settings, self._started % 100)


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
            if is_ours and daemons.is_over((folder / "owner").read_text()):
                shutil.rmtree(folder)
