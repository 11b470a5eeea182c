"""Folders with files, in git or not."""

from __future__ import annotations

import subprocess
from pathlib import Path


def fill(folder: Path, *names: str, content: bytes = b"text") -> Path:
    """Files in a folder, each with this content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def git(folder: Path, *argv: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *argv],
        check=True,
        capture_output=True,
        timeout=60,
    )
