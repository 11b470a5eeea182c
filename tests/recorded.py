"""What Slurm's commands have answered: unit/agent/scheduling/outputs/slurm/README.md says how."""

from __future__ import annotations

import json
from pathlib import Path

from guild_sync.agent.machine.children import Said

OUTPUTS = Path(__file__).parent / "unit/agent/scheduling/outputs/slurm"
VERSIONS = ("20.11", "22.05", "24.11")


def labels(pattern: str) -> list[tuple[str, str]]:
    """The answers whose names are like this, of all versions."""
    return [
        (v, path.stem) for v in VERSIONS for path in sorted((OUTPUTS / v).glob(pattern + ".txt"))
    ]


def answer(version: str, label: str) -> Said:
    """What a command has said, and its exit status; a negative one where it had to be ended."""
    _, code, rest = (OUTPUTS / version / f"{label}.txt").read_text().split("\n", 2)
    out, err = rest.removeprefix("--- stdout\n").split("--- stderr\n")
    status = code.removeprefix("exit ")
    return Said(int(status) if status.isdigit() else -9, out, err)


def words(version: str, label: str) -> list[str]:
    """How the command was called."""
    first = (OUTPUTS / version / f"{label}.txt").read_text().partition("\n")[0]
    found: list[str] = json.loads(first)
    return found
