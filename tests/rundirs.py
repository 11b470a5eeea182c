"""Run directories that tests of several packages are made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from guild_sync.agent.protocol import NOTES, Plain, State, Value
from guild_sync.agent.scalars import kept
from guild_sync.agent.scalars.series import ScalarSeries
from guild_sync.agent.store import attrs, inside
from guild_sync.dealing import batches
from guild_sync.dealing.batches import Batch
from guild_sync.project.wheel import Built

A, B, C = "a" * 32, "b" * 32, "c" * 32


def make(
    home: Path, run_id: str = A, marks: Mapping[str, str] | None = None, **attributes: Plain
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


def give_scalars(directory: Path, scalars: Mapping[str, Sequence[float]], time: int = 1) -> Path:
    """Have a run keep scalars, each by the numbers that it printed one after the other."""
    found = {name: ScalarSeries() for name in scalars}
    for name, numbers in scalars.items():
        for number in numbers:
            found[name].add(number, time)
    kept.write(str(directory), found)
    return directory


def state(status: str | None, **known: Value) -> State:
    """A state as the agent tells of it, with what else is known."""
    found: State = {
        "status": status,
        "remote": None,
        "exit_status": None,
        "started": None,
        "stopped": None,
        "stamp": "",
        "left_out": [],
        "inputs": [],
        "links": [],
        "notes": dict.fromkeys(NOTES) if status else {},
        "unreadable": [],
        "children": [],
        "bytes": None,
        "retries": 0,
        "stalls": 0,
        "sample": (0, 0),
        "large": [],
        "sparse": True,
    }
    return {**found, **known}  # type: ignore[typeddict-item]


def new_batch(batch_id: str = C, made: float = 1.0) -> Batch:
    """A batch of the trials A and B over gpu1 and gpu2; its folder is there."""
    folder = batches.folder_of(batch_id)
    folder.mkdir(parents=True)
    return Batch(
        batch_id,
        name="op",
        made=made,
        remotes=("gpu1", "gpu2"),
        trials=(A, B),
        needs={"gpus": 1},
        secrets=("TOKEN",),
        stops=True,
        built=Built(folder / "a.whl", "gpkg.a", "1.0", "gpkg/a", ("b",)),
        files=("data.txt",),
        requires=("b",),
        python_requires=">=3.8",
    )


def folders_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of runs that are opened from now on, as they are named then."""
    found: list[str] = []
    opened = inside.opened

    def noted(path: str, within: int | None = None, flags: int = inside.PASS) -> int:
        found.append(path)
        return opened(path, within, flags)

    monkeypatch.setattr(inside, "opened", noted)
    return found
