"""A wheel of pure Python, unpacked."""

from __future__ import annotations

import os

from ..errors import AgentError


def unpack(wheel: str, target: str) -> None:
    """Unpack a wheel of pure Python: its files go below `target` and nowhere else."""
    import zipfile  # a quarter of an agent's start, and needed once a run

    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            parts = member.filename.split("/")
            if member.filename.startswith("/") or ".." in parts:
                raise AgentError("the package has a file outside itself: %r" % member.filename)
            path = archive.extract(member, target)
            mode = (member.external_attr >> 16) & 0o777
            if mode and os.path.isfile(path):
                os.chmod(path, mode | 0o600)
