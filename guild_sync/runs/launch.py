"""A run that is to be, or to be again: a record of all that it takes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guild_sync.project.definitions import Operation, Package
from guild_sync.project.sourcecode import Source

Recipe = Mapping[str, Any]  # a run as the agent's `recipe` has it


@dataclass(frozen=True)
class Launch:
    """A run that is to be, or to be again: the operation, its flags, what is said of it."""

    operation: Operation
    values: Mapping[str, Any]
    attributes: Mapping[str, Any]
    job: Mapping[str, Any]
    opref: str | None = None  # what the operation is, where no package of `source` says it
    source: Source | None = None  # of a project; None: what `like`, or the run itself, has
    package: Package = field(default_factory=Package)
    like: str | None = None  # the run whose source code it takes
    again: bool = False  # the run is there already
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    run_dir: Path | None = None  # a place outside of the guild home
    project_warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # of the project, which it requires beside its source code

    @property
    def name(self) -> str:
        return self.operation.full_name

    @property
    def children(self) -> Sequence[Mapping[str, Any]]:
        """The runs that it consists of: a pipeline's steps, a batch's trials."""
        found: Sequence[Mapping[str, Any]] = self.job.get("children") or ()
        return found

    @property
    def is_batch(self) -> bool:
        return bool(self.children) and not self.job.get("is_pipeline")

    @property
    def warnings(self) -> list[str]:
        """What the user should know before it starts: keys and files that are passed over."""
        later = [
            f"{self.name}: {key} is passed over: it comes with a later version"
            for key in self.operation.later_keys
        ]
        left_out = self.source.left_out if self.source is not None else ()
        return [*self.project_warnings, *later, *left_out]
