"""Run directories that tests of several packages are made with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guild_sync.agent.store import attrs

A, B, C = "a" * 32, "b" * 32, "c" * 32


def make(
    home: Path, run_id: str = A, marks: Mapping[str, str] | None = None, **attributes: Any
) -> Path:
    """A run with attributes, each as YAML, and with marks: LOCK, PENDING, ..."""
    guild = home / "runs" / run_id / ".guild"
    (guild / "attrs").mkdir(parents=True)
    (guild / "opref").write_text("package:gpkg.demo 1.0 '' op")
    for name, value in attributes.items():
        (guild / "attrs" / name).write_text(attrs.encode(value))
    for name, text in (marks or {}).items():
        (guild / name).write_text(text)
    return guild.parent
