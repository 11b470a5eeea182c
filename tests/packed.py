"""Runs put into archives and taken out of them, as tests of several packages ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rundirs import A

from guild_sync.agent.archives import exporting, importing
from guild_sync.agent.protocol import Exported, Imported

KINDS = ("out", "out.zip", "out.tar", "out.tar.zst")
kinds = pytest.mark.parametrize("name", KINDS)
_PLENTY = 1 << 40


def export(home: Path, file: Path, *ids: str, **options: object) -> Exported:
    return exporting.export(str(home), str(file), ids or (A,), **options)  # type: ignore[arg-type]


def import_(home: Path, file: Path, ids: Sequence[str] = (A,), **options: object) -> Imported:
    given = {"most": _PLENTY, "room": 2 * _PLENTY, **options}
    return importing.import_runs(str(home), str(file), ids, **given)  # type: ignore[arg-type]
